//! Whether this host is about to restart, as systemd tells: then it comes back, and with it whoever goes on with what runs.
//!
//! A host that is only switched off is none: nobody knows for how long, and its pumps are left safe.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

/// What systemd is on its way to when the host comes back.
const TARGETS: [&str; 3] = ["reboot.target", "kexec.target", "soft-reboot.target"];
/// How long it may take to tell.
const WITHIN: Duration = Duration::from_secs(5);
/// How often its answer is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// Whether systemd is restarting the host; where there is none, or it does not tell, nobody knows of a restart.
pub(crate) fn is_coming() -> bool {
    let mut command = Command::new("systemctl");
    // Of these alone: the answer is short, and read when it is whole.
    command.args(["list-jobs", "--no-legend", "--no-pager", "--plain"]).args(TARGETS);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        warn!("systemd cannot be asked whether the host restarts: what runs is stopped");
        return false;
    };
    let until = Instant::now() + WITHIN;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > until {
            warn!("systemd does not tell in time whether the host restarts: what runs is stopped");
            drop(child.kill());
            break;
        }
        thread::sleep(LOOK);
    }
    child.wait_with_output().is_ok_and(|told| starts_one(&String::from_utf8_lossy(&told.stdout)))
}

/// Whether one of the jobs, a line each with number, unit, type and state, starts such a target.
fn starts_one(jobs: &str) -> bool {
    jobs.lines().any(|job| {
        let mut words = job.split_whitespace().skip(1);
        words.next().is_some_and(|unit| TARGETS.contains(&unit)) && words.next() == Some("start")
    })
}

#[cfg(test)]
mod tests {
    use super::starts_one;

    #[test]
    fn a_restart_is_told_from_a_halt_and_from_nothing() {
        let jobs = "1183 dosebench.service stop  running\n1096 systemd-reboot.service start waiting\n1095 reboot.target start waiting\n";
        assert!(starts_one(jobs));
        assert!(!starts_one(&jobs.replace("reboot.target", "poweroff.target")));
        assert!(
            !starts_one("1095 reboot.target stop waiting\n") && !starts_one("No jobs running.\n") && !starts_one("")
        );
    }
}
