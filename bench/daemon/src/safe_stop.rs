//! The safe stop: data carried out over a connection of its own, without engine, plan or anything else of the run.
//!
//! Evidence first, bounded: the pump's log is read before anything is commanded.

use core::time::Duration;
use std::sync::Arc;

use domain::event::SafeStopReport;
use domain::profile::{SafePump, SafeState};
use domain::pump::{PumpLogEntry, PumpOutcome, PumpRequest, Therapy};
use drivers::pump_link::PumpLink;
use drivers::{Connect, RunClock, Settings};
use tokio::time::timeout;

/// The time between two attempts.
const RETRY: Duration = Duration::from_millis(200);
/// The bound on reading the log first.
const EVIDENCE: Duration = Duration::from_secs(1);

/// What has to be known to make a station safe.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) safe: SafeState,
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) settings: Settings,
    /// From which entry on the pump's log has not been read; what it held before the run is no evidence of it.
    pub(crate) log_from: Option<u32>,
    /// Whether the pump ever answered; if not, one attempt is enough to say so.
    pub(crate) attached: bool,
}

/// What the pump's log held beyond what the run had read.
#[derive(Default)]
struct Evidence {
    entries: Vec<PumpLogEntry>,
    /// Whether it was read to its end.
    whole: bool,
    /// Whether reading it was tried before the first command.
    tried: bool,
}

/// Makes the station safe, within the bound of its safe state.
pub(crate) async fn execute(order: &Order, clock: RunClock) -> (SafeStopReport, Vec<PumpLogEntry>) {
    let began = clock.now();
    let mut actions = Vec::new();
    let mut evidence = Evidence::default();
    let done = timeout(order.safe.within, attempts(order, clock, &mut actions, &mut evidence)).await;
    let confirmed = done.unwrap_or_else(|_| {
        let why = actions.last().map_or("the pump did not confirm", String::as_str);
        actions.push(format!("gave up after {}: {why}", domain::time::span(order.safe.within)));
        false
    });
    let took_ms = u64::try_from(clock.now().since(began).as_millis()).unwrap_or(u64::MAX);
    (
        SafeStopReport { wanted: order.safe.pump, actions, log_read: evidence.whole, confirmed, took_ms },
        evidence.entries,
    )
}

async fn attempts(order: &Order, clock: RunClock, actions: &mut Vec<String>, evidence: &mut Evidence) -> bool {
    loop {
        match attempt(order, clock, actions, evidence).await {
            Ok(()) => return true,
            Err(why) => {
                if actions.last() != Some(&why) {
                    actions.push(why);
                }
            }
        }
        if !order.attached {
            return false;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn attempt(
    order: &Order,
    clock: RunClock,
    actions: &mut Vec<String>,
    evidence: &mut Evidence,
) -> Result<(), String> {
    let (mut link, _) = PumpLink::attach(&*order.connect, clock, order.settings).await.map_err(|f| f.to_string())?;
    if !evidence.tried {
        evidence.tried = true;
        let share = EVIDENCE.min(order.safe.within / 4);
        drop(timeout(share, read_log(&mut link, order.log_from, evidence)).await);
    }
    let (request, wanted) = match order.safe.pump {
        SafePump::Stopped => (PumpRequest::Stop, Therapy::Stopped),
        SafePump::MinimumRate => (PumpRequest::MinimumRate, Therapy::MinimumRate),
        SafePump::LeftRunning => {
            let state = link.status().await.map_err(|f| f.to_string())?.state();
            actions.push(format!("left the pump as it is: {}", state.therapy.name()));
            return Ok(());
        }
    };
    let answered = link.command(&request).await.map_err(|f| f.to_string())?;
    if let PumpOutcome::Refused { reason } = answered.outcome {
        return Err(format!("the pump refused to {request}: {reason}"));
    }
    let state = link.status().await.map_err(|f| f.to_string())?.state();
    if state.therapy == wanted && !state.bolus_running {
        actions.push(format!("told the pump to {request}; it confirmed: {}", state.therapy.name()));
        // What was too slow to be read before is read now, and with it what the stop itself brought about.
        drop(timeout(EVIDENCE, read_log(&mut link, order.log_from, evidence)).await);
        Ok(())
    } else {
        Err(format!("told the pump to {request}, but it says: {}", state.therapy.name()))
    }
}

/// Reads the log on from where it was read to, and notes whether its end was reached.
async fn read_log(link: &mut PumpLink, log_from: Option<u32>, evidence: &mut Evidence) {
    let Some(log_from) = log_from else { return };
    evidence.whole = false;
    let mut from = evidence.entries.last().map_or(log_from, |e| e.index + 1);
    while let Ok(page) = link.log(from).await {
        from = page.entries.last().map_or(page.next, |e| e.index + 1);
        evidence.entries.extend(page.entries);
        if from >= page.next {
            evidence.whole = true;
            return;
        }
    }
}
