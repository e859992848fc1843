//! `dosebench analyze`: accuracy figures of any gravimetric log, without a rig.
//!
//! It judges nothing: who has figures has succeeded.

use std::path::{Path, PathBuf};

use domain::Dimension;
use reports::analysis::{Analysis, ColumnSpec, Commanded, Dialect, Liquid, LogError, Request, analyze};
use text::parse_quantity;

use crate::output::{say, tell, tell_raw};
use crate::{BAD_INPUT, Failure};

mod budget;

/// Arguments of `analyze`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Logs in CSV with a header, or in Parquet (.parquet)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The rate that was commanded throughout, such as "150 mL/h"
    #[arg(long, value_parser = rate, required_unless_present = "commanded", conflicts_with = "commanded")]
    rate: Option<f64>,
    /// The column of the commanded rate (mL/h unless given), or of the cumulative volume, such as dose:mL
    #[arg(long, value_name = "COLUMN[:UNIT]")]
    commanded: Option<String>,
    /// The column of time, s unless given; without a unit it may hold ISO 8601; the first column unless named
    #[arg(long, value_name = "COLUMN[:UNIT]")]
    time: Option<String>,
    /// The column of mass, g unless given; the second column unless named
    #[arg(long, value_name = "COLUMN[:UNIT]")]
    mass: Option<String>,
    /// What stands before decimals: . or ,
    #[arg(long, default_value = ".", value_parser = decimal)]
    decimal: char,
    /// What stands between values: one character, or tab
    #[arg(long, default_value = ",", value_parser = separator)]
    separator: u8,
    #[command(flatten)]
    method: Method,
    /// What evaporates, such as "0.12 ug/s"
    #[arg(long, value_parser = evaporation, allow_hyphen_values = true)]
    evaporation: Option<f64>,
    /// The outer diameter of the needle that dips into the vessel, such as "0.5 mm"
    #[arg(long, value_parser = length, requires = "vessel")]
    needle: Option<f64>,
    /// The vessel's bore
    #[arg(long, value_parser = length, requires = "needle")]
    vessel: Option<f64>,
    /// A YAML file with the terms of the uncertainty
    #[arg(long)]
    budget: Option<String>,
    /// The sample interval; 30 s from 1 mL/h up and 15 min below, unless given
    #[arg(long, value_parser = time)]
    interval: Option<f64>,
    /// The windows of the trumpet curve, multiples of the interval with one unit at the end: 2,5,11,19,31min
    #[arg(long, value_parser = windows)]
    windows: Option<Windows>,
    /// When the analysis begins, since the first reading
    #[arg(long, value_parser = time_or_zero)]
    from: Option<f64>,
    /// When the analysis ends, since the first reading
    #[arg(long, value_parser = time)]
    to: Option<f64>,
    /// The longest time between two readings; the larger of the interval and twice the usual spacing, unless given
    #[arg(long, value_parser = time)]
    max_gap: Option<f64>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Write report.html, analysis.json and plots into this folder; of several files, each into a folder of its name there
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Liquid and air.
#[derive(clap::Args)]
struct Method {
    /// The liquid's density, such as "0.998 g/mL"; without it water by temperature
    #[arg(long, value_parser = density)]
    density: Option<f64>,
    /// The temperature of vessel and air; with pressure and humidity, air buoyancy is corrected
    #[arg(long, value_parser = temperature, allow_hyphen_values = true)]
    temperature: Option<f64>,
    /// The air's pressure, such as "1013 hPa"
    #[arg(long, value_parser = pressure)]
    pressure: Option<f64>,
    /// The air's relative humidity, such as "50 %"
    #[arg(long, value_parser = humidity)]
    humidity: Option<f64>,
    /// The temperature at which the volume is stated; the vessel's unless given
    #[arg(long, value_parser = temperature)]
    volume_at: Option<f64>,
}

/// A list of windows, in s.
#[derive(Debug, Clone)]
struct Windows(Vec<f64>);

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let request = request(args)?;
    let mut worst = 0;
    let mut folders: Vec<&std::ffi::OsStr> = args.files.iter().filter_map(|file| file.file_stem()).collect();
    folders.sort_unstable();
    if args.out.is_some()
        && let Some(pair) = folders.windows(2).find(|pair| pair[0] == pair[1])
    {
        let name = pair[0].display();
        return Err(Failure::input(format!("expected files of different names for --out, but found two of '{name}'")));
    }
    for file in &args.files {
        let folder = args.out.as_ref().map(|out| match file.file_stem() {
            Some(stem) if args.files.len() > 1 => out.join(stem),
            _ => out.clone(),
        });
        let analysis = match analyzed(file, &request, folder.as_deref()) {
            Ok(analysis) => analysis,
            Err(LogError::Input(problems)) => {
                tell_raw(&problems);
                worst = BAD_INPUT;
                continue;
            }
            Err(LogError::Report(why)) => return Err(Failure::bench(why)),
        };
        if args.json {
            say!("{}", analysis.json());
        } else {
            say!("{}", analysis.text().trim_end());
        }
        if let Some(folder) = folder {
            tell!("{}", folder.display());
        }
    }
    Ok(worst)
}

