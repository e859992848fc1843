//! The board's own image on an emulated core, in real time: the library's scenarios on it, what a debug probe does to it,
//! and everything that can be wrong with core, probe, link and image.
//!
//! Each emulator is a test's own. Whatever goes wrong ends as bad input or as a bench error, in a sentence, with the
//! station safe and the record whole.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use domain::EventKind;
use domain::fault::AtStation;
use serde_json::Value;

use crate::common::{Bench, Done, begun_job, done, events, firmware};
use crate::replay::replayed;
use crate::server::{PATIENCE, SHOWN_WITHIN, Server, eventually, signal};
use crate::stopped::{PROBED, stops_from_everywhere};

const RIG: &str = include_str!("../../../../fixtures/rigs/emulated.yaml");

/// The library's rig as a file, its files by their paths, and this in the place of that.
fn rig(bench: &Bench, changes: &[(&str, &str)]) -> String {
    let mut text = RIG.replace("../firmware", &firmware().display().to_string());
    for (from, to) in changes {
        assert!(text.contains(from), "the rig has '{from}'");
        text = text.replace(from, to);
    }
    bench.write("emulated.yaml", &text)
}

/// A scenario that runs for so long, with these steps before.
fn scenario(bench: &Bench, steps: &str, seconds: u32) -> String {
    let text = format!(
        "scenario: on a core\nweighing: {{before: 13 s, after: 13 s, evaporation changes at most: 50 ug/s}}\nsteps:\n\
         {steps}  - start: {{continuous: 24 mL/day}}\n  - hold: {{for: {seconds} s}}\n"
    );
    bench.write("scenario.yaml", &text)
}

/// A job whose board was given another image behind its first run is none: its runs would be of two devices.
#[test]
fn an_image_that_was_built_anew_is_no_image_of_the_same_job() {
    let bench = Bench::new();
    let mut store = bench.store();
    let (id, lock) = begun_job(&mut store, "rig");
    let (rig, another) = (rig(&bench, &[]), "7".repeat(64));
    let text = std::fs::read_to_string(scenario(&bench, "", 5)).expect("a scenario");
    let two = text
        .replace("weighing:", "parameters: {length: {one of: [5 s, 6 s]}}\nweighing:")
        .replace("for: 5 s", "for: $length");
    // Its first run was cut off at once.
    store.add_job_run(id, ("a run", "/nowhere"), 2, Some(&another)).expect("noted");
    store.end_job_run(id, "a run", ("error", 4), &AtStation::Untold).expect("noted");
    let mut process = bench.command(&["run", &bench.write("two.yaml", &two), "--rig", &rig, "--job", &id.to_string()]);
    let output = process.stdin(lock).output().expect("started");
    let job = store.job(id).expect("it is known");
    assert_eq!((output.status.code(), job.exit_code, job.runs.len()), (Some(4), Some(4), 1), "{job:?}");
    let reason = job.reason.unwrap_or_default();
    let told =
        format!("expected the board's image that its first run had (SHA-256 {another}), but found another (SHA-256 ");
    assert!(reason.starts_with(&told), "{reason}");
    assert!(!bench.path("runs").exists(), "nothing was set up");
}

/// A run that nothing spoilt: its verdict, and that its record can be folded again.
#[track_caller]
fn passes(done: &Done) {
    assert_eq!(done.code, 0, "{}\n{}", done.summary, done.stderr);
    assert_eq!(done.summary["tier"], "emulated");
    assert!(replayed(&done.folder()) >= 5);
}

fn passes_in_the_library(name: &str) {
    let bench = Bench::new();
    passes(&bench.run(name, &["--rig", "emulated"]));
}

