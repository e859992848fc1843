//! `dosebench doctor`: what a lab finds out at night otherwise. Ports, permissions, room, clock, certificates, quarantines.
//!
//! It looks and changes nothing; with `--ask` each instrument but the board is spoken to. Each line says what was found, and what to
//! do where that is wrong.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ::rig::{Binding, Port, RigFile, Station};
use daemon::health;
use domain::{Identity, RunVerdict};
use drivers::transport::usb_path;
use jiff::{Timestamp, ToSpan, Zoned};
use rustix::fs::{Access, access, statvfs};
use store::Store;

use crate::job::Refused;
use crate::output::say;
use crate::{BENCH_ERROR, Failure, load};

/// A 72-hour run leaves a few hundred megabytes; less room than this is none.
const ROOM_LEAST_GB: f64 = 1.0;
/// With less, somebody should tidy up soon.
const ROOM_GB: f64 = 10.0;
/// A certificate that falls due sooner is to be renewed.
const DUE_WITHIN_DAYS: i64 = 30;

/// Arguments of `doctor`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rig: a file, or a name of the library
    #[arg(long, default_value = "virtual")]
    rig: String,
    /// The rig's station; all unless given
    #[arg(long)]
    station: Option<String>,
    /// Ask each instrument but the board whether it answers, and look at nothing but that, the ports and the room; nobody else may
    /// use the station meanwhile
    #[arg(long)]
    ask: bool,
    /// Where runs' folders are made
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Well,
    Doubtful,
    /// It could not be looked at.
    Unknown,
    Wrong,
}

/// What was looked at, how it is, and what was found.
type Found = (String, Is, String);

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let rig = load::whole_rig(&load::rig_source(&args.rig)?)?;
    let stations: Vec<&Station> = match args.station.as_deref() {
        Some(name) => vec![rig.station(Some(name)).map_err(Failure::input)?],
        None => rig.stations().iter().collect(),
    };
    let mut found = vec![room(&args.runs)];
    if !args.ask {
        found.push(clock());
        found.extend(state(&rig, &args.rig));
    }
    for station in stations {
        found.extend(station.bindings.iter().filter_map(|binding| port(station, binding)));
        if args.ask {
            found.extend(asked(station)?);
        } else if station.profile.clock.is_real() {
            // A virtual rig has a calendar of its own.
            found.extend(certificates(station));
        }
    }
    for (what, is, said) in &found {
        let mark = match is {
            Is::Well => "ok",
            Is::Doubtful => "look",
            Is::Unknown => "?",
            Is::Wrong => "WRONG",
        };
        say!("{mark:5}  {what}: {said}");
    }
    let any = |wanted| found.iter().any(|(_, is, _)| *is == wanted);
    Ok(match (any(Is::Wrong), any(Is::Unknown)) {
        (true, _) => BENCH_ERROR,
        (false, true) => RunVerdict::Inconclusive.exit_code(),
        (false, false) => 0,
    })
}

/// Whether the wall clock is set by somebody: records and certificates are dated by it.
fn clock() -> Found {
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .output();
    let said = asked.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    let now = Timestamp::now();
    let (is, what) = match said.as_deref() {
        Some("yes") => (Is::Well, "set by a time server".to_owned()),
        Some("no") => (Is::Doubtful, "not set by a time server; let `timedatectl set-ntp true` do that".to_owned()),
        _ => (Is::Doubtful, "who sets it is not known here; compare it with another clock".to_owned()),
    };
    ("clock".to_owned(), is, format!("{now:.0}, {what}"))
}

/// Room for runs, and whether they can be written.
fn room(runs: &Path) -> Found {
    let what = format!("room in {}", runs.display());
    let there = runs.ancestors().find(|folder| folder.is_dir()).unwrap_or_else(|| Path::new("."));
    // A relative path of one part has an empty one above it.
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if let Err(why) = access(there, Access::WRITE_OK) {
        return (
            what,
            Is::Wrong,
            format!("{} cannot be written ({why}); ask for write access, or name another with --runs", there.display()),
        );
    }
    match statvfs(there) {
        Ok(of) => {
            let gb = of.f_bavail as f64 * of.f_frsize as f64 * 1e-9;
            let is = if gb < ROOM_LEAST_GB {
                Is::Wrong
            } else if gb < ROOM_GB {
                Is::Doubtful
            } else {
                Is::Well
            };
            let todo = if is == Is::Well { "" } else { "; move old runs away" };
            (what, is, format!("{gb:.1} GB free{todo}"))
        }
        Err(why) => (what, Is::Wrong, format!("its disk cannot be asked ({why})")),
    }
}