/// The figures of a log, written into a folder if there is one: a log that changed meanwhile has none.
fn analyzed(file: &Path, request: &Request, folder: Option<&Path>) -> Result<Analysis, LogError> {
    let analysis = analyze(file, request)?;
    folder.map_or(Ok(()), |folder| analysis.write(folder))?;
    Ok(analysis)
}

fn request(args: &Args) -> Result<Request, Failure> {
    let column = |text: &Option<String>, dimensions: &[Dimension]| {
        text.as_ref().map_or(ColumnSpec::USUAL, |text| ColumnSpec::parse(text, dimensions))
    };
    let commanded = match (args.rate, &args.commanded) {
        (Some(rate), _) => Commanded::Rate(rate),
        (None, named) => Commanded::Column(column(named, &[Dimension::FlowRate, Dimension::Volume])),
    };
    let method = &args.method;
    let budget = match &args.budget {
        Some(path) => Some(budget::read(path)?),
        None => None,
    };
    Ok(Request {
        dialect: Dialect { separator: args.separator, decimal: args.decimal },
        time: column(&args.time, &[Dimension::Time]),
        mass: column(&args.mass, &[Dimension::Mass]),
        commanded,
        liquid: Liquid {
            density_kg_per_m3: method.density,
            temperature_c: method.temperature,
            stated_c: method.volume_at,
            pressure_hpa: method.pressure,
            humidity_percent: method.humidity,
        },
        evaporation_ug_per_s: args.evaporation,
        needle_mm: args.needle.zip(args.vessel),
        budget,
        interval_s: args.interval,
        windows_s: args.windows.clone().map(|windows| windows.0),
        from_s: args.from,
        to_s: args.to,
        max_gap_s: args.max_gap,
    })
}

fn positive(text: &str, dimension: Dimension) -> Result<f64, String> {
    match parse_quantity(text, dimension)? {
        value if value > 0.0 => Ok(value),
        _ => Err(format!("expected more than zero, but found '{text}'")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    positive(text, Dimension::FlowRate)
}

fn density(text: &str) -> Result<f64, String> {
    positive(text, Dimension::Density)
}

fn temperature(text: &str) -> Result<f64, String> {
    parse_quantity(text, Dimension::Temperature)
}

/// In hPa.
fn pressure(text: &str) -> Result<f64, String> {
    Ok(positive(text, Dimension::Pressure)? * 10.0)
}

fn humidity(text: &str) -> Result<f64, String> {
    parse_quantity(text, Dimension::Ratio)
}

/// A balance that drifts upwards shows a negative evaporation.
fn evaporation(text: &str) -> Result<f64, String> {
    parse_quantity(text, Dimension::MassRate)
}

fn length(text: &str) -> Result<f64, String> {
    positive(text, Dimension::Length)
}

fn time(text: &str) -> Result<f64, String> {
    positive(text, Dimension::Time)
}

fn time_or_zero(text: &str) -> Result<f64, String> {
    match parse_quantity(text, Dimension::Time)? {
        value if value >= 0.0 => Ok(value),
        _ => Err(format!("expected a time of zero or more, but found '{text}'")),
    }
}

/// `2,5,11,19,31min`: the unit of the last is that of all.
fn windows(text: &str) -> Result<Windows, String> {
    let unit: String = text.chars().skip_while(|c| !c.is_alphabetic()).collect();
    let numbers = text.strip_suffix(unit.as_str()).unwrap_or(text);
    let each = |number: &str| time(&format!("{} {unit}", number.trim()));
    let windows: Vec<f64> = numbers.split(',').map(each).collect::<Result<_, _>>().map_err(|why| {
        format!("expected a list of times with one unit at its end, such as '2,5,11,19,31min': {why}")
    })?;
    Ok(Windows(windows))
}

fn decimal(text: &str) -> Result<char, String> {
    match text {
        "." => Ok('.'),
        "," => Ok(','),
        _ => Err(format!("expected '.' or ',', but found '{text}'")),
    }
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] if !one.is_ascii_alphanumeric() && !matches!(one, b'"' | b'\r' | b'\n' | b'.' | b'-' | b'+' | b'#') => {
            Ok(*one)
        }
        _ => Err(format!("expected one character such as ',' or ';', or 'tab', but found '{text}'")),
    }
}
