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
}

/// Makes the station safe, within the bound of its safe state.
pub(crate) async fn execute(order: &Order, clock: RunClock) -> (SafeStopReport, Vec<PumpLogEntry>) {
    let began = clock.now();
    let mut actions = Vec::new();
    let mut evidence = Evidence::default();
    let done = timeout(order.safe.within, attempts(order, clock, &mut actions, &mut evidence)).await;
    let confirmed = done.unwrap_or_else(|_| {
        actions.push(format!("gave up after {}: the pump did not confirm", domain::time::span(order.safe.within)));
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
    if let Some(from) = order.log_from.filter(|_| !evidence.whole) {
        let (entries, whole) = timeout(EVIDENCE, log(&mut link, from)).await.unwrap_or_default();
        if whole {
            actions.push(format!("read {} new entries of the pump's log", entries.len()));
            *evidence = Evidence { entries, whole };
        }
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
        Ok(())
    } else {
        Err(format!("told the pump to {request}, but it says: {}", state.therapy.name()))
    }
}

/// The log from an entry on, and whether it was read to its end.
async fn log(link: &mut PumpLink, mut from: u32) -> (Vec<PumpLogEntry>, bool) {
    let mut entries = Vec::new();
    while let Ok(page) = link.log(from).await {
        let last = page.entries.last().map(|e| e.index);
        entries.extend(page.entries);
        from = last.map_or(page.next, |index| index + 1);
        if from >= page.next {
            return (entries, true);
        }
    }
    (entries, false)
}
