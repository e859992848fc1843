//! The store's tables, and how an older file becomes one of this version.
//!
//! Moments are in ms since 1970, by the wall clock. Numbers of versions are kept in `user_version`; a step each, never changed once
//! it was released.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// The steps from an empty file; as many as there are versions.
const STEPS: [&str; 7] = ["
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_appended BEFORE INSERT ON audit WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM audit)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE holds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lock TEXT NOT NULL UNIQUE,
    holder TEXT NOT NULL,
    reason TEXT NOT NULL,
    lease INTEGER, -- under which it was taken; it may have ended since
    since_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE held (
    resource TEXT NOT NULL,
    hold INTEGER NOT NULL REFERENCES holds (id) ON DELETE CASCADE,
    alone INTEGER NOT NULL CHECK (alone IN (0, 1)),
    PRIMARY KEY (resource, hold)
) STRICT, WITHOUT ROWID;
-- Whatever the program believes, the file has no two that hold a port alone.
CREATE UNIQUE INDEX held_alone ON held (resource) WHERE alone = 1;

CREATE TABLE leases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_sha256 TEXT NOT NULL UNIQUE,
    holder TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE leased (
    resource TEXT NOT NULL,
    lease INTEGER NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
    alone INTEGER NOT NULL CHECK (alone IN (0, 1)),
    PRIMARY KEY (resource, lease)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX leased_alone ON leased (resource) WHERE alone = 1;
", "
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rig TEXT NOT NULL,
    station TEXT NOT NULL,
    title TEXT NOT NULL,
    task TEXT NOT NULL,
    priority INTEGER NOT NULL,
    budget_ms INTEGER,
    submitter TEXT NOT NULL,
    key TEXT,
    submitted_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'ended')),
    attempts INTEGER NOT NULL DEFAULT 0,
    planned INTEGER,
    started_ms INTEGER,
    ended_ms INTEGER,
    process INTEGER,
    exit_code INTEGER CHECK ((exit_code IS NOT NULL) = (state = 'ended')),
    reason TEXT,
    cancelled_by TEXT
) STRICT;
CREATE UNIQUE INDEX job_key ON jobs (rig, submitter, key);
-- Whatever the program believes, one job runs at a station.
CREATE UNIQUE INDEX job_running ON jobs (rig, station) WHERE state = 'running';
CREATE INDEX job_open ON jobs (rig, station, priority DESC, id) WHERE state = 'queued';
CREATE INDEX job_over ON jobs (rig, ended_ms DESC) WHERE state = 'ended';
CREATE TABLE job_runs (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    run TEXT NOT NULL,
    folder TEXT NOT NULL UNIQUE,
    verdict TEXT,
    exit_code INTEGER CHECK ((exit_code IS NOT NULL) = (verdict IS NOT NULL)),
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_of_run ON job_runs (run);
-- Stations where nothing begins until a person has looked.
CREATE TABLE quarantines (
    rig TEXT NOT NULL,
    station TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (rig, station)
) STRICT, WITHOUT ROWID;
", "
-- Who may ask the daemon for what.
CREATE TABLE access (
    name TEXT PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL CHECK (scope IN ('view', 'run', 'operate', 'administer')),
    since_ms INTEGER NOT NULL,
    until_ms INTEGER -- without one it ends when it is taken back
) STRICT, WITHOUT ROWID;
-- Whether a check has put a station into quarantine: then a check may release it.
ALTER TABLE quarantines ADD COLUMN by_check INTEGER NOT NULL DEFAULT 0 CHECK (by_check IN (0, 1));
-- What people should hear of, and who was told.
CREATE TABLE matters (key TEXT PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE notices (
    matter TEXT NOT NULL REFERENCES matters (key),
    recipient TEXT NOT NULL,
    sent INTEGER NOT NULL CHECK (sent IN (0, 1)),
    failures INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL,
    PRIMARY KEY (matter, recipient)
) STRICT, WITHOUT ROWID;
", "
-- To what a thing is set that several may have if they want the same.
ALTER TABLE held ADD COLUMN setting TEXT;
-- What a job's runs need to be set, as JSON: each thing with its use.
ALTER TABLE jobs ADD COLUMN needs TEXT NOT NULL DEFAULT '{}';
-- Whether its process has left its run as it was, for whoever finds it to go on with.
ALTER TABLE jobs ADD COLUMN is_left INTEGER NOT NULL DEFAULT 0 CHECK (is_left IN (0, 1));
", "
-- Who has taken note of how it ended.
ALTER TABLE jobs ADD COLUMN acknowledged_by TEXT;
", "
-- How many runs of jobs in a row have ended in error at a station before their steps; no row where none did since one came to them.
CREATE TABLE station_failures (
    rig TEXT NOT NULL,
    station TEXT NOT NULL,
    in_a_row INTEGER NOT NULL,
    PRIMARY KEY (rig, station)
) STRICT, WITHOUT ROWID;
-- Since when somebody is told of what happens at a rig.
CREATE TABLE recipients (
    rig TEXT NOT NULL,
    name TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (rig, name)
) STRICT, WITHOUT ROWID;
-- The SHA-256 of the board's image that a job's runs have, in hexadecimal; empty where the station's file names none.
ALTER TABLE jobs ADD COLUMN image_sha256 TEXT;
", "
-- The ports of a station in quarantine: nobody comes to them under another name.
CREATE TABLE quarantined_ports (
    resource TEXT NOT NULL,
    rig TEXT NOT NULL,
    station TEXT NOT NULL,
    PRIMARY KEY (resource, rig, station),
    FOREIGN KEY (rig, station) REFERENCES quarantines (rig, station) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
-- The folder of the run without an end for which a station is in quarantine.
ALTER TABLE quarantines ADD COLUMN run TEXT;
-- What a process does by hand with what it holds: the folder of its run, at which station of which rig.
ALTER TABLE holds ADD COLUMN run TEXT;
ALTER TABLE holds ADD COLUMN rig TEXT;
ALTER TABLE holds ADD COLUMN station TEXT;
"];

/// Brings a file to this version.
pub(crate) fn migrate(connection: &mut Connection, path: &std::path::Path) -> Result<(), StoreError> {
    let known = STEPS.len() as i64;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = usize::try_from(found).ok().and_then(|found| STEPS.get(found..)) else {
        return Err(StoreError::Format { path: path.to_owned(), found, known });
    };
    for step in missing {
        transaction.execute_batch(step)?;
    }
    if !missing.is_empty() {
        transaction.pragma_update(None, "user_version", known)?;
    }
    Ok(transaction.commit()?)
}
