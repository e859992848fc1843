//! Jobs from one state to the next, over stores that are opened anew: what one has written the next one knows.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::fault::AtStation;
use jiff::Timestamp;
use store::{
    Actor, Cancelled, Hold, Job, JobRun, JobState, Place, Requeued, Store, StoreError, Submission, Use, Wanted,
};

static NOTHING: BTreeMap<String, Use> = BTreeMap::new();

fn open(folder: &Path) -> Store {
    Store::open(folder, Actor("a test".to_owned())).expect("a store")
}

fn wanted<'a>(station: &'a str, task: &'a str, priority: i32, key: Option<&'a str>) -> Submission<'a> {
    let needs = &NOTHING;
    Submission { rig: "rig", station, title: task, task, needs, priority, budget: None, submitter: "anna", key }
}

fn submit(folder: &Path, station: &str, task: &str, priority: i32) -> i64 {
    open(folder).submit(&wanted(station, task, priority, None)).expect("queued").id
}

fn job(folder: &Path, id: i64) -> Job {
    open(folder).job(id).expect("a job")
}

#[test]
fn jobs_of_a_station_run_one_at_a_time_by_priority_and_then_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ids =
        [("1", 0), ("1", 0), ("1", 7), ("2", 0)].map(|(station, priority)| submit(folder, station, "x", priority));
    let mut begun = Vec::new();
    while let Some((job, lock)) = open(folder).claim_next_job("rig", "1").expect("looked") {
        assert!(open(folder).claim_next_job("rig", "1").expect("looked").is_none(), "one at a time");
        assert!(
            open(folder).job_is_alive(job.id).expect("looked") && open(folder).lock_job(job.id).expect("ok").is_none()
        );
        begun.push(job.id);
        drop(lock);
        assert!(!open(folder).job_is_alive(job.id).expect("looked"), "whoever worked on it has let go");
        open(folder).end_job(job.id, 0, None).expect("ended");
    }
    assert_eq!(begun, [ids[2], ids[0], ids[1]]);
    assert!(open(folder).claim_next_job("another rig", "2").expect("looked").is_none());
    assert_eq!(open(folder).open_jobs("rig").expect("jobs").iter().map(|job| job.id).collect::<Vec<_>>(), [ids[3]]);
    assert_eq!(open(folder).ended_jobs("rig", 2).expect("jobs").len(), 2);
    assert!(matches!(open(folder).job_of("another rig", ids[3]), Err(StoreError::NoJob(_))));
    assert!(open(folder).verify_audit(None).is_ok());
}

#[test]
fn a_run_that_was_left_is_so_until_somebody_takes_it_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let needs = BTreeMap::from([("the set-point".to_owned(), Use::At("37 °C".to_owned()))]);
    let id = open(folder).submit(&Submission { needs: &needs, ..wanted("1", "x", 0, None) }).expect("queued").id;
    assert_eq!(job(folder, id).needs, needs);
    let (_, lock) = open(folder).claim_next_job("rig", "1").expect("looked").expect("the job");
    open(folder).set_job_process(id, 7).expect("noted");
    assert!(!job(folder, id).is_left);
    open(folder).leave_job(id).expect("noted");
    drop(lock);
    let left = job(folder, id);
    assert!(left.is_left && left.state == JobState::Running && !open(folder).job_is_alive(id).expect("looked"));
    open(folder).set_job_process(id, 8).expect("noted");
    assert!(!job(folder, id).is_left, "somebody goes on with it");
}

#[test]
fn a_key_is_one_submission_of_one_person_for_one_rig() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = open(folder.path());
    let night = Some("night");
    let first = store.submit(&wanted("1", "x", 0, night)).expect("queued").id;
    assert_eq!(store.submit(&wanted("1", "x", 0, night)).expect("the same").id, first);
    let budget = Submission { budget: Some(Duration::from_secs(9)), ..wanted("1", "x", 0, night) };
    for other in [wanted("1", "y", 0, night), wanted("2", "x", 0, night), wanted("1", "x", 1, night), budget] {
        let refused = store.submit(&other).expect_err("something else");
        assert!(matches!(refused, StoreError::Key { job, .. } if job == first), "{refused}");
    }
    let ben = Submission { submitter: "ben", ..wanted("1", "y", 0, night) };
    let rig = Submission { rig: "another rig", ..wanted("1", "y", 0, night) };
    let keyless = wanted("1", "x", 0, None);
    let others = [ben, rig, keyless.clone(), keyless].map(|one| store.submit(&one).expect("another").id);
    assert!(others.iter().all(|id| *id != first) && others[2] != others[3]);
}