#[test]
fn a_bolus_is_weighed_and_the_run_knows_its_image() {
    let bench = Bench::new();
    let done = bench.run("smoke/short-bolus", &["--rig", "emulated"]);
    passes(&done);
    let manifest = std::fs::read_to_string(done.folder().join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let image = done.summary["device"]["image_sha256"].as_str().expect("a hash");
    assert_eq!((image.len(), manifest["firmware_sha256"].as_str()), (64, Some(image)));
    assert!(manifest["files"]["memory.hex"].is_string(), "the board's memory at the end");
    let recorded = done.folder().join("rig.yaml").display().to_string();
    let again = bench.output(&["check", "firmware/watchdog-reset", "--rig", &recorded]);
    assert_eq!(again.status.code(), Some(0), "the rig as it was run can be run again");
    let recorded = std::fs::read_to_string(recorded).expect("a rig file");
    assert!(recorded.contains("emulator:") && recorded.contains("delivered too much"), "{recorded}");
    let logged =
        |kind: &EventKind| matches!(kind, EventKind::FirmwareLogged { line, .. } if line.text.contains("up after"));
    assert!(events(&done.folder()).0.iter().any(|e| logged(&e.kind)), "the firmware's log is in the record");
}

#[test]
fn the_watchdog_bites_a_loop_that_stands_still_and_therapy_goes_on() {
    passes_in_the_library("firmware/watchdog-reset");
}

#[test]
fn a_parameter_that_nobody_programmed_stops_the_pump() {
    passes_in_the_library("firmware/corrupted-parameter");
}

#[test]
fn therapy_goes_on_after_a_brown_out_during_a_pulse() {
    passes_in_the_library("power/brown-out-under-load");
}

#[test]
fn a_stalled_motor_raises_its_alarm() {
    passes_in_the_library("smoke/short-stall");
}

/// A copy of the image with this done to its bytes.
fn image(bench: &Bench, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = std::fs::read(firmware().join("pump-board.elf")).expect("the image");
    change(&mut bytes);
    let path = bench.path(name);
    std::fs::write(&path, bytes).expect("a copy");
    path.display().to_string()
}

/// Where an ELF of 32 bits keeps its program headers, each with the offset of its bytes, its address and its length.
fn segments(elf: &[u8]) -> Vec<(usize, u32, u32, u32)> {
    let word = |at: usize| u32::from_le_bytes([elf[at], elf[at + 1], elf[at + 2], elf[at + 3]]);
    let half = |at: usize| usize::from(u16::from_le_bytes([elf[at], elf[at + 1]]));
    let (first, size, count) = (word(28) as usize, half(42), half(44));
    (0..count).map(|n| first + n * size).map(|at| (at, word(at + 4), word(at + 12), word(at + 16))).collect()
}

/// Another image that does the same: the vector of an interrupt that is never unmasked holds something else.
fn another_image(bench: &Bench) -> String {
    const LAST_VECTOR: usize = 0xBC;
    image(bench, "another.elf", |elf| {
        let (_, offset, ..) =
            segments(elf).into_iter().find(|(_, _, address, len)| *address == 0 && *len >= 0xC0).expect("vectors");
        elf[offset as usize + LAST_VECTOR] ^= 1;
    })
}

#[test]
fn a_board_with_another_image_is_not_judged_unless_the_run_flashes_it() {
    let bench = Bench::new();
    let other = another_image(&bench);
    let known = format!("image: {}/pump-board.elf\n      wire speed", firmware().display());
    let rig = rig(&bench, &[(&known, &format!("image: {other}\n      wire speed"))]);
    let refused = bench.run(&scenario(&bench, "", 1), &["--rig", &rig]);
    assert_eq!((refused.code, refused.summary["verdict"].as_str()), (4, Some("not_run")), "{}", refused.summary);
    let reason = refused.summary["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("expected the rig file's image") && reason.contains("flash it"), "{reason}");
    let late = "  - peek: {symbol: CONTROL_LOOP_HELD, as: u32, is: 0, because: test}\n  - flash: {}\n";
    let output = bench.output(&["check", &scenario(&bench, late, 1), "--rig", &rig]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("flash: expected before anything"), "{stderr}");
    let flash = "  - flash: {}\n  - expect: {reset: external reset, within: 20 s, because: it was flashed}\n";
    let flashed = bench.run(&scenario(&bench, flash, 3), &["--rig", &rig]);
    passes(&flashed);
    let agreed = events(&flashed.folder()).0.into_iter().filter_map(|e| match e.kind {
        EventKind::ImagesCompared { images, .. } => Some(images.agree()),
        _ => None,
    });
    assert_eq!(agreed.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn an_empty_board_is_flashed_before_the_pump_is_waited_for() {
    let bench = Bench::new();
    let known = format!("machine: mps2-an386, image: {}/pump-board.elf", firmware().display());
    let rig = rig(&bench, &[(&known, "machine: mps2-an386")]);
    passes(&bench.run(&scenario(&bench, "  - flash: {}\n", 3), &["--rig", &rig]));
    let mute = bench.run(&scenario(&bench, "", 1), &["--rig", &rig]);
    assert_eq!((mute.code, mute.summary["verdict"].as_str()), (4, Some("error")), "{}", mute.summary);
    assert!(mute.summary["reason"].as_str().is_some_and(|reason| reason.contains("pump")), "{}", mute.summary);
}

#[test]
fn what_the_probe_does_is_told_and_its_resets_are_the_benchs() {
    let bench = Bench::new();
    let reset = "  - reset: {}\n";
    let expect = "  - expect: {reset: external reset, within: 10 s, because: it was ordered}\n";
    let held = "  - poke: {symbol: CONTROL_LOOP_HELD, as: u32, value: 0}\n";
    let peek = "  - peek: {symbol: CONTROL_LOOP_HELD, as: u32, is: 0, because: nobody holds it}\n";
    let flash = "  - flash: {}\n";
    let again = expect.replace("within", "name: again, within");
    // The bench's own resets need no `expect`.
    let unheard = "  - hold: {for: 2 s}\n  - reset: {}\n";
    let halt = "  - halt: {}\n  - hold: {for: 2 s}\n  - run core: {}\n";
    let steps = [flash, expect, reset, &again, held, peek, halt, unheard].concat();
    let done = bench.run(&scenario(&bench, &steps, 3), &["--rig", "emulated"]);
    passes(&done);
    let kinds = stops_from_everywhere(&done.folder());
    assert!(PROBED.iter().all(|kind| kinds.contains(*kind)), "a stop from each of them: {kinds:?}");
}

#[test]
fn a_reset_that_nobody_ordered_fails_the_device() {
    let run = UnderWay::new(30);
    assert_eq!(run.board("{\"reset\":true}")["done"], true);
    assert_eq!(run.board("{\"reset\":false}")["done"], true);
    let done = done(&run.child.wait_with_output().expect("ended"));
    assert_eq!((done.code, done.summary["verdict"].as_str()), (1, Some("fail")), "{}", done.summary);
    assert!(done.summary["reason"].as_str().is_some_and(|r| r.contains("a reset (external reset)")));
    run.server.stop();
}

#[test]
fn a_machine_that_stands_still_is_not_held_against_the_device() {
    for process in ["emulator", "server"] {
        let run = UnderWay::new(3);
        let emulator = run.board("\"state\"")["emulator"].as_u64().expect("a process");
        let stopped = if process == "emulator" { u32::try_from(emulator).expect("a process") } else { run.server.id() };
        signal(stopped, "STOP");
        std::thread::sleep(Duration::from_millis(2_500));
        signal(stopped, "CONT");
        let (server, done, _bench) = run.breaks(Duration::from_secs(40), "was away for longer than 3 s");
        assert!(actions(&done).contains("told the supply: output off; it confirmed"), "{process}: {}", actions(&done));
        server.stop();
    }
}

/// What is wrong with an image or with what a scenario wants of it is found before anything moves.
#[track_caller]
fn refused(bench: &Bench, steps: &str, image: Option<&str>, says: &str) {
    let known = format!("image: {}/pump-board.elf\n      wire speed", firmware().display());
    let changed = image.map(|image| format!("image: {image}\n      wire speed"));
    let changes: Vec<(&str, &str)> = changed.iter().map(|changed| (known.as_str(), changed.as_str())).collect();
    let rig = rig(bench, &changes);
    let output = bench.output(&["run", &scenario(bench, steps, 1), "--rig", &rig]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(says), "expected '{says}', but found {stderr}");
    assert!(!bench.path("runs").exists(), "nothing was run");
}

#[test]
fn what_a_scenario_wants_of_an_image_that_lacks_it_is_bad_input() {
    let bench = Bench::new();
    let stripped = image(&bench, "stripped.elf", |elf| {
        elf[32..36].fill(0);
        elf[46..52].fill(0);
    });
    let peek = |symbol: &str| format!("  - peek: {{symbol: {symbol}, as: u32, at least: 0, because: test}}\n");
    let log = "  - expect: {log: up, within: 1 s, because: test}\n";
    refused(&bench, &peek("NO_SUCH"), None, "step 'peek 1': expected a symbol 'NO_SUCH'");
    refused(&bench, &peek("CONTROL_LOOP_ROUNDS"), Some(&stripped), "expected symbols in");
    refused(&bench, log, Some(&stripped), "step 'expect 1': expected a log over RTT");
    refused(&bench, "", Some(env!("CARGO_BIN_EXE_dosebench")), "to be an ELF of 32 bits");
    refused(&bench, "", Some("no/such.elf"), "expected the board's image at");
    let long = "  - poke: {symbol: CONTROL_LOOP_HELD, as: u32, at: 2, value: 0}\n";
    refused(&bench, long, None, "expected 4 bytes at 2 of symbol 'CONTROL_LOOP_HELD'");
}

#[test]
fn an_image_for_another_chip_is_the_benchs_fault() {
    let bench = Bench::new();
    let elsewhere = image(&bench, "elsewhere.elf", |elf| {
        for (at, ..) in segments(elf) {
            elf[at + 12..at + 16].copy_from_slice(&0x0800_0000_u32.to_le_bytes());
        }
    });
    let known = format!("image: {}/pump-board.elf\n      wire speed", firmware().display());
    let rig = rig(&bench, &[(&known, &format!("image: {elsewhere}\n      wire speed"))]);
    let done = bench.run(&scenario(&bench, "", 1), &["--rig", &rig]);
    assert_eq!(done.code, 4, "{}", done.summary);
    assert!(done.summary["reason"].as_str().is_some_and(|r| r.contains("instrument probe")), "{}", done.summary);
}

/// A run on a served rig, under way: therapy runs.
struct UnderWay {
    server: Server,
    child: std::process::Child,
    bench: Bench,
}

impl UnderWay {
    /// Nobody waits longer than these seconds for an instrument that is away.
    fn new(away_s: u32) -> Self {
        let bench = Bench::new();
        let server = Server::start(&bench, "emulated");
        let served = std::fs::read_to_string(&server.rig).expect("a rig file");
        let lines = served.lines().map(|line| match line.split_once("away at most:") {
            Some((before, _)) => format!("{before}away at most: {away_s} s"),
            None => line.replace("deadline: 5 s", "deadline: 1 s"),
        });
        let impatient = bench.write("impatient.yaml", &lines.collect::<Vec<_>>().join("\n"));
        let scenario = scenario(&bench, "", 30);
        let mut command = bench.command(&["run", &scenario, "--rig", &impatient, "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        eventually("therapy runs", PATIENCE, || server.state()["pulses"].as_u64() > Some(0));
        Self { server, child, bench }
    }

    /// Says something on the board's own socket.
    fn board(&self, line: &str) -> Value {
        let mut stream = UnixStream::connect(self.bench.path("board-1/board.sock")).expect("the board's socket");
        stream.write_all(format!("{line}\n").as_bytes()).expect("it is heard");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("it is answered");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// The run ends as a bench error that names this, in time, its record whole; the server and the summary.
    #[track_caller]
    fn breaks(self, within: Duration, says: &str) -> (Server, Done, Bench) {
        let began = Instant::now();
        let done = done(&self.child.wait_with_output().expect("ended"));
        assert!(began.elapsed() < within, "{:?}", began.elapsed());
        assert_eq!(
            (done.code, done.summary["verdict"].as_str()),
            (4, Some("error")),
            "{}\n{}",
            done.summary,
            done.stderr
        );
        let reason = done.summary["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(says), "expected '{says}', but found {reason}");
        assert!(events(&done.folder()).1.is_none(), "the record is whole");
        assert!(replayed(&done.folder()) >= 1);
        (self.server, done, self.bench)
    }
}

/// What the safe stop did, as sentences.
fn actions(done: &Done) -> String {
    let stopped = events(&done.folder()).0.into_iter().find_map(|e| match e.kind {
        EventKind::SafeStopped(report) => Some(report),
        _ => None,
    });
    let report = stopped.expect("a safe stop");
    assert!(report.confirmed, "{report:?}");
    report.actions.join("; ")
}

#[test]
fn an_emulator_that_is_killed_takes_its_link_with_it_and_the_supply_goes_off() {
    let run = UnderWay::new(3);
    let emulator = run.board("\"state\"")["emulator"].as_u64().expect("a process");
    signal(u32::try_from(emulator).expect("a process"), "KILL");
    let (server, done, _bench) = run.breaks(Duration::from_secs(25), "was away for longer than 3 s");
    assert!(actions(&done).contains("told the supply: output off; it confirmed"), "{}", actions(&done));
    eventually("the supply is off", SHOWN_WITHIN, || server.state()["supply_output"] == false);
    server.stop();
}

#[test]
fn a_probe_that_falls_silent_is_given_up_and_the_pump_is_stopped() {
    let run = UnderWay::new(3);
    assert_eq!(run.board("{\"fault\":\"mute\"}")["done"], true);
    let (server, done, _bench) = run.breaks(Duration::from_secs(25), "instrument probe was away for longer than 3 s");
    let actions = actions(&done);
    assert!(actions.contains("tried to read the board's memory, but"), "{actions}");
    assert!(actions.contains("told the pump to stop; it confirmed: stopped"), "{actions}");
    server.stop();
}

#[test]
fn a_host_link_that_damages_or_drops_bytes_is_the_benchs_fault() {
    for (fault, says) in [("broken_frames", "instrument pump"), ("half_line", "instrument pump")] {
        let run = UnderWay::new(3);
        run.server.fault("pump", fault, true);
        let (server, done, _bench) = run.breaks(Duration::from_secs(25), says);
        let actions = actions(&done);
        assert!(actions.contains("read the board's memory:"), "evidence before power goes: {actions}");
        assert!(actions.contains("told the supply: output off; it confirmed"), "{actions}");
        server.stop();
    }
}

#[test]
fn a_link_that_says_all_twice_and_one_that_comes_back_under_another_name_cost_nothing() {
    let bench = Bench::new();
    let server = Server::start(&bench, "emulated");
    let before = server.port(&["stations", "1", "pump"]);
    let scenario = scenario(&bench, "", 15);
    let mut command = bench.command(&["run", &scenario, "--rig", &server.rig(), "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    eventually("therapy runs", PATIENCE, || server.state()["pulses"].as_u64() > Some(0));
    server.fault("pump", "doubled", true);
    std::thread::sleep(Duration::from_secs(3));
    server.fault("pump", "doubled", false);
    server.fault("pump", "vanish", true);
    std::thread::sleep(Duration::from_secs(2));
    server.fault("pump", "vanish", false);
    eventually("a new name", SHOWN_WITHIN, || server.port(&["stations", "1", "pump"]) != before);
    passes(&done(&child.wait_with_output().expect("ended")));
    server.stop();
}
