//! `cargo xtask metrics`: the product's figures on this machine, in release, each beside what is asked of it.
//!
//! It starts the product and reads what it prints; it judges no time, so that a slow machine fails nothing. What must never happen
//! fails it, behind the last figure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::Failure;
use crate::process::{cargo, command, run as run_program, target_folder};

mod analysis;
mod soaks;

/// A rig with the pump and eight instruments; the pump and five of them are polled once a second.
const RIG: &str = "virtual";

/// Measures and prints every figure.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    crate::firmware::run(root)?;
    with_product(root, &|product| {
        figures(product)?;
        analysis::figures(product)?;
        soaks::figures(product)
    })
}

/// Measures and prints what reading logs and records takes.
pub(crate) fn run_analysis(root: &Path) -> Result<(), Failure> {
    with_product(root, &analysis::figures)
}

fn with_product(root: &Path, measure: &dyn Fn(&Product) -> Result<(), Failure>) -> Result<(), Failure> {
    run_program(root, &cargo(), &["build", "--release", "--bin", "dosebench"])?;
    let program = target_folder(root).join("release/dosebench");
    let folder = std::env::temp_dir().join(format!("dosebench-metrics-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    line("figure", "asked", "found");
    let result = measure(&Product { root: root.to_owned(), program, folder: folder.clone() });
    // What a soak has left may tell why it failed.
    if result.is_ok() {
        drop(fs::remove_dir_all(folder));
    }
    result
}

fn line(figure: &str, asked: &str, found: &str) {
    println!("{figure:58} {asked:>22} {found:>22}");
}

struct Product {
    root: PathBuf,
    program: PathBuf,
    folder: PathBuf,
}

/// What a run of a program printed, how long it took, and the most memory that it held at a time.
struct Measured {
    text: String,
    json: Value,
    seconds: f64,
    peak_mib: f64,
    /// Whether it ended with 0.
    is_well: bool,
}

fn figures(product: &Product) -> Result<(), Failure> {
    let line = |figure: &str, asked: &str, found: String| line(figure, asked, &found);
    let mut ratios = Vec::new();
    let mut peak_mib: f64 = 0.0;
    for seed in ["1", "2", "3"] {
        let basal = product.scenario("endurance/basal-72h", &["--seed", seed])?;
        ratios.push(number(&basal.json, "rig_seconds")? / number(&basal.json, "wall_seconds")?);
        peak_mib = peak_mib.max(basal.peak_mib);
    }
    ratios.sort_by(f64::total_cmp);
    line(
        "72 h basal, pump and five instruments at 1 Hz, median of 3",
        ">= 30000 x real time",
        format!("{:.0} x", ratios[1]),
    );
    line("  peak memory of the run", "< 150 MiB", format!("{peak_mib:.1} MiB"));
    let short = product.hold("7 h")?;
    let long = product.hold("28 day")?;
    let growth = format!("{:.1} to {:.1} MiB", short.peak_mib, long.peak_mib);
    line("  peak memory at 7 h and at 28 days of virtual time", "flat", growth);
    for count in ["100", "5000"] {
        let steps = product.start(&["bench", "steps", "--count", count, "--folder", "steps"])?;
        let per_step = number(&steps.json, "per_step_ms")?;
        line(&format!("a step that does nothing, of {count}"), "< 0.15 ms", format!("{per_step:.4} ms"));
    }
    let readings = product.start(&["bench", "readings", "--count", "3000000", "--folder", "readings"])?;
    let per_second = number(&readings.json, "per_second")?;
    line(
        "from event through engine and recorder to file",
        ">= 500000 readings/s",
        format!("{per_second:.0} readings/s"),
    );
    let stamps = product.start(&["bench", "stamps", "--count", "3000", "--folder", "stamps"])?;
    let p99 = format!("p99 {:.3} ms", number(&stamps.json, "p99_us")? * 1e-3);
    line("time stamps of a 100 Hz channel, pseudo-terminal", "small", p99);
    let within = format!("{:.2} %", number(&stamps.json, "within_uncertainty")? * 1e2);
    line("  of them within the uncertainty that they carry", "100 %", within);
    let faults = product.start(&["bench", "faults", "--count", "5", "--folder", "faults"])?;
    let worst = format!("+ {:.1} ms", number(&faults.json, "worst_beyond_deadline_ms")?);
    line("an instrument silenced or unplugged is found, at worst", "deadline + 100 ms", worst);
    let link = product.start(&["bench", "link", "--count", "1000", "--folder", "link"])?;
    let found = |quantile: &str| number(&link.json, quantile).map(|us| us * 1e-3);
    let round_trip = format!("{:.1} / {:.1} ms", found("p50_us")?, found("p99_us")?);
    line("host link with the image running, round trip p50 / p99", "small", round_trip);
    for (figure, asked, found) in probe(&product.root)? {
        line(&figure, asked, found);
    }
    Ok(())
}

/// What is asked of the debug probe, over the virtual one on a unix socket, by the beginning of its benchmark's lines.
const PROBE: [(&str, &str); 4] = [
    ("attach", "<= 25 ms"),
    ("symbol read while the core runs", "<= 100 us"),
    ("block read", ">= 0.7 MB/s"),
    ("flash and verify", "small"),
];

/// The figures of the probe's own benchmark: name, what is asked, what was found.
fn probe(root: &Path) -> Result<Vec<(String, &'static str, String)>, Failure> {
    let told = crate::process::output(root, &cargo(), &["bench", "--quiet", "-p", "probe", "--bench", "latency"])?;
    let figure = |(name, asked): (&str, &'static str)| {
        let found = told.lines().find_map(|line| line.strip_prefix(name));
        let found =
            found.ok_or_else(|| Failure::new(format!("expected '{name}' of the probe's benchmark, but found none")))?;
        Ok((format!("debug probe: {name}"), asked, found.trim().to_owned()))
    };
    PROBE.into_iter().map(figure).collect()
}

impl Product {
    fn scenario(&self, scenario: &str, arguments: &[&str]) -> Result<Measured, Failure> {
        self.start(&[&["run", scenario, "--rig", RIG, "--json"], arguments].concat())
    }

    /// A run of so much basal therapy.
    fn hold(&self, lasts: &str) -> Result<Measured, Failure> {
        let text = format!(
            "scenario: hold\nweighing: {{before: 1 h, after: 1 h, evaporation changes at most: 1 ug/s}}\n\
             steps:\n  - start: {{continuous: 0.5 mL/day}}\n  - hold: {{for: {lasts}}}\n"
        );
        let path = self.folder.join("hold.yaml");
        fs::write(&path, text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        self.scenario(&path.display().to_string(), &[])
    }

    /// The product, which prints JSON.
    fn start(&self, arguments: &[&str]) -> Result<Measured, Failure> {
        let measured = self.start_program(&self.program, arguments)?;
        let json = serde_json::from_str(measured.text.trim())
            .map_err(|e| Failure::new(format!("expected JSON of `dosebench {}`, but {e}", arguments.join(" "))))?;
        Ok(Measured { json, ..measured })
    }

    /// A program in the folder of the measurement.
    fn start_program(&self, program: &Path, arguments: &[&str]) -> Result<Measured, Failure> {
        let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", program.display()));
        // A pipe that nobody reads would stop a program that prints more than fits into it.
        let printed = self.folder.join("printed");
        let mut command = command(&self.root, program.as_os_str(), arguments);
        let stdout = fs::File::create(&printed).map_err(failed)?;
        // A run tells how far it is, a soak what is wrong.
        let stderr = if arguments.first() == Some(&"bench") { Stdio::inherit() } else { Stdio::null() };
        let command = command.current_dir(&self.folder).stdout(stdout).stderr(stderr);
        let began = Instant::now();
        let mut child = command.spawn().map_err(failed)?;
        let mut peak_mib: f64 = 0.0;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break status;
            }
            peak_mib = peak_mib.max(high_water_mib(child.id()).unwrap_or(0.0));
            std::thread::sleep(Duration::from_millis(1));
        };
        let seconds = began.elapsed().as_secs_f64();
        let text = fs::read_to_string(&printed).map_err(failed)?;
        Ok(Measured { text, json: Value::Null, seconds, peak_mib, is_well: status.success() })
    }
}

/// The most memory that a process has held, as the kernel counts it.
fn high_water_mib(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn number(json: &Value, key: &str) -> Result<f64, Failure> {
    json[key].as_f64().ok_or_else(|| Failure::new(format!("expected the number '{key}', but found {json}")))
}
