//! The record as a whole: what is written comes back, and what is torn comes back up to the tear.
//!
//! Small chunks and segments stand in for large ones; a killed process is a copy of its file while it is open.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::event::{HostClocks, Phase};
use domain::{Channel, Event, EventKind, Reading, RunTime, Status};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::encoding::{Decoder, encode};
use crate::segment::{Segment, file_name};
use crate::write::Sizes;
use crate::{Metadata, Pace, ReadError, Reader, Recorder, Tail, WriteError};

const SMALL: Sizes = Sizes { chunk_bytes: 2000, segment_bytes: u64::MAX, segment_flushes: u32::MAX };

fn metadata() -> Metadata {
    Metadata {
        run: "2026-11-22T16-00-00-basal".into(),
        started: "2026-11-22T16:00:00Z".into(),
        purpose: "nightly".into(),
        operator: Some("R. Müller".into()),
        tool: "dosebench 0.1.0".into(),
        host: "bench-3".into(),
        zero: Some(HostClocks { wall: "2026-11-26T08:00:00.5Z".to_owned(), boot: "b".to_owned(), since_boot_ns: 17 }),
    }
}

fn event(seq: u64) -> Event {
    let t_ns = RunTime::from_ns(seq * 333_333_333);
    let kind = match seq % 10 {
        0 => EventKind::StepEntered { index: 1, name: format!("step {seq}"), what: "runs at \"1 mL/h\"".into() },
        1 => EventKind::PhaseEntered(Phase::Steps),
        2 => EventKind::Remarked { text: "a bubble\nat 23 °C".into(), by: "operator".into() },
        3 => EventKind::Tick,
        n => EventKind::Reading(Reading {
            channel: Channel::new(["balance.mass", "flow.rate", "line.pressure"][n as usize % 3]),
            at_ns: t_ns,
            u_ns: 512_000,
            value: (seq as f64 * 0.7).sin() / 3.0,
            status: Status::Ok,
        }),
    };
    Event { seq, t_ns, station: Arc::from("1"), kind }
}

