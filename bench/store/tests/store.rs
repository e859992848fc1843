//! Holds, leases and the audit log, by threads, and against somebody who writes into the file. Processes that are killed are in
//! the tests of the program.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use store::{Actor, Hold, Store, StoreError, Token, Use, Wanted};

fn open(folder: &Path) -> Store {
    Store::open(folder, Actor("a test".to_owned())).expect("a store")
}

fn ports(names: &[(&str, Use)]) -> BTreeMap<String, Use> {
    names.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect()
}

fn wanted<'a>(resources: &'a BTreeMap<String, Use>, holder: &'a str, lease: Option<&'a Token>) -> Wanted<'a> {
    Wanted { resources, holder, reason: "to see what happens", lease }
}

fn take(folder: &Path, names: &[(&str, Use)], holder: &str) -> Result<Hold, StoreError> {
    Hold::take(open(folder), &wanted(&ports(names), holder, None))
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_port_is_one_holders_until_it_lets_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let first = take(folder, &[("a", Use::Alone), ("room", Use::Shared)], "first").expect("free");
    let refused = take(folder, &[("b", Use::Alone), ("a", Use::Alone)], "second").err().expect("held");
    assert!(matches!(&refused, StoreError::Held { resource, holder, .. } if resource == "a" && holder == "first"));
    let said = refused.to_string();
    assert!(said.contains("first uses it since 2") && said.contains("to see what happens"), "{said}");
    // All or none: what was refused has not left `b` behind.
    let second = take(folder, &[("b", Use::Alone), ("room", Use::Shared)], "second").expect("free");
    let holders = open(folder).holders().expect("holders");
    let named: Vec<&str> = holders.iter().map(|held| held.holder.as_str()).collect();
    assert_eq!(
        (named, holders[0].resources.as_slice()),
        (vec!["first", "second"], ["a".into(), "room".into()].as_slice())
    );
    assert!(take(folder, &[("room", Use::Alone)], "third").is_err(), "others read it");
    drop(first);
    drop(take(folder, &[("a", Use::Alone)], "third").expect("let go"));
    drop(second);
    assert!(open(folder).holders().expect("holders").is_empty());
    let left = std::fs::read_dir(folder.join("holds")).expect("locks").flatten();
    assert!(
        left.map(|lock| lock.file_name()).all(|name| name.to_string_lossy().starts_with("port-")),
        "no hold's is left"
    );
}

#[test]
fn what_is_set_is_shared_by_all_who_need_it_so_and_by_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let at = |c: &str| ("the set-point", Use::At(format!("{c} °C")));
    let first = take(folder, &[("a", Use::Alone), at("37")], "first").expect("free");
    let second = take(folder, &[("b", Use::Alone), at("37")], "second").expect("they need the same");
    let refused = take(folder, &[("c", Use::Alone), at("35")], "third").err().expect("it is set otherwise");
    assert!(matches!(&refused, StoreError::Set(set) if set.found == "37 °C" && set.wanted == "35 °C"));
    let said = refused.to_string();
    assert!(said.contains("expected the set-point to be had at 35 °C, but first needs it at 37 °C since 2"), "{said}");
    assert!(
        take(folder, &[("the set-point", Use::Alone)], "fourth").is_err(),
        "one who needs several in turn has it alone"
    );
    drop(first);
    assert!(take(folder, &[at("35")], "third").is_err(), "the second needs it still");
    drop(second);
    let third = take(folder, &[("c", Use::Alone), at("35")], "third").expect("nobody needs it otherwise");
    assert!(take(folder, &[at("37")], "first").is_err());
    drop(third);
    let alone = take(folder, &[("the set-point", Use::Alone)], "fourth").expect("free");
    assert!(matches!(take(folder, &[at("37")], "first"), Err(StoreError::Held { .. })));
    drop(alone);
    let runs = |settings: &[&str]| store::needs_of_all(settings.iter().map(|c| ports(&[at(c)])));
    assert_eq!(runs(&["37", "37"]), ports(&[at("37")]));
    assert_eq!(runs(&["35", "37"]), ports(&[("the set-point", Use::Alone)]));
}

