//! What it takes to make figures of others' logs and reports of long runs, and a reference by numpy beside it.
//!
//! Logs and records are made by the product itself from a seed. Who has no numpy is told so, and has the other rows.

use std::path::Path;

use serde_json::Value;

use super::{Measured, Product, line};
use crate::failure::Failure;
use crate::process::output;

/// Seven days at 10 Hz.
const READINGS: usize = 6_048_000;
/// Five channels of as many readings.
const RECORDED: usize = 5 * READINGS;
/// Each time is the median of so many runs, after one that is not counted.
const RUNS: usize = 5;
/// What the reference is given of the log, in the order in which it takes that.
const DENSITY: (&str, &str) = ("998 kg/m3", "998");
const EVAPORATION: (&str, &str) = ("0.12 ug/s", "0.12");
/// 0.5 mL a day, in µL/h.
const RATE: (&str, &str) = ("0.5 mL/day", "20.833333333333332");
/// Windows of each minute's multiple that fit into a day: a trumpet as dense as anybody asks for.
const DENSE_WINDOWS: usize = 1440;
/// The program of the reference, unless the environment names another.
const PYTHON: &str = "python3";
const PYTHON_VARIABLE: &str = "DOSEBENCH_PYTHON";
/// Figures that are zero but for rounding are compared with one: they are in % or µL.
const SMALL: f64 = 1.0;

pub(super) fn figures(product: &Product) -> Result<(), Failure> {
    let log = product.log("log", READINGS)?;
    let ours = product.analyze(&log, &["--json"])?;
    line("analyze, 7 days at 10 Hz (6 048 000 readings), to figures", "< 0.6 s", &seconds(&ours));
    line("  peak memory", "< 0.5 GB", &peak(&ours));
    let drawn = product.analyze(&log, &["--json", "--out", "drawn"])?;
    line("  to figures, page and plots in a folder", "< 3 s", &seconds(&drawn));
    line("  peak memory", "< 0.5 GB", &peak(&drawn));
    dense(product, &log)?;
    reference(product, &log)?;
    let recorded = RECORDED.to_string();
    product.start(&["bench", "record", "--count", &recorded, "--folder", "run"])?;
    let report = median(1, || product.start_program(&product.program, &["report", "run"]))?;
    line("report of a record of 30 240 000 readings, five channels", "< 10 s", &seconds(&report));
    line("  peak memory", "< 1 GB", &peak(&report));
    Ok(())
}

/// A dense trumpet of the whole log and of its half.
fn dense(product: &Product, log: &str) -> Result<(), Failure> {
    let windows: Vec<String> = (1..=DENSE_WINDOWS).map(|minutes| minutes.to_string()).collect();
    let windows = format!("{}min", windows.join(","));
    let asked = ["--json", "--interval", "1 min", "--windows", &windows];
    let half_log = product.log("half", READINGS / 2)?;
    let (whole, half) = (product.analyze(log, &asked)?, product.analyze(&half_log, &asked)?);
    let found = format!("{:.3} and {:.3} s", half.seconds, whole.seconds);
    line("  1440 windows of half of the readings, and of all", "linear", &found);
    Ok(())
}

/// The same figures by numpy: how much longer they take, and how far they are from ours.
fn reference(product: &Product, log: &str) -> Result<(), Failure> {
    let python = std::env::var(PYTHON_VARIABLE).unwrap_or_else(|_| PYTHON.to_owned());
    let name = "numpy reference, whole process, against analyze";
    if let Err(missing) = output(&product.root, python.as_ref(), &["-c", "import numpy, pyarrow.parquet"]) {
        let why = missing.message.lines().last().unwrap_or_default().to_owned();
        line(name, ">= 4 x as long", "left out");
        println!("  {python}: {why}; install numpy and pyarrow, or name another Python as {PYTHON_VARIABLE}");
        return Ok(());
    }
    let script = product.root.join("bench/xtask/src/metrics/reference.py").display().to_string();
    let arguments = [script.as_str(), log, RATE.1, DENSITY.1, EVAPORATION.1];
    // In turn, so that a machine that is busy for a while is so for both.
    let mut ratios = Vec::new();
    let mut ours = Value::Null;
    let theirs = median(RUNS, || {
        let theirs = product.start_program(Path::new(&python), &arguments)?;
        let analyzed = product.analyze_once(log, &["--json"])?;
        ratios.push(theirs.seconds / analyzed.seconds);
        ours = analyzed.json;
        Ok(theirs)
    })?;
    ratios.remove(0);
    ratios.sort_by(f64::total_cmp);
    let json: Value = serde_json::from_str(theirs.text.trim())
        .map_err(|why| Failure::new(format!("expected JSON of {script}, but {why}")))?;
    line(name, ">= 4 x as long", &format!("{:.1} x ({:.3} s)", ratios[RUNS / 2], theirs.seconds));
    line("  peak memory of the reference", "", &peak(&theirs));
    let mut compared = Compared::default();
    compared.values("", &ours, &json);
    if let Some(place) = compared.other {
        return Err(Failure::new(format!(
            "expected the reference to have the same figures, but found another {place}"
        )));
    }
    line(
        &format!("  greatest difference of {} figures", compared.count),
        "rounding",
        &format!("{:.1e}", compared.greatest),
    );
    Ok(())
}

