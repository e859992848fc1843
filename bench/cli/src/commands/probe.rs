//! The worker that holds a debug probe: started by runs, not by people; and the images that a run would need it for.
//!
//! probe-rs is asked in that process alone, even for a list: its drivers can spin, hang or abort.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use domain::Order;
use rig::Station;
use scenario::{Expected, Plan, StepKind};
use serde_json::Value;

use crate::Failure;

/// The hidden subcommand.
pub(crate) const WORKER: &str = "probe-worker";
/// How long listing probes may take.
const LIST_WITHIN: Duration = Duration::from_secs(10);

/// Serves requests on standard input until there are no more.
pub(crate) fn work() -> Result<u8, Failure> {
    probe::work().map_err(|e| Failure::bench(format!("the probe's worker: {e}")))?;
    Ok(0)
}

/// The probes that are plugged in: selector, and what each calls itself.
pub(crate) fn list() -> Result<Vec<(String, String)>, Failure> {
    let failed = |e: std::io::Error| Failure::bench(format!("the probe's worker: {e}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    let mut child = command.arg(WORKER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let asked = stdin.map(|mut stdin| stdin.write_all(b"{\"list\":{}}\n"));
    let (told, answer) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
        drop(told.send(matches!(read, Some(Ok(1..))).then_some(line)));
    });
    let answer = answer.recv_timeout(LIST_WITHIN).ok().flatten().filter(|_| matches!(asked, Some(Ok(()))));
    drop(child.kill());
    drop(child.wait());
    let answer: Option<Value> = answer.and_then(|line| serde_json::from_str(&line).ok());
    let probes = answer.as_ref().and_then(|a| a["probes"].as_array()).ok_or_else(|| {
        Failure::bench(format!("expected a list of probes within {} s, but found none", LIST_WITHIN.as_secs()))
    })?;
    let text = |probe: &Value, key: &str| probe[key].as_str().unwrap_or("").to_owned();
    Ok(probes.iter().map(|probe| (text(probe, "selector"), text(probe, "name"))).collect())
}

/// Holds what a plan wants of the board's image against that image, before anything moves.
pub(crate) fn wanted(plan: &Plan, station: &Station) -> Result<(), String> {
    let Some(chip) = station.bindings.iter().find_map(|b| b.setup.chip.as_ref()) else { return Ok(()) };
    let image = probe::Image::read(&chip.image)?;
    for step in &plan.steps {
        let place = match &step.kind {
            StepKind::Peek(peek) => &peek.place,
            StepKind::Probe(scenario::Probe { order: Order::Poke { place, .. }, .. }) => place,
            StepKind::Expect(expect) => match &expect.what {
                Expected::Log(_) if image.rtt().is_none() => {
                    let shown = chip.image.display();
                    return Err(format!(
                        "step '{}': expected a log over RTT in {shown}, but found no such block",
                        step.name
                    ));
                }
                _ => continue,
            },
            _ => continue,
        };
        let found = image.symbol(&place.symbol, place.at, place.of.bytes());
        found.map_err(|why| format!("step '{}': {why}", step.name))?;
    }
    Ok(())
}
