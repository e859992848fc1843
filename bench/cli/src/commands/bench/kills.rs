//! Runs in real time on served instruments, each interrupted by kill -9 at a random moment: of its process, of the daemon, of
//! both, and of whatever brings it to its end. What became of it is looked at by other means than those of the daemon.
//!
//! The witnesses: the rig's true state, the times of the record's files, the engine fed with the record again, the audit log.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use domain::EventKind;
use engine::Replay;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use record::Reader;
use serde_json::{Value, json};
use store::{Actor, Job, JobState, Store};

use super::served::{self, Process, Server};
use crate::Failure;

/// What must be none of what is counted.
pub(super) const NEVER: [&str; 6] =
    ["unreadable", "without_a_state", "unsafe", "not_replaying", "orphans", "lost_too_much"];
/// So much may be lost.
const LOST_AT_MOST_S: f64 = 1.0;
/// Some bolus at once, and long enough to be interrupted: what a record needs to be worth something.
const SCENARIO: &str = "scenario: Interrupted
weighing: {before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}
steps:
  - start: {continuous: 20 mL/day}
  - hold: {name: delivered, for: 6 s}
";
/// What makes every other run one that may go on.
const RESUME: &str = "resume: {within: 1 min}\n";
/// The latest moment of a kill behind the job's submission.
const KILLED_WITHIN_MS: u64 = 26_000;
/// The latest moment at which its end is interrupted as well, and how many of four are.
const AGAIN_WITHIN_MS: u64 = 3_000;
/// How long bringing a run to its end may take: a safe stop of 10 s, and a report.
const ENDED_WITHIN: Duration = Duration::from_secs(90);
/// How long the rig's true state may take to say that the pump is stopped: it is written so often.
const SAFE_WITHIN: Duration = Duration::from_secs(3);
/// How long a process that was killed may take to be gone.
const DEAD_WITHIN: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_millis(20);

/// What is counted.
#[derive(Debug, Default)]
struct Found {
    rounds: u64,
    worker_kills: u64,
    daemon_kills: u64,
    /// Kills that met a run which had a record.
    interrupted: u64,
    /// How often a run went on.
    resumed: u64,
    /// How many ended as if nothing had happened.
    passed_resumed: u64,
    unreadable: u64,
    without_a_state: u64,
    unsafe_rigs: u64,
    not_replaying: u64,
    /// Runs that were killed before their first event was on disk, so that nothing had moved.
    before_its_first_event: u64,
    /// What was wrong, a sentence each.
    troubles: Vec<String>,
    /// Runs of which more was lost than that may be.
    lost_too_much: u64,
    /// The oldest moment whose events were lost, in s before the kill.
    lost_s: f64,
    /// The longest time from the daemon's start to the job's end.
    ended_s: f64,
}

/// So many jobs, one after the other.
pub(super) fn measure(folder: &Path, rounds: u64, seed: u64) -> Result<Value, Failure> {
    let server = Server::start(folder)?;
    let mut soak = Soak {
        folder: folder.to_owned(),
        random: ChaCha8Rng::seed_from_u64(seed),
        daemon: None,
        rig: server.rig.clone(),
        found: Found::default(),
    };
    let goes_on = SCENARIO.replace("weighing:", &format!("{RESUME}weighing:"));
    for (name, text) in [("interrupted.yaml", SCENARIO), ("resumed.yaml", &goes_on)] {
        std::fs::write(folder.join(name), text).map_err(Failure::bench)?;
    }
    for _ in 0..rounds {
        soak.round()?;
    }
    drop(soak.daemon.take());
    let mut store = soak.store()?;
    let orphans =
        store.holders().map_err(Failure::bench)?.len() + store.open_jobs(&soak.rig).map_err(Failure::bench)?.len();
    let entries = store.verify_audit(None).map_err(Failure::bench)?.entries;
    let found = soak.found;
    Ok(json!({
        "rounds": found.rounds, "worker_kills": found.worker_kills, "daemon_kills": found.daemon_kills,
        "interrupted": found.interrupted, "resumed": found.resumed, "passed_resumed": found.passed_resumed,
        "unreadable": found.unreadable, "without_a_state": found.without_a_state,
        "unsafe": found.unsafe_rigs, "not_replaying": found.not_replaying,
        "before_its_first_event": found.before_its_first_event, "lost_s": found.lost_s, "lost_too_much": found.lost_too_much,
        "ended_s": found.ended_s, "orphans": orphans, "audit_entries": entries, "troubles": found.troubles,
    }))
}

struct Soak {
    folder: PathBuf,
    random: ChaCha8Rng,
    daemon: Option<Process>,
    rig: String,
    found: Found,
}

