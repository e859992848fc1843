//! `cargo xtask host`: the Debian package on a machine of its own, which restarts, loses its power, loses a plug, and is switched off
//! while its bench works, and whose daemon hangs.
//!
//! The machine is emulated; its instruments are a rig that is served here, so that its pump goes on meanwhile. What is found stands
//! line by line; what is not as asked ends it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

mod guest;
mod rig;

use guest::{ANOTHER, Guest, Image};
use rig::Rig;

/// What makes and starts it, as Debian calls the packages.
const NEEDS: [(&str, &str); 3] =
    [("mmdebstrap", "mmdebstrap"), ("genext2fs", "genext2fs"), ("qemu-system-x86_64", "qemu-system-x86")];
/// Of which build the package is.
const PROFILE: &str = "dev";
/// What is run there: it delivers for long enough to be interrupted, and may go on.
const SCENARIO: &str = "scenario: Goes on
parameters: {time: {default: 30 min, from: 1 s, to: 1 h}}
resume: {within: 10 min}
weighing: {before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}
steps:
  - start: {continuous: 24 mL/day}
  - hold: {name: delivered, for: $time}
  - stop: {}
  - check: {volume during: delivered, tolerance: ±20 % of commanded, because: that is coarse}
";
/// For how long it delivers. How much of the mass came as a step while nobody looked is not known, so that the uncertainty grows
/// with the share of time that the machine was away: of 4 min, a restart that took 142 s was too much for a verdict.
const DELIVERS_FOR: &str = "8 min";
/// Where the daemon answers there.
const API: &str = "http://127.0.0.1:7316/api/v1";
/// How long anything may take there that is not said otherwise.
const PATIENCE: Duration = Duration::from_secs(900);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// A run that is cut off loses at most the readings of so long, in s.
const LOST_AT_MOST_S: f64 = 1.0;

/// Makes the package and the machine, and holds the one against what is done to the other.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let missing: Vec<&str> =
        NEEDS.iter().filter(|(program, _)| !process::is_on_path(program)).map(|(_, package)| *package).collect();
    if !missing.is_empty() && !process::install(root, &missing) {
        return Err(Failure::new(format!(
            "expected Debian's packages {}, but they are not installed",
            missing.join(" ")
        )));
    }
    let package = crate::deb::package(root, PROFILE)?;
    let image = Image::in_folder(root, &process::target_folder(root).join("host"))?;
    let shared = std::env::temp_dir().join(format!("dosebench-host-{}", std::process::id()));
    let done = fs::create_dir_all(&shared)
        .and_then(|()| fs::copy(package, shared.join("dosebench.deb")))
        .and_then(|_| fs::write(shared.join("goes-on.yaml"), SCENARIO))
        .map_err(|why| Failure::new(format!("expected to write to {}, but {why}", shared.display())))
        .and_then(|()| Lab::start(&crate::deb::program(root, PROFILE), &image, &shared)?.put_to_the_test());
    if done.is_ok() {
        // Otherwise what the machine has said is of use.
        drop(fs::remove_dir_all(&shared));
    }
    done
}

/// A machine with the bench, and the rig that it is wired to.
struct Lab {
    guest: Guest,
    rig: Rig,
}

impl Lab {
    fn start(program: &Path, image: &Image, shared: &Path) -> Result<Self, Failure> {
        let rig = Rig::serve(program, shared)?;
        let guest = Guest::start(image, shared, &rig.ports)?;
        Ok(Self { guest, rig })
    }

    fn put_to_the_test(mut self) -> Result<(), Failure> {
        self.installs()?;
        self.goes_on_behind_what_happens()?;
        self.goes_on_behind_a_power_cut()?;
        self.leaves_the_pump_safe()
    }