fn events(count: u64) -> Vec<Event> {
    (0..count).map(event).collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn recorder(folder: &Path, pace: Pace, sizes: Sizes) -> Recorder {
    Recorder::with(folder, &metadata(), pace, sizes, |path| File::create_new(path)).expect("a new record")
}

fn append(recorder: &mut Recorder, events: &[Event]) {
    for event in events {
        recorder.append(event).expect("appended");
    }
}

fn read(folder: &Path) -> Result<(Vec<Event>, Tail), ReadError> {
    let mut events = Vec::new();
    let tail = Reader::open(folder)?.for_each(|event| events.push(event))?;
    assert_eq!(tail.events, events.len() as u64);
    Ok((events, tail))
}

/// As [`read`], where nothing readable counts as no events.
fn read_torn(folder: &Path) -> (Vec<Event>, Option<String>) {
    match read(folder) {
        Ok((events, tail)) => (events, tail.torn),
        Err(e @ ReadError::Nothing { .. }) => (Vec::new(), Some(e.to_string())),
        Err(e) => panic!("torn and damaged records are no errors, but: {e}"),
    }
}

fn digest(events: &[Event]) -> String {
    let text: String = events.iter().map(|e| serde_json::to_string(e).expect("json") + "\n").collect();
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

fn first_file(folder: &TempDir) -> PathBuf {
    folder.path().join(file_name(1))
}

#[test]
fn what_is_written_comes_back() {
    let folder = folder();
    let wrote = events(2000);
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    append(&mut recorder, &wrote);
    let finished = recorder.finish(4.1).expect("finished");
    let (back, tail) = read(folder.path()).expect("readable");
    assert_eq!(back, wrote);
    assert_eq!(finished.stream_sha256, digest(&wrote));
    let expected =
        Tail { torn: None, stream_sha256: finished.stream_sha256, events: finished.events, wall_seconds: Some(4.1) };
    assert_eq!(tail, expected);
    assert_eq!(Reader::open(folder.path()).expect("open").metadata(), &metadata());
}

#[test]
fn a_reader_can_read_twice() {
    let folder = folder();
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    append(&mut recorder, &events(30));
    recorder.finish(0.0).expect("finished");
    let mut reader = Reader::open(folder.path()).expect("open");
    let first = reader.for_each(|_| {}).expect("read");
    assert_eq!(reader.for_each(|_| {}).expect("read"), first);
}

#[test]
fn other_readers_of_mcap_see_topics_times_schemas_and_the_digest() {
    let folder = folder();
    let wrote = events(500);
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    append(&mut recorder, &wrote);
    let finished = recorder.finish(1.0).expect("finished");
    let bytes = fs::read(first_file(&folder)).expect("file");
    let summary = mcap::Summary::read(&bytes).expect("summary").expect("summary");
    assert_eq!(summary.stats.expect("statistics").message_count, 500);
    assert_eq!(summary.metadata_indexes.len(), 2);
    let chunks = summary.chunk_indexes;
    assert!(chunks.len() > 10, "{}", chunks.len());
    // The schemas alone fill the first of the small chunks.
    assert!(chunks.iter().skip(1).all(|c| c.message_index_length > 0), "{chunks:?}");
    let mut sha = Sha256::new();
    for (message, event) in mcap::MessageStream::new(&bytes).expect("stream").zip(&wrote) {
        let message = message.expect("message");
        let topic = match &event.kind {
            EventKind::Reading(reading) => reading.channel.as_str(),
            _ => "events",
        };
        assert_eq!(message.channel.topic, topic);
        assert_eq!(message.channel.message_encoding, "json");
        assert_eq!((message.log_time, message.publish_time), (event.t_ns.ns(), event.t_ns.ns()));
        assert_eq!(u64::from(message.sequence), event.seq);
        let schema = message.channel.schema.as_ref().expect("a schema");
        assert_eq!(schema.encoding, "jsonschema");
        let schema: serde_json::Value = serde_json::from_slice(&schema.data).expect("a schema is JSON");
        assert_eq!(schema["type"], "object");
        sha.update(&message.data);
        sha.update(b"\n");
    }
    let hex: String = sha.finalize().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, finished.stream_sha256);
}

#[test]
fn segments_by_size_are_one_stream() {
    let folder = folder();
    let wrote = events(3000);
    let mut recorder = recorder(folder.path(), Pace::Virtual, Sizes { segment_bytes: 20_000, ..SMALL });
    append(&mut recorder, &wrote);
    recorder.finish(1.0).expect("finished");
    assert!(folder.path().join("record-0003.mcap").exists());
    let (back, tail) = read(folder.path()).expect("readable");
    assert_eq!((back, tail.torn), (wrote.clone(), None));

    // The first segment may be lost from its labels on, or altogether.
    fs::remove_file(folder.path().join("record-0002.mcap")).expect("removed");
    let (back, tail) = read(folder.path()).expect("readable");
    assert!(!back.is_empty() && wrote.starts_with(&back));
    let torn = tail.torn.expect("torn");
    assert!(torn.starts_with("record-0003.mcap goes on with event"), "{torn}");
    fs::remove_file(first_file(&folder)).expect("removed");
    assert_eq!(Reader::open(folder.path()).expect("open").metadata(), &metadata());
    assert!(read(folder.path()).expect("readable").0.is_empty());
}

#[test]
fn segments_by_flushes_on_real_clocks_only() {
    for (pace, second) in [(Pace::Real, true), (Pace::Virtual, false)] {
        let folder = folder();
        let wrote = events(50);
        let mut recorder = recorder(folder.path(), pace, Sizes { segment_flushes: 20, ..SMALL });
        for event in &wrote {
            recorder.append(event).expect("appended");
            recorder.sync().expect("synced");
            recorder.sync().expect("syncing nothing");
        }
        recorder.sync().expect("synced");
        recorder.finish(1.0).expect("finished");
        assert_eq!(folder.path().join("record-0003.mcap").exists(), second);
        let (back, tail) = read(folder.path()).expect("readable");
        assert_eq!((back, tail.torn), (wrote, None));
    }
}

#[test]
fn a_flushed_record_can_be_read_while_it_is_written() {
    let folder = folder();
    let wrote = events(20);
    let mut recorder = recorder(folder.path(), Pace::Real, Sizes::default());
    append(&mut recorder, &wrote);
    recorder.sync().expect("synced");
    recorder.append(&event(20)).expect("appended");
    let (back, tail) = read(folder.path()).expect("readable");
    assert_eq!((back, tail.wall_seconds), (wrote, None));
    assert!(tail.torn.is_some());
}

#[test]
fn a_dropped_record_has_all_its_events_and_no_end() {
    let folder = folder();
    let wrote = events(20);
    let mut recorder = recorder(folder.path(), Pace::Virtual, Sizes::default());
    append(&mut recorder, &wrote);
    drop(recorder);
    let (back, tail) = read(folder.path()).expect("readable");
    assert_eq!((back, tail.wall_seconds), (wrote, None));
    assert_eq!(tail.torn.as_deref(), Some("the record has no end: its run was interrupted, or has not ended yet"));
}

/// For each chunk of a finished segment, where it ends and how many events are in it and before it.
fn chunk_ends(bytes: &[u8]) -> Vec<(u64, usize)> {
    let summary = mcap::Summary::read(bytes).expect("summary").expect("summary");
    let mut events = 0;
    let chunks = summary.chunk_indexes.iter();
    chunks
        .map(|chunk| {
            events += summary.stream_chunk(bytes, chunk).expect("chunk").count();
            (chunk.chunk_start_offset + chunk.chunk_length, events)
        })
        .collect()
}

/// Cuts `bytes` at every byte and checks what is read of each.
fn check_cuts(bytes: &[u8], wrote: &[Event], chunks: &[(u64, usize)]) {
    let folder = folder();
    let path = first_file(&folder);
    fs::write(&path, bytes).expect("copied");
    let mut longer = wrote.len();
    for cut in (0..=bytes.len() as u64).rev() {
        File::options().write(true).open(&path).and_then(|f| f.set_len(cut)).expect("cut");
        let (back, torn) = read_torn(folder.path());
        assert!(wrote.starts_with(&back), "cut at {cut}: not a beginning");
        assert!(back.len() <= longer, "cut at {cut}: {} events, but {longer} of a longer file", back.len());
        let whole = chunks.iter().rfind(|(end, _)| *end <= cut).map_or(0, |(_, events)| *events);
        assert!(back.len() >= whole, "cut at {cut}: {} events, but {whole} in whole chunks", back.len());
        assert!(torn.is_some() || back.len() == wrote.len(), "cut at {cut}: {} events and no note", back.len());
        longer = back.len();
    }
}

#[test]
fn a_finished_record_cut_at_every_byte_reads_up_to_the_cut() {
    let folder = folder();
    let wrote = events(200);
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    append(&mut recorder, &wrote);
    recorder.finish(1.0).expect("finished");
    let bytes = fs::read(first_file(&folder)).expect("file");
    let chunks = chunk_ends(&bytes);
    assert!(chunks.len() > 5);
    check_cuts(&bytes, &wrote, &chunks);
}

#[test]
fn a_killed_record_cut_at_every_byte_reads_up_to_the_cut() {
    let folder = folder();
    // The last chunk stays open, with blocks of it on disk behind a placeholder header.
    let wrote = events(6000);
    let mut recorder = recorder(folder.path(), Pace::Real, Sizes::default());
    append(&mut recorder, &wrote[..100]);
    recorder.sync().expect("synced");
    append(&mut recorder, &wrote[100..]);
    let bytes = fs::read(first_file(&folder)).expect("file");
    let copy = self::folder();
    fs::write(first_file(&copy), &bytes).expect("copied");
    let (back, torn) = read_torn(copy.path());
    assert!(wrote.starts_with(&back) && back.len() > 1000, "only {} events of an open chunk", back.len());
    let torn = torn.expect("torn");
    assert_eq!(torn, format!("record.mcap ends inside an open chunk, behind event {}", back.len() - 1));
    // Its blocks are cut at many places, the file behind the flush at each.
    for keep in [20_000, bytes.len() / 2, bytes.len()] {
        for cut in keep.saturating_sub(500)..keep {
            fs::write(first_file(&copy), &bytes[..cut]).expect("copied");
            let (back, torn) = read_torn(copy.path());
            assert!(wrote.starts_with(&back) && back.len() >= 100 && torn.is_some());
        }
    }
}

#[test]
fn a_large_closed_chunk_that_is_cut_gives_its_whole_blocks() {
    let folder = folder();
    let wrote = events(3000);
    let mut recorder = recorder(folder.path(), Pace::Virtual, Sizes::default());
    append(&mut recorder, &wrote);
    recorder.finish(1.0).expect("finished");
    let bytes = fs::read(first_file(&folder)).expect("file");
    let chunk_end = chunk_ends(&bytes)[0].0 as usize;
    fs::write(first_file(&folder), &bytes[..chunk_end - 1]).expect("cut");
    let (back, _) = read_torn(folder.path());
    assert!(wrote.starts_with(&back) && back.len() > 1000, "{}", back.len());
}

#[test]
fn a_torn_segment_goes_on_in_the_next_if_nothing_is_missing() {
    let folder = folder();
    let wrote = events(1000);
    let mut recorder = recorder(folder.path(), Pace::Virtual, Sizes { segment_bytes: 20_000, ..SMALL });
    append(&mut recorder, &wrote);
    recorder.finish(1.0).expect("finished");
    let bytes = fs::read(first_file(&folder)).expect("file");
    let last = chunk_ends(&bytes).last().expect("a chunk").0 as usize;
    fs::write(first_file(&folder), &bytes[..last]).expect("cut");
    let (back, tail) = read(folder.path()).expect("readable");
    assert_eq!((back, tail.torn), (wrote.clone(), None));
    fs::write(first_file(&folder), &bytes[..last - 20]).expect("cut");
    let (back, tail) = read(folder.path()).expect("readable");
    assert!(wrote.starts_with(&back) && back.len() < 1000);
    let torn = tail.torn.expect("torn");
    let behind = back.len() - 1;
    assert_eq!(torn, format!("record.mcap ends inside an open chunk, behind event {behind}"));
}

#[test]
fn a_chunk_whose_checksum_does_not_fit_ends_the_stream() {
    let folder = folder();
    let wrote = events(200);
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    append(&mut recorder, &wrote);
    recorder.finish(1.0).expect("finished");
    let mut bytes = fs::read(first_file(&folder)).expect("file");
    let chunks = chunk_ends(&bytes);
    // The checksum stands behind the opcode, the length, two times and the size.
    let checksum = chunk_start(&bytes, 3) + 9 + 24;
    bytes[checksum] ^= 1;
    fs::write(first_file(&folder), &bytes).expect("damaged");
    let (back, torn) = read_torn(folder.path());
    assert_eq!(back, wrote[..chunks[2].1]);
    let torn = torn.expect("torn");
    assert!(torn.starts_with("record.mcap is damaged (") && torn.contains("CRC"), "{torn}");
}

fn chunk_start(bytes: &[u8], index: usize) -> usize {
    let summary = mcap::Summary::read(bytes).expect("summary").expect("summary");
    summary.chunk_indexes[index].chunk_start_offset as usize
}

#[test]
fn a_flipped_bit_in_any_byte_gives_a_beginning_or_a_note() {
    let folder = folder();
    let wrote = events(100);
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    append(&mut recorder, &wrote);
    recorder.finish(1.0).expect("finished");
    let bytes = fs::read(first_file(&folder)).expect("file");
    let data_end = chunk_ends(&bytes).last().expect("a chunk").0 as usize;
    for at in 0..data_end {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(first_file(&folder), &damaged).expect("damaged");
        let (back, torn) = read_torn(folder.path());
        assert!(wrote.starts_with(&back), "flip at {at}: not a beginning");
        assert!(torn.is_some(), "flip at {at}: not seen");
    }
}

/// A finished and a killed record of the same events.
fn sound_files() -> (Vec<Event>, [Vec<u8>; 2]) {
    let folder = folder();
    let wrote = events(3000);
    let mut recorder = recorder(folder.path(), Pace::Real, Sizes { chunk_bytes: 200_000, ..SMALL });
    append(&mut recorder, &wrote);
    let killed = fs::read(first_file(&folder)).expect("file");
    recorder.finish(1.0).expect("finished");
    (wrote, [fs::read(first_file(&folder)).expect("file"), killed])
}

#[test]
fn damage_never_panics_and_never_passes_unseen() {
    let (wrote, files) = sound_files();
    let folder = folder();
    let path = first_file(&folder);
    let damage = (
        0_usize..2,
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        prop::option::of(any::<prop::sample::Index>()),
    );
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let outcome = runner.run(&damage, |(file, changes, cut)| {
        let mut bytes = files[file].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.map_or(bytes.len(), |at| at.index(bytes.len())));
        fs::write(&path, &bytes).expect("damaged");
        match read(folder.path()) {
            Ok((back, tail)) => prop_assert!(tail.torn.is_some() || back == wrote),
            Err(ReadError::Nothing { .. } | ReadError::Format { .. }) => {}
            Err(e) => prop_assert!(false, "{}", e),
        }
        Ok(())
    });
    outcome.expect("no damage passes unseen");
}

