//! `dosebench list`: one line an item, its name first.
//!
//! The order is fixed: by name, and runs by age.

use std::path::{Path, PathBuf};

use crate::commands::probe;
use crate::output::say;
use crate::{Failure, load, runs};

/// Arguments of `list`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What
    what: What,
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// The scenarios of the library
    Scenarios,
    /// The rigs of the library
    Rigs,
    /// The instruments that there are drivers for
    Instruments,
    /// The serial ports of this machine
    Ports,
    /// The debug probes of this machine
    Probes,
    /// The runs under --runs
    Runs,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let lines = match args.what {
        What::Scenarios => scenarios()?,
        What::Rigs => rigs()?,
        What::Instruments => drivers::DRIVERS.iter().map(|d| (d.name.to_owned(), d.summary.to_owned())).collect(),
        What::Ports => ports()?,
        What::Probes => probe::list()?,
        What::Runs => runs::all(&args.runs).iter().map(|folder| run_line(folder)).collect(),
    };
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, about) in lines {
        say!("{}", format!("{name:width$}  {about}").trim_end());
    }
    Ok(0)
}

fn scenarios() -> Result<Vec<(String, String)>, Failure> {
    let titled = scenario::library::SCENARIOS.iter().map(|(name, _)| {
        let source = load::scenario_source(name)?;
        let tree = text::parse(&source, &mut text::Diagnostics::new());
        let title = tree.as_ref().and_then(|t| t.get("scenario")?.scalar().map(str::to_owned));
        Ok(((*name).to_owned(), title.unwrap_or_default()))
    });
    titled.collect()
}

fn rigs() -> Result<Vec<(String, String)>, Failure> {
    let described = ::rig::library::RIGS.iter().map(|(name, _)| {
        let rig = load::rig(&load::rig_source(name)?)?;
        Ok(((*name).to_owned(), rig.about().to_owned()))
    });
    described.collect()
}

fn ports() -> Result<Vec<(String, String)>, Failure> {
    if !Path::new("/sys/class/tty").is_dir() {
        return Ok(Vec::new());
    }
    let ports =
        serialport::available_ports().map_err(|e| Failure::bench(format!("the ports cannot be listed: {e}")))?;
    let mut lines: Vec<(String, String)> = ports
        .into_iter()
        .map(|port| {
            let about = match port.port_type {
                serialport::SerialPortType::UsbPort(usb) => format!(
                    "usb {:04x}:{:04x} {} serial {}",
                    usb.vid,
                    usb.pid,
                    usb.product.unwrap_or_default(),
                    usb.serial_number.unwrap_or_else(|| "none".to_owned())
                ),
                _ => String::new(),
            };
            (port.port_name, about)
        })
        .collect();
    lines.sort();
    Ok(lines)
}

fn run_line(folder: &Path) -> (String, String) {
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let summary = std::fs::read(folder.join("summary.json")).ok();
    let summary: Option<serde_json::Value> = summary.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let field = |key: &str| summary.as_ref().and_then(|s| s[key].as_str().map(str::to_owned));
    let verdict = field("verdict").unwrap_or_else(|| "unfinished".to_owned());
    let title = resolved_title(folder).or_else(|| field("scenario")).unwrap_or_default();
    let rig = field("rig").map(|rig| format!(" on {rig}")).unwrap_or_default();
    (name, format!("{verdict:12}  {title}{rig}"))
}

/// The title in the resolved scenario beside a record: there from the run's first moment on, finished or not.
fn resolved_title(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("scenario.yaml")).ok()?;
    let resolved: serde_yaml::Value = serde_yaml::from_str(&text).ok()?;
    resolved.get("scenario")?.as_str().map(str::to_owned)
}