    /// It is installed, enabled, and well.
    fn installs(&mut self) -> Result<(), Failure> {
        self.guest.says(
            "dpkg -i /mnt/dosebench.deb && cp /mnt/rig.yaml /etc/dosebench/ && systemctl enable --now dosebench",
        )?;
        let active = self.guest.says("systemctl is-active dosebench")?;
        expect("installed, and started when it said that it is ready", &active, active == "active")?;
        let as_it_runs = "cd /var/lib/dosebench/runs && \
                          runuser -u dosebench -g dialout -- dosebench doctor --rig /etc/dosebench/rig.yaml || true";
        let doctor = self.guest.says(as_it_runs)?;
        let wrong: Vec<&str> = doctor.lines().filter(|line| line.starts_with("WRONG")).collect();
        let asked = format!("{} lines, of which nothing is wrong", doctor.lines().count());
        expect("its doctor", if wrong.is_empty() { &asked } else { &doctor }, wrong.is_empty())?;
        let sandbox = self.guest.says("systemd-analyze security --no-pager dosebench | tail -1")?;
        expect("its sandbox, by systemd's count", sandbox.trim_start_matches(['→', ' ']), sandbox.contains("OK"))
    }

    /// The host restarts, a balance comes back under another name, the daemon hangs: one run knows of it all.
    fn goes_on_behind_what_happens(&mut self) -> Result<(), Failure> {
        let job = self.delivers(DELIVERS_FOR)?;
        let began = Instant::now();
        self.guest.restarts()?;
        let took =
            format!("up again after {:.0} s, the pump at {} nL/h", began.elapsed().as_secs_f64(), self.rig.rate()?);
        expect("the host restarts", &took, self.rig.rate()? > 0)?;
        self.eventually("the next daemon goes on with the run", |lab| Ok(lab.resumption(job)?.is_some()))?;
        self.loses_a_plug()?;
        self.has_a_daemon_that_hangs(job)?;
        self.passes(job)
    }

    /// A balance comes back under another name.
    fn loses_a_plug(&mut self) -> Result<(), Failure> {
        let before = self.name_of("BALANCE")?;
        self.guest.pulls_plug("BALANCE")?;
        // As soon as the daemon has let go of it, another device may have its name.
        self.eventually("another device has the balance's name", |lab| {
            lab.guest.plugs_in_another()?;
            lab.eventually("that device is there", |lab| Ok(lab.name_of(ANOTHER).is_ok()))?;
            let is_so = lab.name_of(ANOTHER)? == before;
            if !is_so {
                lab.guest.pulls_plug(ANOTHER)?;
            }
            Ok(is_so)
        })?;
        self.guest.plugs_in("BALANCE")?;
        self.eventually("the balance is back", |lab| Ok(lab.name_of("BALANCE").is_ok()))?;
        let after = self.name_of("BALANCE")?;
        expect(
            "the balance's plug is pulled, and put in elsewhere",
            &format!("{before}, then {after}"),
            before != after,
        )
    }

    /// The daemon hangs, and systemd starts it anew; its run does not end with it.
    fn has_a_daemon_that_hangs(&mut self, job: i64) -> Result<(), Failure> {
        let began = Instant::now();
        self.guest.says("systemctl kill --signal=STOP --kill-whom=main dosebench")?;
        self.eventually("systemd starts the daemon again, which hangs", |lab| {
            Ok(lab.guest.says("systemctl show --property=NRestarts dosebench")? != "NRestarts=0")
        })?;
        // A run that had ended with it would have been gone on with once more.
        self.eventually("it answers again", |lab| Ok(lab.guest.says(&format!("curl -sS {API}/status")).is_ok()))?;
        std::thread::sleep(Duration::from_secs(10));
        let resumed = self.resumption(job)?.unwrap_or_default().lines().count();
        let took =
            format!("started again after {:.0} s, its run gone on with {resumed} time", began.elapsed().as_secs_f64());
        expect("the daemon hangs", &took, resumed == 1)
    }

    /// Power is cut in the midst of a hold. What had not got to the file is not known here: `dosebench bench kills` measures that.
    fn goes_on_behind_a_power_cut(&mut self) -> Result<(), Failure> {
        let job = self.delivers(DELIVERS_FOR)?;
        // The stream of a run that goes on does not end: what it has told after a while is all there was.
        let run = self.run_of(job)?;
        let last = self.guest.says(&format!("curl -sm 5 {API}/runs/{run}/events | grep ^data: | tail -1"))?;
        self.guest.loses_power()?;
        self.eventually("the next daemon goes on with the run", |lab| Ok(lab.resumption(job)?.is_some()))?;
        let known_s = at_s(&last, "/t_ns")?;
        let kept_s = at_s(&self.resumption(job)?.unwrap_or_default(), "/kind/resumed/last_ns")?;
        let lost =
            format!("{:.2} s were lost of the readings that had got to the record's file", (known_s - kept_s).max(0.0));
        expect("power is cut", &lost, known_s - kept_s <= LOST_AT_MOST_S)?;
        self.passes(job)
    }

