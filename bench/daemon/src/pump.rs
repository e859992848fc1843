//! The task that holds the pump's link: its commands, its state, and its log by index.
//!
//! A command stays pending over a link that fails and is sent again under its dose id, which the pump executes once.
//! The pump's log survives its resets, so it is read on by index; where it did not, it is read anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::fault::LinkFault;
use domain::pump::{PumpOutcome, PumpRequest, PumpState};
use domain::{Channel, EventKind, Reading, RunTime, Status};
use drivers::pump_link::PumpLink;
use tokio::sync::mpsc;

use crate::poll::{Post, RETRY};

/// By so much, beside a hundredth, a pump's clock may lag behind the bench's without being called reset.
const CLOCK_SLACK_US: u128 = 1_000_000;
/// So often a command is tried on a link that is attached again each time.
const COMMAND_ATTEMPTS: u32 = 3;

/// Holds the pump's link until the run loop is gone. `log_next` tells how far its log has been read.
pub(crate) async fn hold(post: Post, mut commands: mpsc::Receiver<(u32, PumpRequest)>, log_next: Arc<AtomicU32>) {
    let channels =
        ["commanded_rate", "reservoir", "battery"].map(|q| Channel::new(&format!("{}.{q}", post.instrument)));
    let mut known = Known { log_next, first: true, clock_us: 0, looked: RunTime::ZERO, state: None, channels };
    let mut pending: Option<Pending> = None;
    loop {
        match PumpLink::attach(&*post.connect, post.clock, post.setup.settings).await {
            Ok((link, identity)) => {
                let (fault, frames) =
                    match poll_pump(&post, link, identity, &mut commands, &mut known, &mut pending).await {
                        Ok(()) => return,
                        Err(fault) => fault,
                    };
                if !post.lost(fault, frames).await {
                    return;
                }
            }
            Err(fault) => {
                let unanswered = pending.take_if(|p| p.attempts >= COMMAND_ATTEMPTS);
                if let Some(given_up) = unanswered {
                    give_up(&post, given_up, fault.to_string()).await;
                }
                if let Some(pending) = &mut pending {
                    pending.attempts += 1;
                }
                if !post.lost(fault, Vec::new()).await {
                    return;
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// A command that has no answer yet.
struct Pending {
    command: u32,
    request: PumpRequest,
    attempts: u32,
}

/// What is known of the pump from before its link failed.
struct Known {
    log_next: Arc<AtomicU32>,
    first: bool,
    /// The pump's own time at the last look, and run time then.
    clock_us: u64,
    looked: RunTime,
    state: Option<PumpState>,
    channels: [Channel; 3],
}

type Lost = (LinkFault, Vec<String>);

async fn poll_pump(
    post: &Post,
    mut link: PumpLink,
    identity: domain::Identity,
    commands: &mut mpsc::Receiver<(u32, PumpRequest)>,
    known: &mut Known,
    pending: &mut Option<Pending>,
) -> Result<(), Lost> {
    let reset = look(post, &mut link, known, false).await?;
    if let Some(lost) = pending.take_if(|_| reset) {
        // The pump's memory of doses went with the reset: sent again, the dose might be given twice.
        give_up(post, lost, "the pump was reset while the command was under way".to_owned()).await;
    }
    if !post.tell(EventKind::Attached { instrument: post.instrument.clone(), identity }).await {
        return Ok(());
    }
    loop {
        if let Some(waiting) = pending.take() {
            execute(post, &mut link, waiting, pending).await?;
        }
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some((command, request)) = command else { return Ok(()) };
                *pending = Some(Pending { command, request, attempts: 0 });
            }
            () = tokio::time::sleep_until(post.clock.at(post.next_poll())) => drop(look(post, &mut link, known, true).await?),
        }
    }
}

/// Sends a command. After a fault it stays pending and is sent again under the same dose id, which the pump executes
/// once.
async fn execute(
    post: &Post,
    link: &mut PumpLink,
    mut waiting: Pending,
    pending: &mut Option<Pending>,
) -> Result<(), Lost> {
    match link.command(&waiting.request).await {
        Ok(answered) => {
            let (command, outcome) = (waiting.command, answered.outcome);
            post.tell(EventKind::PumpAnswered { command, at_ns: answered.at, u_ns: answered.u_ns, outcome }).await;
            Ok(())
        }
        Err(fault) => {
            waiting.attempts += 1;
            if waiting.attempts >= COMMAND_ATTEMPTS {
                give_up(post, waiting, fault.to_string()).await;
            } else {
                *pending = Some(waiting);
            }
            Err((fault, link.frames()))
        }
    }
}

async fn give_up(post: &Post, lost: Pending, reason: String) {
    let (at_ns, outcome) = (post.clock.now(), PumpOutcome::Unanswered { reason });
    post.tell(EventKind::PumpAnswered { command: lost.command, at_ns, u_ns: 0, outcome }).await;
}

/// Reads the pump's status, and its log where there is something new. True if the pump was reset since the last look.
async fn look(post: &Post, link: &mut PumpLink, known: &mut Known, reading: bool) -> Result<bool, Lost> {
    let read = link.status().await.map_err(|f| (f, link.frames()))?;
    let status = &read.status;
    let reset = !known.first && was_reset(known, status.now_us, status.log_next, read.at);
    known.clock_us = status.now_us;
    known.looked = read.at;
    if known.first {
        // What the log holds from before belongs to no run of ours.
        known.log_next.store(status.log_next, Ordering::Relaxed);
        known.first = false;
    } else if status.log_next < known.log_next.load(Ordering::Relaxed) {
        // The log did not survive the reset.
        known.log_next.store(0, Ordering::Relaxed);
    }
    if reading {
        let values = [
            f64::from(status.rate_nl_per_h) * 1e-6,
            f64::from(status.reservoir_nl) * 1e-6,
            f64::from(status.battery_mv) * 1e-3,
        ];
        for (channel, value) in known.channels.iter().zip(values) {
            let (at_ns, u_ns) = (read.at, read.u_ns);
            let reading = Reading { channel: channel.clone(), at_ns, u_ns, value, status: Status::Ok };
            post.tell(EventKind::Reading(reading)).await;
        }
    }
    let state = read.state();
    if known.state.as_ref() != Some(&state) {
        post.tell(EventKind::PumpChanged(state.clone())).await;
        known.state = Some(state);
    }
    let next = status.log_next;
    while known.log_next.load(Ordering::Relaxed) < next {
        read_log(post, link, known).await?;
    }
    Ok(reset)
}

/// Whether the pump has booted since the last look: its clock or its log stands earlier than it can otherwise.
fn was_reset(known: &Known, now_us: u64, log_next: u32, at: RunTime) -> bool {
    let passed_us = at.since(known.looked).as_micros();
    let advanced_us = u128::from(now_us.saturating_sub(known.clock_us));
    let slow = advanced_us + CLOCK_SLACK_US < passed_us - passed_us / 100;
    now_us < known.clock_us || log_next < known.log_next.load(Ordering::Relaxed) || slow
}

async fn read_log(post: &Post, link: &mut PumpLink, known: &Known) -> Result<(), Lost> {
    let from = known.log_next.load(Ordering::Relaxed);
    let page = link.log(from).await.map_err(|f| (f, link.frames()))?;
    if page.oldest > from {
        post.tell(EventKind::PumpLogGap { from, to: page.oldest }).await;
    }
    if page.entries.is_empty() {
        // A page without entries would be asked for again for ever.
        known.log_next.store(page.next.max(from + 1), Ordering::Relaxed);
    }
    for entry in page.entries {
        let next = entry.index + 1;
        post.tell(EventKind::PumpLogged(entry)).await;
        // Told and noted without a pause between: the safe stop reads on from here, and nothing is told twice.
        known.log_next.store(next, Ordering::Relaxed);
    }
    Ok(())
}