impl Soak {
    fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.folder.join("state"), Actor("soak".to_owned())).map_err(Failure::bench)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let mut command = Command::new(rig::ourselves().map_err(Failure::bench)?);
        command.args(arguments).current_dir(&self.folder).env("DOSEBENCH_STATE", self.folder.join("state"));
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// The daemon's address; it is started if there is none.
    fn daemon(&mut self) -> Result<String, Failure> {
        if let Some(daemon) = &self.daemon {
            return Ok(daemon.line.clone());
        }
        let daemon = served::daemon(&self.folder, &self.rig)?;
        let line = daemon.line.clone();
        self.daemon = Some(daemon);
        Ok(line)
    }

    fn sleep_up_to(&mut self, ms: u64) {
        thread::sleep(Duration::from_millis(self.random.next_u64() % ms));
    }

    /// Kills the job's process, the daemon, or both.
    fn kill(&mut self, job: &Job) {
        let which = self.random.next_u64() % 3;
        if which != 0 {
            self.found.daemon_kills += u64::from(self.daemon.take().is_some());
        }
        if which != 1
            && let Some(process) = job.process
        {
            let kill = Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status();
            self.found.worker_kills += u64::from(kill.is_ok_and(|status| status.success()));
        }
    }

    fn round(&mut self) -> Result<(), Failure> {
        let url = self.daemon()?;
        let scenario = if self.found.rounds.is_multiple_of(2) { "interrupted.yaml" } else { "resumed.yaml" };
        let mut submit = self.command(&["submit", scenario, "--daemon", &url])?;
        let submitted = submit.output().map_err(Failure::bench)?;
        let said = String::from_utf8_lossy(&submitted.stdout).trim().to_owned();
        let id: i64 = said.parse().map_err(|_| {
            Failure::bench(format!(
                "expected a job's number, but found '{said}' {}",
                String::from_utf8_lossy(&submitted.stderr)
            ))
        })?;
        self.sleep_up_to(KILLED_WITHIN_MS);
        let mut store = self.store()?;
        let job = store.job(id).map_err(Failure::bench)?;
        self.kill(&job);
        let killed = SystemTime::now();
        // The kernel takes its time; the daemon does not look sooner.
        let dies_until = Instant::now() + DEAD_WITHIN;
        while store.job_is_alive(id).map_err(Failure::bench)? && Instant::now() < dies_until {
            thread::sleep(Duration::from_millis(1));
        }
        if !store.job_is_alive(id).map_err(Failure::bench)?
            && let Some(run) = job.runs.last()
        {
            self.lost(Path::new(&run.folder), killed);
        }
        let began = Instant::now();
        self.daemon()?;
        if self.random.next_u64().is_multiple_of(4) {
            self.sleep_up_to(AGAIN_WITHIN_MS);
            let job = store.job(id).map_err(Failure::bench)?;
            self.kill(&job);
            self.daemon()?;
        }
        let job = loop {
            let job = store.job(id).map_err(Failure::bench)?;
            if job.state == JobState::Ended || began.elapsed() > ENDED_WITHIN {
                break job;
            }
            thread::sleep(LOOK);
        };
        self.found.ended_s = self.found.ended_s.max(began.elapsed().as_secs_f64());
        self.judge(&job);
        // Nobody holds anything behind it.
        if !store.holders().map_err(Failure::bench)?.is_empty() {
            self.found.without_a_state += 1;
            self.found
                .troubles
                .push(format!("job {id}: expected nobody to hold the station behind it, but somebody does"));
        }
        self.found.rounds += 1;
        Ok(())
    }

    /// How much of a run was not on disk when its process was killed: what came since its record was written last.
    fn lost(&mut self, run: &Path, killed: SystemTime) {
        let written = std::fs::metadata(run.join("record.mcap")).and_then(|of| of.modified());
        let finished = run.join("manifest.json").exists();
        let Ok(written) = written else { return };
        self.found.interrupted += 1;
        // A record that has its end is not written any more.
        let ended = Reader::open(run)
            .and_then(|mut reader| reader.for_each(drop))
            .is_ok_and(|tail| tail.wall_seconds.is_some());
        if !finished && !ended {
            let lost = killed.duration_since(written).unwrap_or_default();
            self.found.lost_s = self.found.lost_s.max(lost.as_secs_f64());
            self.found.lost_too_much += u64::from(lost.as_secs_f64() > LOST_AT_MOST_S);
        }
    }

    fn judge(&mut self, job: &Job) {
        let is_told = job.state == JobState::Ended
            && job.exit_code.is_some()
            && !job.runs.is_empty()
            && job.runs.iter().all(|run| run.verdict.is_some());
        if !is_told {
            self.found.without_a_state += 1;
            self.found
                .troubles
                .push(format!("job {}: expected it to have ended with its verdicts, but found {job:?}", job.id));
        }
        for run in &job.runs {
            let folder = Path::new(&run.folder);
            if Reader::open(folder).and_then(|mut reader| reader.for_each(drop)).is_ok_and(|tail| tail.events == 0) {
                // Killed before it had begun: there was nothing to lose, and nothing had moved.
                self.found.before_its_first_event += 1;
                continue;
            }
            let mut replay = Replay::new();
            let (mut differs, mut resumed) = (false, 0);
            let read = Reader::open(folder).and_then(|mut reader| {
                reader.for_each(|event| {
                    resumed += u64::from(matches!(event.kind, EventKind::Resumed(_)));
                    differs |= replay.apply(&event).is_err();
                })
            });
            self.found.resumed += resumed;
            self.found.passed_resumed += u64::from(resumed > 0 && run.exit_code == Some(0));
            let torn = read.map_or_else(|why| Some(why.to_string()), |tail| tail.torn);
            if torn.is_some() || !folder.join("manifest.json").exists() {
                self.found.unreadable += 1;
                self.found
                    .troubles
                    .push(format!("run {}: expected a whole record and its files, but found {torn:?}", run.run));
            }
            self.found.not_replaying += u64::from(differs || replay.finish().is_err());
        }
        let until = Instant::now() + SAFE_WITHIN;
        while !self.is_safe() {
            if Instant::now() > until {
                self.found.unsafe_rigs += 1;
                self.found
                    .troubles
                    .push(format!("job {}: expected a pump that delivers nothing, but it goes on", job.id));
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Whether the pump delivers nothing, as the plant itself says.
    fn is_safe(&self) -> bool {
        let state = Path::new(&self.rig).with_file_name("state.json");
        let state: Option<Value> = File::open(state).ok().and_then(|file| serde_json::from_reader(file).ok());
        state.is_some_and(|state| state["stations"]["1"]["rate_nl_per_h"] == 0)
    }
}