    /// A host that is switched off leaves no pump to itself.
    fn leaves_the_pump_safe(mut self) -> Result<(), Failure> {
        self.delivers("30 min")?;
        self.guest.switches_off()?;
        let rate = self.rig.rate()?;
        expect("the host is switched off", &format!("the pump at {rate} nL/h"), rate == 0)
    }

    /// Submits a job, and waits until it has delivered for a while; its number.
    fn delivers(&mut self, time: &str) -> Result<i64, Failure> {
        let said = self.guest.says(&format!("dosebench submit /mnt/goes-on.yaml --station 1 --set 'time={time}'"))?;
        let job = said.parse().map_err(|_| Failure::new(format!("expected a job's number, but found '{said}'")))?;
        self.eventually("its pump delivers", |lab| Ok(lab.rig.rate()? > 0))?;
        std::thread::sleep(Duration::from_secs(5));
        Ok(job)
    }

    /// What its system calls the serial port of that serial number.
    fn name_of(&mut self, serial: &str) -> Result<String, Failure> {
        self.guest.says(&format!("readlink /dev/serial/by-id/*_{serial}-*"))
    }

    fn job(&mut self, id: i64) -> Result<Value, Failure> {
        parsed(&self.guest.says(&format!("curl -sS --retry 60 --retry-delay 1 --retry-connrefused {API}/jobs/{id}"))?)
    }

    fn run_of(&mut self, id: i64) -> Result<String, Failure> {
        let job = self.job(id)?;
        let run = job["runs"][0]["run"].as_str().map(ToOwned::to_owned);
        run.ok_or_else(|| Failure::new(format!("expected a run of job {id}, but found {job}")))
    }

    /// The event that says that a job's run goes on.
    fn resumption(&mut self, id: i64) -> Result<Option<String>, Failure> {
        let run = self.run_of(id)?;
        let told = self.guest.says(&format!("curl -sm 5 {API}/runs/{run}/events | grep '\"resumed\"' || true"))?;
        Ok((!told.is_empty()).then_some(told))
    }

    /// Waits for a job's end; its only run passes, and says that it was interrupted.
    fn passes(&mut self, id: i64) -> Result<(), Failure> {
        self.eventually("the job ends", |lab| Ok(lab.job(id)?["state"] == "ended"))?;
        let job = self.job(id)?;
        let run = self.run_of(id)?;
        let summary = parsed(&self.guest.says(&format!("cat /var/lib/dosebench/runs/{run}/summary.json"))?)?;
        let deviation = summary["deviations"][0].as_str().unwrap_or("no deviation");
        let runs = job["runs"].as_array().map_or(0, Vec::len);
        let is_well = job["exit_code"] == 0 && runs == 1;
        let verdict = summary["verdict"].as_str().unwrap_or("no verdict");
        let why = summary["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let verdict = format!("{verdict}{why}, {runs} run, exit code {}; {deviation}", job["exit_code"]);
        expect("its run", &verdict, is_well && deviation.contains("was interrupted"))
    }

    fn eventually(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&mut Self) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        while !is_so(self)? {
            if Instant::now() > until {
                return Err(Failure::new(format!(
                    "expected that {what} within {} s, but it is not so",
                    PATIENCE.as_secs()
                )));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

/// Says what was found; it must be as asked.
fn expect(what: &str, is: &str, is_well: bool) -> Result<(), Failure> {
    println!("{what}: {is}");
    if is_well { Ok(()) } else { Err(Failure::new(format!("expected otherwise of '{what}', but found: {is}"))) }
}

/// A time in an event of the stream, in s.
fn at_s(told: &str, pointer: &str) -> Result<f64, Failure> {
    let event = parsed(told.trim_start_matches("data:"))?;
    let ns = event.pointer(pointer).and_then(Value::as_f64);
    ns.map(|ns| ns * 1e-9).ok_or_else(|| Failure::new(format!("expected {pointer} in an event, but found {told}")))
}

fn parsed(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|why| Failure::new(format!("expected JSON, but {why}: {text}")))
}