#[test]
fn a_job_that_is_cancelled_ends_whatever_it_is_doing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (waits, runs) = (submit(folder, "2", "x", 0), submit(folder, "1", "x", 0));
    assert_eq!(open(folder).cancel_job("rig", waits, "ben").expect("done"), Cancelled::Ended);
    let ended = job(folder, waits);
    assert_eq!((ended.state, ended.exit_code, ended.cancelled_by.as_deref()), (JobState::Ended, Some(5), Some("ben")));
    assert_eq!(open(folder).cancel_job("rig", waits, "ben").expect("done"), Cancelled::Over);
    assert!(matches!(open(folder).cancel_job("another rig", runs, "ben"), Err(StoreError::NoJob(_))));
    let (_, lock) = open(folder).claim_next_job("rig", "1").expect("looked").expect("a job");
    // Before its process is known: the process hears of it when it says who it is.
    assert_eq!(open(folder).cancel_job("rig", runs, "ben").expect("done"), Cancelled::Asked);
    assert_eq!(open(folder).set_job_process(runs, 17).expect("noted").as_deref(), Some("ben"));
    drop(lock);
    open(folder).requeue_job(runs, Requeued::Ended).expect("done");
    assert_eq!(
        (job(folder, runs).state, job(folder, runs).exit_code),
        (JobState::Ended, Some(5)),
        "it is not begun again"
    );
}

#[test]
fn how_a_job_ended_is_acknowledged_once_and_not_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let id = submit(folder, "1", "x", 0);
    assert!(!open(folder).acknowledge_job("rig", id, "anna").expect("looked"), "it has not ended");
    assert_eq!(job(folder, id).acknowledged_by, None);
    open(folder).cancel_job("rig", id, "ben").expect("done");
    for by in ["anna", "ben"] {
        assert!(open(folder).acknowledge_job("rig", id, by).expect("done"));
        assert_eq!(job(folder, id).acknowledged_by.as_deref(), Some("anna"), "the first who knew");
    }
    assert!(matches!(open(folder).acknowledge_job("another rig", id, "ben"), Err(StoreError::NoJob(_))));
    let told = |within_s: i64| -> Vec<i64> {
        let since_ms = Timestamp::now().as_millisecond() - within_s * 1000;
        let jobs = open(folder).unacknowledged_jobs("rig", since_ms).expect("looked");
        jobs.into_iter().map(|job| job.id).collect()
    };
    assert_eq!(told(60), [0; 0], "a stop that somebody wanted is nobody's concern");
    let ids: Vec<i64> = [0, 1, 4]
        .map(|code| {
            let id = submit(folder, "1", "x", 0);
            drop(open(folder).claim_next_job("rig", "1").expect("looked").expect("a job"));
            open(folder).end_job(id, code, None).expect("ended");
            id
        })
        .into();
    assert_eq!(told(60), ids[1..]);
    open(folder).acknowledge_job("rig", ids[1], "anna").expect("done");
    assert_eq!(told(60), ids[2..]);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(told(0), [0; 0], "it is too long ago");
}

#[test]
fn a_job_that_did_nothing_waits_again_but_not_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let id = submit(folder, "1", "x", 0);
    for _ in 0..10 {
        drop(open(folder).claim_next_job("rig", "1").expect("looked").expect("a job"));
        open(folder).requeue_job(id, Requeued::Waits("somebody has the station")).expect("done");
    }
    assert_eq!(job(folder, id).reason.as_deref(), Some("somebody has the station"), "that is no attempt");
    for _ in 0..10 {
        drop(open(folder).claim_next_job("rig", "1").expect("looked").expect("a job"));
        open(folder).requeue_job(id, Requeued::Stopped).expect("done");
    }
    assert_eq!(job(folder, id).state, JobState::Queued, "nor is a stop");
    for attempt in 1..=3 {
        drop(open(folder).claim_next_job("rig", "1").expect("looked").expect("a job"));
        open(folder).requeue_job(id, Requeued::Ended).expect("done");
        assert_eq!(job(folder, id).state == JobState::Ended, attempt == 3, "{attempt}");
    }
    let ended = job(folder, id);
    assert!(ended.exit_code == Some(4) && ended.reason.is_some_and(|why| why.contains("ended 3 times")));
}

