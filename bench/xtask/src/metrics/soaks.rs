//! What must never happen, however often a daemon, its jobs and who wants their ports are killed; and what the daemon costs.
//!
//! A soak that has found something says so, leaves its folder, and fails the whole, behind the last figure.

use super::{Measured, Product, line as plain_line, number};
use crate::failure::Failure;

/// Measures and prints every figure.
pub(super) fn figures(product: &Product) -> Result<(), Failure> {
    let line = |figure: &str, asked: &str, found: String| plain_line(figure, asked, &found);
    let mut happened = Vec::new();
    let mut soak = |arguments: &[&str]| -> Result<Measured, Failure> {
        let soak = product.start(arguments)?;
        happened.extend((!soak.is_well).then(|| arguments[1].to_owned()));
        Ok(soak)
    };
    let holds = soak(&["bench", "holds", "--count", "1000", "--folder", "holds"])?;
    let wrong = ["two_at_once", "orphans", "untold"].map(|key| number(&holds.json, key));
    let [two, orphans, untold] = wrong;
    let wrong = format!("{:.0} / {:.0} / {:.0}", two?, orphans?, untold?);
    line("1000 holds of a port, 8 processes: two / orphans / untold", "0 / 0 / 0", wrong);
    line("  of them killed at random", "many", format!("{:.0}", number(&holds.json, "kills")?));
    let kills = soak(&["bench", "kills", "--count", "20", "--folder", "kills"])?;
    let wrong = ["unreadable", "without_a_state", "unsafe", "orphans"].map(|key| number(&kills.json, key));
    let [unreadable, stateless, left_unsafe, orphans] = wrong;
    let wrong = format!("{:.0} / {:.0} / {:.0} / {:.0}", unreadable?, stateless?, left_unsafe?, orphans?);
    line("20 jobs, kill -9: unreadable / no state / unsafe / orphans", "0 / 0 / 0 / 0", wrong);
    line("  what was lost of a record, at most", "<= 1 s", format!("{:.2} s", number(&kills.json, "lost_s")?));
    let jobs = soak(&["bench", "jobs", "--count", "100", "--folder", "jobs"])?;
    let mib = (number(&jobs.json, "first_mib")?, number(&jobs.json, "last_mib")?);
    line(
        "a daemon behind 10 of 100 queued jobs, and behind them all",
        "flat",
        format!("{:.1} / {:.1} MiB", mib.0, mib.1),
    );
    let watched = soak(&["bench", "watchers", "--count", "100", "--folder", "watchers"])?;
    let idle = (number(&watched.json, "idle_share_of_a_core")? * 1e2, number(&watched.json, "idle_mib")?);
    line("a daemon that does nothing", "< 1 % of a core, 60 MiB", format!("{:.2} %, {:.1} MiB", idle.0, idle.1));
    let p99 = (number(&watched.json, "alone_p99_ms")?, number(&watched.json, "watched_p99_ms")?);
    line("a run's polls, p99, alone and with 100 who watch", "the same", format!("{:.2} / {:.2} ms", p99.0, p99.1));
    line("  events that they missed", "0", format!("{:.0}", number(&watched.json, "missed")?));
    if !happened.is_empty() {
        let told = "something has happened that must never happen, as is told above, in";
        return Err(Failure::new(format!("{told} {}; look at what it left", happened.join(", "))));
    }
    Ok(())
}
