//! A record whose writer was killed is gone on with, and one that is being written is followed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use domain::{Event, EventKind, RunTime};
use record::{Follow, Metadata, Pace, Reader, Recorder, ResumeError};
use tempfile::TempDir;

fn metadata() -> Metadata {
    Metadata {
        run: "20261122T160000Z-basal".into(),
        started: "2026-11-22T16:00:00Z".into(),
        purpose: "nightly".into(),
        operator: None,
        tool: "dosebench 0.1.0".into(),
        host: "bench-3".into(),
        zero: None,
    }
}

fn event(seq: u64) -> Event {
    let kind = EventKind::Remarked { text: format!("remark {seq}"), by: "a test".into() };
    Event { seq, t_ns: RunTime::from_ns(seq * 1_000_000), station: Arc::from("1"), kind }
}

fn append(recorder: &mut Recorder, from: u64, to: u64) {
    for seq in from..to {
        recorder.append(&event(seq)).expect("appended");
    }
}

fn create() -> (TempDir, Recorder) {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::create(folder.path(), &metadata(), Pace::Real).expect("a new record");
    (folder, recorder)
}

/// The record as it would be had its writer been killed now.
fn killed(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    copy
}

fn read(folder: &Path) -> (Vec<Event>, record::Tail) {
    let mut events = Vec::new();
    let tail = Reader::open(folder).and_then(|mut reader| reader.for_each(|event| events.push(event))).expect("read");
    (events, tail)
}

/// The numbers that are given, each with a text that is that event's.
fn more(follow: &mut Follow) -> Vec<u64> {
    let mut seen = Vec::new();
    follow
        .more(|seq, text| {
            let text = std::str::from_utf8(text).expect("text");
            assert!(text.contains(&format!("\"remark {seq}\"")), "{seq}: {text}");
            seen.push(seq);
        })
        .expect("readable");
    seen
}

#[test]
fn whoever_has_enough_goes_on_where_he_stopped() {
    let (folder, mut recorder) = create();
    for part in 0..5 {
        append(&mut recorder, part * 10, part * 10 + 10);
        recorder.sync().expect("on disk");
    }
    let (mut follow, mut seen, mut pieces) = (Follow::new(folder.path()), Vec::new(), 0);
    while !follow.more_until(|| true, |seq, _| seen.push(seq)).expect("readable") {
        pieces += 1;
        assert_eq!(follow.events(), seen.len() as u64);
    }
    assert!(pieces >= 5, "{pieces}");
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_killed_record_goes_on_behind_what_can_be_read_and_is_whole_in_the_end() {
    let (folder, mut recorder) = create();
    append(&mut recorder, 0, 40);
    recorder.sync().expect("on disk");
    append(&mut recorder, 40, 50);
    let copy = killed(folder.path());
    let there = read(copy.path()).0.len() as u64;
    assert!((40..=50).contains(&there), "{there}");
    let mut seen = 0;
    let mut resumed = Recorder::resume(copy.path(), Pace::Real, |event| {
        assert_eq!(event.seq, seen);
        seen += 1;
    })
    .expect("a record without an end");
    assert_eq!(seen, there);
    append(&mut resumed, there, there + 5);
    let finished = resumed.finish(12.0).expect("on disk");
    let (events, tail) = read(copy.path());
    assert_eq!(events, (0..there + 5).map(event).collect::<Vec<_>>());
    assert_eq!((tail.torn, tail.stream_sha256), (None, finished.stream_sha256), "nothing is missing");
    let again = Recorder::resume(copy.path(), Pace::Real, drop).expect_err("it has its end");
    assert!(matches!(again, ResumeError::Ended { .. }), "{again}");
}

#[test]
fn a_record_cut_anywhere_can_be_gone_on_with_or_says_why_not() {
    let (folder, mut recorder) = create();
    append(&mut recorder, 0, 20);
    recorder.sync().expect("on disk");
    append(&mut recorder, 20, 30);
    drop(recorder);
    let whole = fs::read(folder.path().join("record.mcap")).expect("a record");
    let mut resumed = 0;
    for cut in (0..whole.len()).step_by(7) {
        let copy = tempfile::tempdir().expect("a folder");
        fs::write(copy.path().join("record.mcap"), &whole[..cut]).expect("written");
        let mut there = 0;
        let Ok(mut recorder) = Recorder::resume(copy.path(), Pace::Real, |_| there += 1) else {
            assert_eq!(there, 0, "cut at {cut}");
            continue;
        };
        append(&mut recorder, there, there + 1);
        recorder.finish(1.0).expect("on disk");
        let (events, tail) = read(copy.path());
        assert_eq!((events.len() as u64, tail.torn), (there + 1, None), "cut at {cut}");
        let mut follow = Follow::new(copy.path());
        assert_eq!(more(&mut follow), (0..=there).collect::<Vec<_>>(), "cut at {cut}");
        assert!(follow.has_ended());
        resumed += 1;
    }
    assert!(resumed > 10, "most cuts leave an event: {resumed}");
}

#[test]
fn who_follows_a_record_sees_each_event_once_as_it_gets_to_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut follow = Follow::new(folder.path());
    assert_eq!(more(&mut follow), [0_u64; 0], "there is nothing yet");
    let mut recorder = Recorder::create(folder.path(), &metadata(), Pace::Real).expect("a new record");
    append(&mut recorder, 0, 3);
    assert_eq!(more(&mut follow), [0_u64; 0], "its chunk is open");
    recorder.sync().expect("on disk");
    assert_eq!(more(&mut follow), [0, 1, 2]);
    append(&mut recorder, 3, 5);
    recorder.sync().expect("on disk");
    append(&mut recorder, 5, 6);
    assert_eq!(more(&mut follow), [3, 4]);
    assert!(!follow.has_ended());
    recorder.finish(1.0).expect("on disk");
    assert_eq!(more(&mut follow), [5]);
    assert!(follow.has_ended() && follow.events() == 6);
    assert_eq!(more(&mut follow), [0_u64; 0]);
    assert_eq!(more(&mut Follow::new(folder.path())), [0, 1, 2, 3, 4, 5]);
}