#[test]
fn a_job_that_has_made_some_of_its_runs_waits_for_the_others_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let begun = || {
        let id = submit(folder, "1", "x", 0);
        let begin = move |number: u32| {
            let (claimed, _lock) = open(folder).claim_next_job("rig", "1").expect("looked").expect("a job");
            assert_eq!(claimed.id, id);
            let run = format!("run-{id}-{number}");
            open(folder).add_job_run(id, (&run, &run), 3, None).expect("noted");
            open(folder).end_job_run(id, &run, ("fail", 1), &AtStation::Untold).expect("noted");
            open(folder).requeue_job(id, Requeued::Ended).expect("done");
        };
        (id, begin)
    };
    let (id, begin) = begun();
    begin(1);
    let first = job(folder, id);
    assert!(first.state == JobState::Queued && first.misses_runs() && first.started.is_some());
    begin(2);
    assert_eq!(
        (job(folder, id).state, job(folder, id).started),
        (JobState::Queued, first.started),
        "as long as it has got on"
    );
    assert_eq!(open(folder).cancel_job("rig", id, "ben").expect("done"), Cancelled::Ended);
    let ended = job(folder, id);
    assert_eq!((ended.exit_code, ended.reason.as_deref()), (Some(5), Some("cancelled by ben after 2 of 3 runs")));
    let (id, begin) = begun();
    begin(1);
    for attempt in 1..=3 {
        drop(open(folder).claim_next_job("rig", "1").expect("looked").expect("a job"));
        open(folder).requeue_job(id, Requeued::Ended).expect("done");
        assert_eq!(job(folder, id).state == JobState::Ended, attempt == 3, "{attempt}");
    }
    let ended = job(folder, id);
    assert_eq!(ended.exit_code, Some(1), "what failed stays so");
    let why = "its process ended 3 times without another run, see its log; it was given up after 1 of 3 runs";
    assert_eq!(ended.reason.as_deref(), Some(why));
}

#[test]
fn a_stop_of_the_daemon_hides_nothing_that_comes_behind_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let id = submit(folder, "1", "x", 0);
    for (run, verdict, code) in [("run-1", "aborted", 5), ("run-2", "fail", 1)] {
        drop(open(folder).claim_next_job("rig", "1").expect("looked").expect("a job"));
        open(folder).add_job_run(id, (run, run), 3, None).expect("noted");
        open(folder).end_job_run(id, run, (verdict, code), &AtStation::Untold).expect("noted");
        open(folder).requeue_job(id, Requeued::Stopped).expect("done");
    }
    let codes: Vec<u8> = job(folder, id).runs.iter().map(JobRun::code).collect();
    assert_eq!(codes, [4, 1], "nobody wanted that stop");
    open(folder).cancel_job("rig", id, "ben").expect("done");
    let ended = job(folder, id);
    assert_eq!(ended.exit_code, Some(5));
    assert!(ended.is_unacknowledged(), "whoever cancelled it need not know what had failed");
    let told = open(folder).unacknowledged_jobs("rig", 0).expect("looked");
    assert_eq!(told.len(), 1);
}

#[test]
fn an_interrupted_job_keeps_its_runs_and_forgets_its_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let id = submit(folder, "1", "x", 0);
    drop(open(folder).claim_next_job("rig", "1").expect("looked").expect("a job"));
    open(folder).set_job_process(id, 17).expect("noted");
    open(folder).add_job_run(id, ("run-1", "/runs/run-1"), 2, None).expect("noted");
    open(folder).end_job_run(id, "run-1", ("pass", 0), &AtStation::Works).expect("noted");
    open(folder).add_job_run(id, ("run-2", "/runs/run-2"), 2, None).expect("noted");
    let interrupted = job(folder, id);
    assert_eq!((interrupted.process, interrupted.planned, interrupted.runs.len()), (Some(17), Some(2), 2));
    assert_eq!((interrupted.runs[0].exit_code, interrupted.runs[1].verdict.clone()), (Some(0), None));
    let lock = open(folder).lock_job(id).expect("looked").expect("nobody has it");
    assert_eq!(job(folder, id).process, None, "another process may have that number by now");
    drop(lock);
    assert_eq!(open(folder).job_of_run("run-2").expect("looked").map(|job| job.id), Some(id));
    assert_eq!(open(folder).job_of_run("run-3").expect("looked"), None);
    assert!(open(folder).add_job_run(id, ("run-1", "/runs/run-1"), 2, None).is_err(), "a folder is one run's");
}