/// Somebody has cleared the folder, or begun a new file: the ports' locks keep who uses them all the same.
#[test]
fn a_port_stays_its_holders_whatever_became_of_the_rows() {
    for remove_rows in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let first = take(folder.path(), &[("a", Use::Alone), ("room", Use::Shared)], "first").expect("free");
        for entry in std::fs::read_dir(folder.path().join("holds")).expect("locks") {
            let path = entry.expect("a lock").path();
            if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("port-")) {
                std::fs::remove_file(&path).expect("removed");
            }
        }
        if remove_rows {
            let file = Connection::open(folder.path().join("bench.sqlite")).expect("the file");
            file.execute_batch("DELETE FROM held; DELETE FROM holds").expect("removed");
        }
        let refused = take(folder.path(), &[("a", Use::Alone)], "next").err().expect("it is used").to_string();
        assert!(refused.contains("a process that the store does not know"), "{refused}");
        drop(take(folder.path(), &[("room", Use::Shared)], "next").expect("beside it"));
        assert!(take(folder.path(), &[("room", Use::Alone)], "next").is_err());
        drop(first);
        drop(take(folder.path(), &[("a", Use::Alone), ("room", Use::Alone)], "next").expect("let go"));
        open(folder.path()).verify_audit(None).expect("whole");
    }
}

#[test]
fn a_lock_without_a_row_is_swept_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let hold = take(folder.path(), &[("a", Use::Alone)], "somebody").expect("free");
    let stray = folder.path().join("holds/1-1");
    std::fs::write(&stray, "").expect("a file");
    assert_eq!(open(folder.path()).holders().expect("holders").len(), 1);
    assert!(!stray.exists() && take(folder.path(), &[("a", Use::Alone)], "another").is_err());
    drop(hold);
}

#[test]
fn a_lease_of_a_whole_keeps_others_from_its_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = ports(&[("module", Use::Alone)]);
    let (token, _) = open(folder.path()).lease(&wanted(&whole, "ben", None), HOUR).expect("free");
    let part = [("coil 3 of module", Use::Alone), ("module", Use::Shared)];
    assert!(matches!(take(folder.path(), &part, "ann"), Err(StoreError::Leased { .. })));
    open(folder.path()).end_lease(&token).expect("his");
    drop(take(folder.path(), &part, "ann").expect("free"));
}

#[test]
fn a_new_store_is_opened_by_many_at_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| drop(open(folder.path())))).collect();
            opened.into_iter().for_each(|thread| thread.join().expect("opened"));
        });
    }
}

#[test]
fn of_many_who_want_a_port_one_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let witness = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let witness = &witness;
            scope.spawn(move || {
                let mut taken = 0;
                while taken < 15 {
                    match take(path, &[("port", Use::Alone)], name) {
                        Ok(hold) => {
                            assert_eq!(witness.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0, "alone");
                            std::thread::sleep(Duration::from_millis(1));
                            witness.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            drop(hold);
                            taken += 1;
                        }
                        Err(StoreError::Held { .. }) => std::thread::yield_now(),
                        Err(other) => panic!("{other}"),
                    }
                }
            });
        }
    });
    assert_eq!(open(path).verify_audit(None).expect("whole").entries, 4 * 15 * 2);
}

