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
    /// From which entry on the pump's log has not been read.
    pub(crate) log_from: u32,
    /// Whether the pump ever answered; if not, one attempt is enough to say so.
    pub(crate) attached: bool,
}

/// Makes the station safe, within the bound of its safe state.
pub(crate) async fn execute(order: &Order, clock: RunClock) -> (SafeStopReport, Vec<PumpLogEntry>) {
    let began = clock.now();
    let mut actions = Vec::new();
    let mut evidence = Vec::new();
    let done = timeout(order.safe.within, attempts(order, clock, &mut actions, &mut evidence)).await;
    let confirmed = done.unwrap_or_else(|_| {
        actions.push(format!("gave up after {}: the pump did not confirm", domain::time::span(order.safe.within)));
        false
    });
    let took_ms = u64::try_from(clock.now().since(began).as_millis()).unwrap_or(u64::MAX);
    (SafeStopReport { wanted: order.safe.pump, actions, confirmed, took_ms }, evidence)
}

async fn attempts(order: &Order, clock: RunClock, actions: &mut Vec<String>, evidence: &mut Vec<PumpLogEntry>) -> bool {
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
    evidence: &mut Vec<PumpLogEntry>,
) -> Result<(), String> {
    let (mut link, _) = PumpLink::attach(&*order.connect, clock, order.settings).await.map_err(|f| f.to_string())?;
    if evidence.is_empty()
        && let Ok(entries) = timeout(EVIDENCE, log(&mut link, order.log_from)).await
    {
        actions.push(format!("read {} new entries of the pump's log", entries.len()));
        *evidence = entries;
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

async fn log(link: &mut PumpLink, mut from: u32) -> Vec<PumpLogEntry> {
    let mut entries = Vec::new();
    while let Ok(page) = link.log(from).await {
        let Some(last) = page.entries.last().map(|e| e.index) else { break };
        entries.extend(page.entries);
        from = last + 1;
        if from >= page.next {
            break;
        }
    }
    entries
}
