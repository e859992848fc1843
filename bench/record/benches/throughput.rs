//! Prints how many readings a second are written and read back: `cargo bench -p record`.
//!
//! The folder is the system's temporary one, so the figures say nothing of a slow disk.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::sync::Arc;
use std::time::Instant;

use domain::{Channel, Event, EventKind, Reading, RunTime, Status};
use record::{Metadata, Pace, Reader, Recorder};

const READINGS: u64 = 3_000_000;
const CHANNELS: [&str; 12] = [
    "balance.mass",
    "flow.rate",
    "line.pressure",
    "supply.voltage",
    "supply.current",
    "climate.temperature",
    "climate.pressure",
    "climate.humidity",
    "fluid.temperature",
    "pump.commanded_rate",
    "pump.reservoir",
    "pump.battery",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metadata = Metadata {
        run: "bench".into(),
        started: "2026-11-22T16:00:00Z".into(),
        purpose: "engineering".into(),
        operator: None,
        tool: "dosebench".into(),
        host: "bench".into(),
        zero: None,
    };
    let station: Arc<str> = Arc::from("1");
    let channels = CHANNELS.map(Channel::new);
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let mut recorder = Recorder::create(folder.path(), &metadata, Pace::Virtual)?;
    for seq in 0..READINGS {
        let i = (seq % 12) as usize;
        let t_ns = RunTime::from_ns(seq / 12 * 1_000_000_000 + i as u64 * 1_041_000);
        // A value that changes in its last digits, as an instrument's does.
        let noise = (seq.wrapping_mul(6_364_136_223_846_793_005) >> 52) as f64;
        let value = 100.0 + seq as f64 * 1e-6 + noise * 1e-7;
        let reading = Reading { channel: channels[i].clone(), at_ns: t_ns, u_ns: 512_000, value, status: Status::Ok };
        recorder.append(&Event { seq, t_ns, station: station.clone(), kind: EventKind::Reading(reading) })?;
    }
    let finished = recorder.finish(1.0)?;
    let written = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let mut sum = 0.0;
    let tail = Reader::open(folder.path())?.for_each(|event| {
        if let EventKind::Reading(reading) = event.kind {
            sum += reading.value;
        }
    })?;
    let read = begun.elapsed().as_secs_f64();
    assert_eq!((tail.stream_sha256, tail.torn), (finished.stream_sha256, None), "the record reads back whole");
    let bytes: u64 = std::fs::read_dir(folder.path())?.map_while(|e| e.ok()?.metadata().ok()).map(|m| m.len()).sum();
    println!("written: {:.0} readings/s", READINGS as f64 / written);
    println!("read:    {:.0} readings/s", READINGS as f64 / read);
    println!(
        "size:    {:.1} bytes a reading (mean value {:.3})",
        bytes as f64 / READINGS as f64,
        sum / READINGS as f64
    );
    Ok(())
}