#[test]
fn a_lease_is_its_tokens_until_its_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let of = ports(&[("a", Use::Alone), ("room", Use::Shared)]);
    let mut store = open(folder);
    let (token, lease) = store.lease(&wanted(&of, "ann", None), HOUR).expect("free");
    assert_eq!(lease.resources, ["a", "room"]);
    let whole = take(folder, &[("room", Use::Alone)], "ben");
    assert!(matches!(whole, Err(StoreError::Leased { .. })), "of what she uses a part nobody has the whole");
    let refused = take(folder, &[("a", Use::Alone)], "ben").err().expect("leased").to_string();
    assert!(refused.contains("ann has leased it until"), "{refused}");
    assert!(matches!(store.lease(&wanted(&of, "ben", None), HOUR), Err(StoreError::Leased { .. })));
    // The store is opened anew by each: a lease outlives the process that took it.
    let hold = Hold::take(open(folder), &wanted(&of, "ann's run", Some(&token))).expect("her own");
    assert!(matches!(Hold::take(open(folder), &wanted(&of, "ann", Some(&token))), Err(StoreError::Held { .. })));
    assert_eq!(open(folder).holders().expect("holders")[0].lease, Some(lease.id));
    drop(hold);
    let room = ports(&[("room", Use::Shared)]);
    drop(Hold::take(open(folder), &wanted(&room, "ben", None)).expect("what all use is kept from nobody"));
    assert!(matches!(store.lease(&wanted(&room, "ben", None), HOUR), Err(StoreError::Nothing)));
    let stranger = Token::new(&"0".repeat(64));
    assert!(matches!(Hold::take(open(folder), &wanted(&of, "ben", Some(&stranger))), Err(StoreError::NoLease(_))));
    assert!(matches!(store.end_lease(&stranger), Err(StoreError::NoLease(_))));
    assert!(matches!(store.renew(&stranger, HOUR), Err(StoreError::NoLease(_))));
    let until = store.renew(&token, 2 * HOUR).expect("hers");
    assert!(until > lease.until && store.leases().expect("leases")[0].until == until, "{until}");
    store.end_lease(&token).expect("hers");
    assert!(store.leases().expect("leases").is_empty());
    // Who uses it now is in the way of a lease.
    let hold = take(folder, &[("a", Use::Alone)], "ben").expect("free");
    assert!(matches!(store.lease(&wanted(&of, "ann", None), HOUR), Err(StoreError::Held { .. })));
    drop(hold);
    let (late, _) = store.lease(&wanted(&of, "ann", None), Duration::from_secs(1)).expect("free");
    std::thread::sleep(Duration::from_millis(1100));
    drop(take(folder, &[("a", Use::Alone)], "ben").expect("it has ended"));
    assert!(matches!(store.end_lease(&late), Err(StoreError::NoLease(_))));
    for lasts in [Duration::ZERO, 32 * 24 * HOUR] {
        assert!(matches!(store.lease(&wanted(&of, "ann", None), lasts), Err(StoreError::Duration(_))));
    }
    let (_, lost) = store.lease(&wanted(&of, "ann", None), HOUR).expect("free");
    assert!(matches!(store.break_lease(lost.id + 1, "her token is lost"), Err(StoreError::NoLease(_))));
    store.break_lease(lost.id, "her token is lost").expect("it was there");
    drop(take(folder, &[("a", Use::Alone)], "ben").expect("free"));
    store.verify_audit(None).expect("whole");
    let mut text = String::new();
    store.audit(|entry| text.push_str(&format!("{entry:?}"))).expect("a log");
    assert!(
        text.contains("her token is lost") && !text.contains(token.reveal()) && format!("{token:?}") == "Token(…)",
        "the token stands nowhere"
    );
}

/// A log of five entries, and how it is found after somebody wrote into the file.
fn tampered(with: &str, noted: Option<&str>) -> Result<i64, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        drop(take(folder.path(), &[("a", Use::Alone)], "somebody").expect("free"));
    }
    let _hold = take(folder.path(), &[("a", Use::Alone)], "somebody").expect("free");
    let head = open(folder.path()).verify_audit(None).expect("whole").head;
    let file = Connection::open(folder.path().join("bench.sqlite")).expect("the file");
    file.execute_batch(with).map_err(|e| format!("refused: {e}"))?;
    let noted = noted.map(|noted| if noted == "the last" { head.clone() } else { noted.to_owned() });
    open(folder.path()).verify_audit(noted.as_deref()).map(|found| found.entries).map_err(|e| e.to_string())
}

#[test]
fn the_audit_log_tells_that_somebody_wrote_into_it() {
    const OPENED: &str = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut;";
    assert_eq!(tampered("", Some("the last")), Ok(5));
    let replaced =
        "INSERT OR REPLACE INTO audit SELECT seq, at, 'x', action, subject, detail, previous, hash FROM audit";
    for plain in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", replaced] {
        assert!(tampered(plain, None).is_err_and(|e| e.contains("append-only")), "{plain}");
    }
    for (with, expected) in [
        ("UPDATE audit SET actor = 'x' WHERE seq = 3", "entry 3 has another hash than its contents call for"),
        ("UPDATE audit SET at = '2020-01-01T00:00:00Z' WHERE seq = 1", "entry 1 has another hash"),
        ("UPDATE audit SET hash = previous WHERE seq = 2", "entry 2 has another hash"),
        ("DELETE FROM audit WHERE seq = 2", "entry 3 stands where entry 2 was expected"),
        ("DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq > 2", "entry 2 does not follow"),
    ] {
        let found = tampered(&format!("{OPENED}{with}"), None);
        assert!(found.as_ref().is_err_and(|e| e.contains(expected)), "{with}: {found:?}");
    }
    // Cut at its end it is whole but for what was noted.
    let cut = format!("{OPENED}DELETE FROM audit WHERE seq = 5");
    assert_eq!(tampered(&cut, None), Ok(4));
    assert!(tampered(&cut, Some("the last")).is_err_and(|e| e.contains("no entry has the hash that was noted")));
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let file = Connection::open(folder.path().join("bench.sqlite")).expect("the file");
    file.pragma_update(None, "user_version", 99).expect("written");
    let refused = Store::open(folder.path(), Actor("a test".to_owned())).err().expect("refused").to_string();
    assert!(refused.contains("has format 99, this version knows 7 at most"), "{refused}");
}