#[test]
fn rubbish_and_lengths_beyond_the_file_are_read_without_harm() {
    let folder = folder();
    let mut bytes = mcap::MAGIC.to_vec();
    for (opcode, length) in [(0x06_u8, u64::MAX), (0x06, 1 << 40), (0x0c, u64::from(u32::MAX)), (0x05, 60 << 20)] {
        bytes.truncate(mcap::MAGIC.len());
        bytes.extend([0x01, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.push(opcode);
        bytes.extend(length.to_le_bytes());
        bytes.extend([0xff; 100]);
        fs::write(first_file(&folder), &bytes).expect("written");
        let (back, tail) = read(folder.path()).expect("a header is readable");
        assert!(back.is_empty() && tail.torn.is_some());
        let lost = Reader::open(folder.path()).expect("open").metadata().clone();
        assert_eq!((lost.run.as_str(), lost.operator), ("unknown", None));
    }
}

#[test]
fn nothing_readable_is_an_error_that_says_what_is_there() {
    let check = |folder: &Path, expect: &str| {
        let error = Reader::open(folder).expect_err("nothing");
        let text = error.to_string();
        assert!(text.contains(expect) && text.ends_with("check that this is a run's folder"), "{text}");
    };
    let folder = folder();
    check(&folder.path().join("none"), "found no such folder;");
    check(folder.path(), "found no file record.mcap;");
    fs::write(folder.path().join("record-2.mcap"), "").expect("written");
    fs::write(folder.path().join("truth.mcap"), "").expect("written");
    check(folder.path(), "found no file record.mcap;");
    fs::write(first_file(&folder), "").expect("written");
    check(folder.path(), "found only files that are empty");
    fs::write(first_file(&folder), "PK\x03\x04 no MCAP, but long enough to hold a record's header").expect("written");
    check(folder.path(), "no MCAP");
}

#[test]
fn a_record_is_never_written_over() {
    let folder = folder();
    fs::write(folder.path().join("record-0002.mcap"), "").expect("written");
    let error = Recorder::create(folder.path(), &metadata(), Pace::Virtual).expect_err("exists");
    let text = error.to_string();
    assert!(text.starts_with("expected no record, but found ") && text.contains("record-0002.mcap;"), "{text}");
}

#[test]
fn a_missing_folder_is_named() {
    let error = Recorder::create(Path::new("/no/such/folder"), &metadata(), Pace::Virtual).expect_err("no folder");
    let text = error.to_string();
    assert!(text.starts_with("cannot look into /no/such/folder: ") && text.contains("; "), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_record_with_its_first_cause() {
    let folder = folder();
    let full = |path: &Path| -> io::Result<File> {
        match path.ends_with("record.mcap") {
            true => File::create_new(path),
            false => File::options().write(true).open("/dev/full"),
        }
    };
    let sizes = Sizes { segment_bytes: 4000, ..SMALL };
    let mut recorder = Recorder::with(folder.path(), &metadata(), Pace::Real, sizes, full).expect("a new record");
    let wrote = events(500);
    let failed = wrote.iter().position(|event| recorder.append(event).is_err()).expect("the disk is full");
    assert!(failed > 10);
    let text = recorder.append(&wrote[failed]).expect_err("refused").to_string();
    assert!(text.starts_with("cannot ") && text.contains("record-0002.mcap: No space left on device"), "{text}");
    assert!(text.ends_with("free space or mend the disk, then start the run again"), "{text}");
    assert_eq!(recorder.sync().expect_err("refused").to_string(), text);
    assert_eq!(recorder.finish(1.0).expect_err("refused").to_string(), text);
    let (back, tail) = read(folder.path()).expect("readable");
    assert!(tail.torn.is_some());
    assert_eq!(back, wrote[..failed]);
}

#[test]
fn a_value_that_is_no_number_is_refused_and_the_record_goes_on() {
    let folder = folder();
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    let mut bad = event(4);
    bad.seq = 0;
    if let EventKind::Reading(reading) = &mut bad.kind {
        reading.value = f64::NAN;
    }
    let error = recorder.append(&bad).expect_err("refused");
    assert!(matches!(error, WriteError::Event { seq: 0, .. }));
    assert!(error.to_string().starts_with("event 0 cannot be recorded: flow.rate reads NaN; "), "{error}");
    append(&mut recorder, &events(5));
    recorder.finish(1.0).expect("finished");
    assert_eq!(read(folder.path()).expect("readable").0, events(5));
}

#[test]
#[should_panic(expected = "events are recorded in order of their numbers")]
fn a_gap_in_the_numbers_is_a_fault_of_the_program() {
    let folder = folder();
    let mut recorder = recorder(folder.path(), Pace::Virtual, SMALL);
    append(&mut recorder, &[event(0), event(2)]);
}

/// A file with these payloads, as another version or another program would have written it.
fn foreign(payloads: &[&str]) -> TempDir {
    let folder = folder();
    let path = first_file(&folder);
    let file = File::create_new(&path).expect("created");
    let mut segment = Segment::begin(&path, file, 2000, &metadata().to_record(1)).expect("begun");
    for (i, payload) in payloads.iter().enumerate() {
        let carrier = Event { kind: EventKind::Tick, ..event(i as u64) };
        segment.write(&carrier, payload.as_bytes()).expect("written");
    }
    segment.end(None).expect("ended");
    folder
}

#[test]
fn a_later_format_is_refused_by_name() {
    let folder = foreign(&[r#"{"seq":0,"t_ns":0,"station":"1","kind":{"opened":{"format":99,"novelty":true}}}"#]);
    let error = Reader::open(folder.path()).expect("open").for_each(|_| {}).expect_err("refused");
    let text = error.to_string();
    let known = domain::event::FORMAT;
    assert!(text.contains(&format!("in format 99, but this version knows formats up to {known};")), "{text}");
}

#[test]
fn an_event_that_cannot_be_understood_or_is_out_of_order_ends_the_stream() {
    let tick = |seq: u64| format!(r#"{{"seq":{seq},"t_ns":0,"station":"1","kind":"tick"}}"#);
    let check = |second: &str, expect: &str| {
        let folder = foreign(&[&tick(0), second, &tick(1)]);
        let (back, tail) = read(folder.path()).expect("readable");
        let torn = tail.torn.expect("torn");
        assert_eq!(back.len(), 1);
        assert!(torn.starts_with(expect) && torn.ends_with("behind event 0"), "{torn}");
    };
    check(&tick(2), "record.mcap goes on with event 2 where event 1 was expected");
    check(&tick(0), "record.mcap goes on with event 0 where event 1 was expected");
    check("{}", "record.mcap holds an event that cannot be understood (missing field `seq`");
}

prop_compose! {
    fn readings()(
        (seq, t_ns, at_ns, u_ns) in any::<(u64, u64, u64, u64)>(),
        station in "[a-z0-9]{1,3}|\\PC{0,4}|[\"\\\\\n\u{1f}]{1,2}",
        channel in "[a-z]{1,5}\\.[a-z_]{1,5}|\\PC{0,8}|[\"\\\\\t]{1,2}",
        value in prop_oneof![
            prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            (-1_000_000_i32..1_000_000).prop_map(|n| f64::from(n) / 1000.0),
        ],
        status in prop::sample::select(vec![Status::Ok, Status::Unstable, Status::Overload, Status::Suspect]),
    ) -> Event {
        let reading = Reading {
            channel: Channel::new(&channel), at_ns: RunTime::from_ns(at_ns), u_ns, value, status,
        };
        Event { seq, t_ns: RunTime::from_ns(t_ns), station: station.into(), kind: EventKind::Reading(reading) }
    }
}

proptest! {
    #[test]
    fn a_reading_is_encoded_and_decoded_as_the_general_way_does(events in prop::collection::vec(readings(), 1..8)) {
        let mut decoder = Decoder::default();
        for event in events {
            let mut line = b"left from before".to_vec();
            encode(&event, &mut line).expect("encoded");
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert_eq!(&line, &serde_json::to_vec(&event).expect("json"));
            let back = decoder.decode(&line).expect("decoded");
            prop_assert_eq!(&back, &serde_json::from_slice::<Event>(&line).expect("decoded"));
            prop_assert_eq!(&back, &event);
            if let (EventKind::Reading(a), EventKind::Reading(b)) = (&back.kind, &event.kind) {
                prop_assert_eq!(a.value.to_bits(), b.value.to_bits());
            }
        }
    }

    #[test]
    fn a_damaged_reading_is_understood_as_the_general_way_does(
        event in readings(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut line = serde_json::to_vec(&event).expect("json");
        let at = at.index(line.len());
        line[at] = byte;
        let fast = Decoder::default().decode(&line).ok();
        prop_assert_eq!(fast, serde_json::from_slice::<Event>(&line).ok());
    }
}

#[test]
fn who_follows_sees_each_event_once_while_segments_change() {
    let folder = folder();
    let sizes = Sizes { segment_flushes: 3, ..SMALL };
    let mut recorder = recorder(folder.path(), Pace::Real, sizes);
    let mut follow = crate::Follow::new(folder.path());
    let mut seen = 0;
    let mut look = |seen: &mut u64| {
        follow
            .more(|seq, text| {
                assert_eq!(seq, *seen);
                assert!(text.starts_with(format!("{{\"seq\":{seq},").as_bytes()), "{}", String::from_utf8_lossy(text));
                *seen += 1;
            })
            .expect("readable");
        follow.has_ended()
    };
    for from in (0..600).step_by(20) {
        append(&mut recorder, &(from..from + 20).map(event).collect::<Vec<_>>());
        assert!(!look(&mut seen));
        recorder.sync().expect("on disk");
        assert!(!look(&mut seen));
        assert_eq!(seen, from + 20);
    }
    // A next file that has nothing yet does not end this one.
    append(&mut recorder, &[event(600)]);
    let next = (1..).map(|number| folder.path().join(file_name(number))).find(|path| !path.exists()).expect("a name");
    File::create_new(&next).expect("made");
    assert!(!look(&mut seen));
    fs::remove_file(&next).expect("removed");
    recorder.finish(1.0).expect("on disk");
    assert!(look(&mut seen));
    assert_eq!(seen, 601);
}
