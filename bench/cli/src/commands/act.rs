//! `dosebench cancel`, `acknowledge` and `release`: what people do about the daemon's jobs and stations.
//!
//! Each is in the audit log, with who did it.

use serde_json::json;

use crate::client::{Client, Which, run_id, segment};
use crate::output::say;
use crate::{Failure, load, station};

/// Arguments of `cancel` and `acknowledge`.
#[derive(clap::Args)]
pub(crate) struct RunOrJobArgs {
    /// The run: its id, or its folder; or the job's number
    #[arg(value_name = "RUN-OR-JOB")]
    named: String,
    #[command(flatten)]
    daemon: Which,
}

/// The number of a job, as it is named: by its number, or by a run of its.
fn job_of(client: &Client, named: &str) -> Result<i64, Failure> {
    if let Ok(job) = named.parse::<i64>() {
        return Ok(job);
    }
    let run = client.get(&format!("/api/v1/runs/{}", run_id(named)?))?;
    let job = run["job"].as_i64();
    job.ok_or_else(|| Failure::input(format!("expected a run of the daemon's, but nobody has submitted {named}")))
}

pub(crate) fn acknowledge(args: &RunOrJobArgs) -> Result<u8, Failure> {
    let client = Client::of(&args.daemon)?;
    let job = job_of(&client, &args.named)?;
    let done = client.post(&format!("/api/v1/jobs/{job}/acknowledge"), &json!({"by": crate::user()}))?;
    say!("job {job}  acknowledged by {}", done["acknowledged_by"].as_str().unwrap_or("somebody"));
    Ok(0)
}

pub(crate) fn cancel(args: &RunOrJobArgs) -> Result<u8, Failure> {
    let client = Client::of(&args.daemon)?;
    let job = job_of(&client, &args.named)?;
    let done = client.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({"by": crate::user()}))?;
    let does = if done["state"] == "ended" { "cancelled" } else { "is being stopped" };
    say!("job {job}  {does}");
    Ok(0)
}

/// Arguments of `release`.
#[derive(clap::Args)]
pub(crate) struct ReleaseArgs {
    /// The station
    station: String,
    /// What was found there; it stands in the audit log
    #[arg(long)]
    because: String,
    /// The rig file, where no daemon serves the rig
    #[arg(long, conflicts_with = "daemon")]
    rig: Option<String>,
    #[command(flatten)]
    daemon: Which,
}

pub(crate) fn release(args: &ReleaseArgs) -> Result<u8, Failure> {
    if let Some(named) = &args.rig {
        let rig = load::whole_rig(&load::rig_source(named)?)?;
        let of = rig.station(Some(&args.station)).map_err(Failure::input)?;
        let (name, ports) = (station::rig_name(named), station::ports(of));
        let released = station::store()?.release(&station::place(of, &name, &ports), &crate::user(), &args.because);
        return released.map(|()| 0).map_err(station::failure);
    }
    let client = Client::of(&args.daemon)?;
    let body = json!({"by": crate::user(), "because": args.because});
    client.post(&format!("/api/v1/stations/{}/release", segment(&args.station)), &body)?;
    Ok(0)
}