#[test]
fn nothing_begins_at_a_station_in_quarantine_until_somebody_has_looked() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    submit(folder, "1", "x", 0);
    open(folder).quarantine(&Place { rig: "rig", station: "1", ports: &NOTHING }, "the pump went on").expect("done");
    open(folder).quarantine(&Place { rig: "rig", station: "1", ports: &NOTHING }, "a later reason").expect("done");
    assert!(open(folder).claim_next_job("rig", "1").expect("looked").is_none());
    let (why, _) =
        open(folder).quarantined(&Place { rig: "rig", station: "1", ports: &NOTHING }).expect("looked").expect("it is");
    assert_eq!(why, "the pump went on", "the first reason stays");
    assert_eq!(open(folder).quarantined(&Place { rig: "rig", station: "2", ports: &NOTHING }).expect("looked"), None);
    open(folder).release(&Place { rig: "rig", station: "1", ports: &NOTHING }, "ben", "it stands still").expect("done");
    assert!(matches!(
        open(folder).release(&Place { rig: "rig", station: "1", ports: &NOTHING }, "ben", "again"),
        Err(StoreError::NoQuarantine(_))
    ));
    assert!(open(folder).claim_next_job("rig", "1").expect("looked").is_some());
}

#[test]
fn a_station_where_one_run_after_the_other_fails_is_kept_apart_until_somebody_has_looked() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = ["1", "2"].map(|station| submit(folder.path(), station, "x", 0));
    let number = Cell::new(0);
    let ends = |id: i64, told: &AtStation| {
        let run = format!("run-{}", number.replace(number.get() + 1));
        open(folder.path()).add_job_run(id, (&run, &run), 99, None).expect("noted");
        open(folder.path()).end_job_run(id, &run, ("error", 4), told).expect("noted")
    };
    let fails = |id: i64| ends(id, &AtStation::Fails("the pump was away".to_owned()));
    assert_eq!((fails(id[0]), fails(id[0])), (None, None), "once or twice is a glitch");
    assert_eq!(ends(id[0], &AtStation::Works), None);
    assert_eq!((fails(id[0]), fails(id[0]), fails(id[1])), (None, None, None), "anew, and for each station");
    assert_eq!(ends(id[0], &AtStation::Untold), None, "somebody has stopped it");
    let why = fails(id[0]).expect("the third in a row");
    assert_eq!(why, "3 runs in a row could not be made there, the last one because the pump was away");
    let (noted, _) = open(folder.path())
        .quarantined(&Place { rig: "rig", station: "1", ports: &NOTHING })
        .expect("looked")
        .expect("it is");
    assert_eq!(noted, why);
    open(folder.path()).check_passed("rig", "1").expect("nothing is done");
    assert!(
        open(folder.path())
            .quarantined(&Place { rig: "rig", station: "1", ports: &NOTHING })
            .expect("looked")
            .is_some(),
        "its other instruments answer"
    );
    open(folder.path()).release(&Place { rig: "rig", station: "1", ports: &NOTHING }, "ben", "the plug").expect("done");
    assert_eq!((fails(id[0]), fails(id[0])), (None, None), "somebody has looked");
    open(folder.path()).station_works("rig", "1").expect("by hand");
    assert_eq!(fails(id[0]), None);
    assert_eq!(
        open(folder.path()).quarantined(&Place { rig: "rig", station: "2", ports: &NOTHING }).expect("looked"),
        None
    );
}