/// The host's store, and what it keeps apart.
fn state(rig: &RigFile, named: &str) -> Vec<Found> {
    let folder = Store::usual_folder();
    let what = format!("store in {}", folder.display());
    if folder.exists()
        && let Err(why) = access(&folder, Access::WRITE_OK)
    {
        return vec![(what, Is::Wrong, format!("it cannot be written ({why}); ask to be taken into its group"))];
    }
    if !Store::is_in(&folder) {
        return vec![(what, Is::Well, "there is none yet; the first run on real ports makes it".to_owned())];
    }
    let store = match Store::look(&folder) {
        Ok(store) => store,
        Err(why) => return vec![(what, Is::Wrong, why.to_string())],
    };
    let mut found = vec![match store.verify_audit(None) {
        Ok(verified) => (what, Is::Well, format!("its audit log is as it was written, {} entries", verified.entries)),
        Err(why) => (what, Is::Wrong, why.to_string()),
    }];
    let rig_of_daemon = crate::station::rig_name(named);
    for of in rig.stations() {
        let name = &of.profile.station;
        if let Ok(Some((why, since))) =
            store.quarantined(&crate::station::place(of, &rig_of_daemon, &crate::station::ports(of)))
        {
            let said =
                format!("in quarantine since {since}: {why}; look, then `dosebench release {name} --because WHAT`");
            found.push((format!("station {name}"), Is::Wrong, said));
        }
    }
    found
}

/// Whether the port of an instrument is there and may be used; nothing for one that is no file.
fn port(station: &Station, binding: &Binding) -> Option<Found> {
    let what = format!("station {} {} ({})", station.profile.station, binding.instrument, binding.port.name());
    let path = match &binding.port {
        Port::Serial { path, .. } | Port::Unix { path } => PathBuf::from(path),
        Port::Usb { serial, .. } => match usb_path(serial) {
            Ok(path) => PathBuf::from(path),
            Err(why) => return Some((what, Is::Wrong, why.to_string())),
        },
        Port::Tcp { .. } | Port::Probe { .. } | Port::Simulated => return None,
    };
    let both = Access::READ_OK | Access::WRITE_OK;
    Some(match access(&path, both) {
        Ok(()) => (what, Is::Well, "there, and may be used".to_owned()),
        Err(rustix::io::Errno::NOENT) => {
            (what, Is::Wrong, "not there; plug it in, or correct the rig file (`dosebench list ports`)".to_owned())
        }
        Err(why) => {
            let user = crate::user();
            (what, Is::Wrong, format!("may not be used ({why}); `sudo usermod -aG dialout {user}`, then log in again"))
        }
    })
}

/// What a station's instruments say of themselves. One that somebody uses is not asked.
fn asked(station: &Station) -> Result<Vec<Found>, Failure> {
    let name = &station.profile.station;
    let _hold =
        match crate::station::hold(station, crate::station::Needs::new(), "looking whether its instruments answer") {
            Ok(hold) => hold,
            Err(Refused::Taken(why)) => {
                return Ok(vec![(format!("station {name}"), Is::Unknown, format!("not asked: {}", why.sentence()))]);
            }
            Err(why) => return Err(why.into()),
        };
    let answers = health::ask(station).map_err(Failure::bench)?;
    let found = |(instrument, answer): (String, Result<Identity, String>)| {
        let what = format!("station {name} {instrument}");
        match answer {
            Ok(identity) => (what, Is::Well, format!("answers: {identity}")),
            Err(why) => (what, Is::Wrong, format!("gives no reading: {why}; look at its power and its cable")),
        }
    };
    Ok(answers.into_iter().map(found).collect())
}

/// When a station's certificates fall due.
fn certificates(station: &Station) -> Vec<Found> {
    let now = Zoned::now();
    let (today, soon) = (now.date(), now.date().saturating_add(DUE_WITHIN_DAYS.days()));
    let of_balances = station.profile.instruments.iter().filter_map(|instrument| {
        let calibration = instrument.calibration.as_ref()?;
        Some((&instrument.name, calibration.certificate.as_str(), calibration.due.as_str()))
    });
    let of_others = station.stated.papers.iter().filter_map(|papers| {
        Some((&papers.instrument, papers.certificate.as_deref().unwrap_or("without a number"), papers.due.as_deref()?))
    });
    let found = |(instrument, certificate, due): (&String, &str, &str)| {
        let what = format!("station {} {instrument}, certificate {certificate}", station.profile.station);
        match due.parse::<jiff::civil::Date>() {
            Ok(day) if day < today => {
                (what, Is::Wrong, format!("fell due on {due}; have it calibrated, runs are refused"))
            }
            Ok(day) if day < soon => (what, Is::Doubtful, format!("falls due on {due}; have it calibrated soon")),
            Ok(_) => (what, Is::Well, format!("falls due on {due}")),
            Err(_) => {
                (what, Is::Wrong, format!("expected a day as YYYY-MM-DD, but found '{due}'; correct the rig file"))
            }
        }
    };
    of_balances.chain(of_others).map(found).collect()
}