/// Figures held against each other.
#[derive(Debug, Default)]
struct Compared {
    count: usize,
    greatest: f64,
    /// The first place where one has something else than a number or a list of the same length.
    other: Option<String>,
}

impl Compared {
    /// Whatever both have.
    fn values(&mut self, place: &str, ours: &Value, theirs: &Value) {
        match (ours, theirs) {
            (Value::Object(ours), Value::Object(theirs)) => {
                for (key, ours) in ours {
                    if let Some(theirs) = theirs.get(key) {
                        self.values(&format!("{place}/{key}"), ours, theirs);
                    }
                }
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                    self.values(&format!("{place}/{i}"), ours, theirs);
                }
            }
            (Value::Number(ours), Value::Number(theirs)) => {
                let (ours, theirs) = (ours.as_f64().unwrap_or(f64::NAN), theirs.as_f64().unwrap_or(f64::NAN));
                self.count += 1;
                self.greatest = self.greatest.max((ours - theirs).abs() / ours.abs().max(SMALL));
            }
            (Value::Null, Value::Null) => {}
            _ => drop(self.other.get_or_insert_with(|| place.to_owned())),
        }
    }
}

impl Product {
    /// A log of so many readings, in a folder of that name.
    fn log(&self, folder: &str, readings: usize) -> Result<String, Failure> {
        self.start(&["bench", "log", "--count", &readings.to_string(), "--folder", folder])?;
        Ok(format!("{folder}/log.parquet"))
    }

    fn analyze(&self, log: &str, arguments: &[&str]) -> Result<Measured, Failure> {
        median(RUNS, || self.analyze_once(log, arguments))
    }

    fn analyze_once(&self, log: &str, arguments: &[&str]) -> Result<Measured, Failure> {
        let usual = ["analyze", log, "--rate", RATE.0, "--density", DENSITY.0, "--evaporation", EVAPORATION.0];
        self.start(&[&usual[..], arguments].concat())
    }
}

/// The run of median length among some, and the most memory of all; if there are several, one before them does not count.
fn median(runs: usize, mut run: impl FnMut() -> Result<Measured, Failure>) -> Result<Measured, Failure> {
    if runs > 1 {
        // The first finds nothing in memory yet.
        run()?;
    }
    let mut all = (0..runs).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    let peak_mib = all.iter().map(|run| run.peak_mib).fold(0.0, f64::max);
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let middle = all.swap_remove(all.len() / 2);
    Ok(Measured { peak_mib, ..middle })
}

fn seconds(measured: &Measured) -> String {
    format!("{:.3} s", measured.seconds)
}

fn peak(measured: &Measured) -> String {
    format!("{:.0} MiB", measured.peak_mib)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_compared_wherever_both_have_them() {
        let mut compared = Compared::default();
        let ours = json!({"a": 200.0, "b": [{"c": 1e-9}, {"c": 4.0}], "only": 1.0, "none": null});
        let theirs = json!({"a": 201.0, "b": [{"c": 0.0}, {"c": 4.0}], "theirs": 1.0, "none": null});
        compared.values("", &ours, &theirs);
        assert_eq!((compared.count, compared.greatest, compared.other), (3, 0.005, None));
        let mut compared = Compared::default();
        compared.values("", &json!({"b": [1.0]}), &json!({"b": [1.0, 2.0]}));
        assert_eq!(compared.other.as_deref(), Some("/b"));
    }
}
