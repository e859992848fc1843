//! What must never happen, however often a daemon, its jobs and who wants their ports are killed; and what the daemon costs.
//!
//! A soak that has found something, or that comes to no end, says so and leaves its folder; the others are made all the same, and the
//! whole fails behind them.

use super::{Measured, Product, line, number};
use crate::failure::Failure;

/// What a soak is called, how much of it is made, and what its figures are.
type Soak = (&'static str, &'static str, fn(&Measured) -> Result<(), Failure>);
const SOAKS: [Soak; 4] =
    [("holds", "1000", holds), ("kills", "20", kills), ("jobs", "100", jobs), ("watchers", "100", watchers)];

/// Measures and prints every figure.
pub(super) fn figures(product: &Product) -> Result<(), Failure> {
    let mut happened = Vec::new();
    for (name, count, figures) in SOAKS {
        let soak = product.start(&["bench", name, "--count", count, "--folder", name]);
        match soak.and_then(|soak| figures(&soak).map(|()| soak.is_well)) {
            Ok(true) => {}
            Ok(false) => happened.push(name.to_owned()),
            Err(why) => happened.push(format!("{name} ({})", why.message)),
        }
    }
    if happened.is_empty() {
        return Ok(());
    }
    let told = "something has happened that must never happen, as is told above, in";
    Err(Failure::new(format!("{told} {}; look at what it left", happened.join(", "))))
}

/// Of several figures that must be none.
fn none(soak: &Measured, keys: &[&str]) -> Result<String, Failure> {
    let found: Vec<String> =
        keys.iter().map(|key| Ok(format!("{:.0}", number(&soak.json, key)?))).collect::<Result<_, Failure>>()?;
    Ok(found.join(" / "))
}

fn holds(soak: &Measured) -> Result<(), Failure> {
    let wrong = none(soak, &["two_at_once", "orphans", "untold"])?;
    line("1000 holds of a port, 8 processes: two / orphans / untold", "0 / 0 / 0", &wrong);
    line("  of them killed at random", "many", &format!("{:.0}", number(&soak.json, "kills")?));
    Ok(())
}

fn kills(soak: &Measured) -> Result<(), Failure> {
    let wrong = none(soak, &["unreadable", "without_a_state", "unsafe", "orphans"])?;
    line("20 jobs, kill -9: unreadable / no state / unsafe / orphans", "0 / 0 / 0 / 0", &wrong);
    line("  what was lost of a record, at most", "<= 1 s", &format!("{:.2} s", number(&soak.json, "lost_s")?));
    Ok(())
}

fn jobs(soak: &Measured) -> Result<(), Failure> {
    let (first, last) = (number(&soak.json, "first_mib")?, number(&soak.json, "last_mib")?);
    line("a daemon behind 10 of 100 queued jobs, and behind them all", "flat", &format!("{first:.1} / {last:.1} MiB"));
    Ok(())
}

fn watchers(soak: &Measured) -> Result<(), Failure> {
    let idle = (number(&soak.json, "idle_share_of_a_core")? * 1e2, number(&soak.json, "idle_mib")?);
    line("a daemon that does nothing", "< 1 % of a core, 60 MiB", &format!("{:.2} %, {:.1} MiB", idle.0, idle.1));
    let p99 = (number(&soak.json, "alone_p99_ms")?, number(&soak.json, "watched_p99_ms")?);
    line("a run's polls, p99, alone and with 100 who watch", "the same", &format!("{:.2} / {:.2} ms", p99.0, p99.1));
    line("  events that they missed", "0", &none(soak, &["missed"])?);
    Ok(())
}
