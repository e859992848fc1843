//! The worker that holds a debug probe, started by runs and not by people; and the list of probes, which it makes.
//!
//! probe-rs is asked in that process alone: its drivers can spin, hang or abort.

use std::time::Duration;

use serde_json::Value;

use crate::{Failure, child};

/// How long listing probes may take.
const LIST_WITHIN: Duration = Duration::from_secs(10);

/// Arguments of the worker.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The probe that it is for, as VID:PID:SERIAL
    selector: Option<String>,
}

/// Serves requests on standard input until there are no more.
pub(crate) fn work(args: Args) -> Result<u8, Failure> {
    probe::work(args.selector).map_err(|e| Failure::bench(format!("the probe's worker: {e}")))?;
    Ok(0)
}

/// The probes that are plugged in: selector, and what each calls itself.
pub(crate) fn list() -> Result<Vec<(String, String)>, Failure> {
    let mut told = child::start(&[rig::PROBE_WORKER], b"{\"list\":{}}\n", LIST_WITHIN)
        .map_err(|e| Failure::bench(format!("the probe's worker: {e}")))?;
    child::end(&mut told.child);
    let answer: Option<Value> = told.line.and_then(|line| serde_json::from_str(&line).ok());
    let probes = answer.as_ref().and_then(|a| a["probes"].as_array()).ok_or_else(|| {
        Failure::bench(format!("expected a list of probes within {} s, but found none", LIST_WITHIN.as_secs()))
    })?;
    let text = |probe: &Value, key: &str| probe[key].as_str().unwrap_or("").to_owned();
    Ok(probes.iter().map(|probe| (text(probe, "selector"), text(probe, "name"))).collect())
}