#[test]
fn a_rig_has_one_daemon_and_a_file_of_an_earlier_version_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let serves = open(folder).serve_rig("rig").expect("nobody else");
    assert!(matches!(open(folder).serve_rig("rig"), Err(StoreError::Served(_))));
    assert!(open(folder).serve_rig("another rig").is_ok());
    drop(serves);
    assert!(open(folder).serve_rig("rig").is_ok());
    // The first version had neither jobs nor quarantines, the second one no tokens.
    let file = rusqlite::Connection::open(folder.join("bench.sqlite")).expect("the file");
    let drop_all = "DROP TABLE job_runs; DROP TABLE jobs; DROP TABLE quarantined_ports; DROP TABLE quarantines; \
                    DROP TABLE access; DROP TABLE notices; \
                    DROP TABLE recipients; DROP TABLE station_failures; DROP TABLE matters; \
                    ALTER TABLE held DROP COLUMN setting; ALTER TABLE holds DROP COLUMN run; \
                    ALTER TABLE holds DROP COLUMN rig; ALTER TABLE holds DROP COLUMN station; PRAGMA user_version = 1;";
    file.execute_batch(drop_all).expect("as it was");
    drop(file);
    let id = submit(folder, "1", "x", 0);
    assert_eq!(job(folder, id).state, JobState::Queued);
}

fn ports() -> BTreeMap<String, Use> {
    BTreeMap::from([("the pump".to_owned(), Use::Alone), ("the valves".to_owned(), Use::Shared)])
}

#[test]
fn a_station_that_may_not_be_safe_is_kept_apart_by_its_ports_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut store, ports) = (open(folder.path()), ports());
    let shared = BTreeMap::from([("the valves".to_owned(), Use::Shared)]);
    let here = Place { rig: "rig", station: "1", ports: &ports };
    let copy = Place { rig: "a copy", station: "A", ..here };
    let beside = Place { rig: "rig", station: "2", ports: &shared };
    store.quarantine(&here, "the pump went on").expect("done");
    let (why, _) = store.quarantined(&copy).expect("looked").expect("it has the same pump");
    assert_eq!(
        why,
        "the pump is that of station 1 of rig, where the pump went on; released by `dosebench release 1 --rig rig --because WHAT`"
    );
    assert_eq!(store.quarantined(&beside).expect("looked"), None, "what all may use keeps nobody out");
    store.release(&copy, "anna", "it stands").expect("it is the same station");
    assert_eq!(store.quarantined(&here).expect("looked"), None);
    assert!(matches!(store.release(&here, "anna", "again"), Err(StoreError::NoQuarantine(_))));
}

#[test]
fn a_run_by_hand_that_is_left_keeps_its_station_apart_until_it_has_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, ports) = (folder.path(), ports());
    let here = Place { rig: "rig", station: "1", ports: &ports };
    let wanted = Wanted { resources: &ports, holder: "anna", reason: "run x", lease: None };
    let run = Path::new("/runs/x");
    let mut store = open(path);
    let mut hold = Hold::take(open(path), &wanted).expect("free");
    hold.makes(Some((run, "rig", "1"))).expect("noted");
    hold.makes(None).expect("its run is over");
    drop(hold);
    assert!(store.holders().expect("looked").is_empty());
    assert_eq!(store.quarantined(&here).expect("looked"), None);
    let mut hold = Hold::take(open(path), &wanted).expect("free");
    hold.makes(Some((run, "rig", "1"))).expect("noted");
    assert_eq!(store.holders().expect("looked").len(), 1);
    drop(hold);
    // Whoever wants the ports finds that nobody has them any more.
    assert!(store.refusal(&wanted).expect("looked").is_none());
    let (why, _) = store.quarantined(&here).expect("looked").expect("it is");
    assert!(why.starts_with("anna has left run /runs/x there without its end, and the pump may deliver;"), "{why}");
    assert_eq!(store.left_run(&here).expect("looked").as_deref(), Some("/runs/x"));
    store.left_run_has_ended(Path::new("/runs/another")).expect("noted");
    assert!(store.quarantined(&here).expect("looked").is_some());
    store.left_run_has_ended(run).expect("noted");
    assert_eq!((store.quarantined(&here).expect("looked"), store.left_run(&here).expect("looked")), (None, None));
    assert!(store.verify_audit(None).is_ok());
}
