//! The task that holds the pump's link: its commands, its state, and its log by index.
//!
//! A command stays pending over a link that fails and is sent again under its dose id, which the pump executes once.
//! The pump's log survives its resets, so it is read on by index; where it did not, it is read anew.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::fault::LinkFault;
use domain::pump::{PumpLogged, PumpOutcome, PumpRequest, PumpState};
use domain::{Channel, EventKind, Identity, Reading, RunTime, Status};
use drivers::pump_link::PumpLink;
use tokio::sync::mpsc;

use crate::poll::{Post, RETRY};

/// By so much, beside a hundredth, a pump's clock may lag behind the bench's without being called reset.
const CLOCK_SLACK_US: u128 = 1_000_000;
/// The pump's clock is told anew after so long: what happens meanwhile is dated by it.
const CLOCK_EVERY: Duration = Duration::from_secs(10);
/// A link that failed is listened to for so many deadlines.
const LISTEN: u32 = 4;
/// So often a command is sent on a link that is attached again each time. A link that cannot be attached is another
/// thing: the command waits for it, for as long as the pump may be away.
const COMMAND_ATTEMPTS: u32 = 3;

/// What was last seen of the pump before a run was interrupted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastSeen {
    /// How far its log had been read.
    pub(crate) log_next: u32,
    /// Its own time.
    pub(crate) clock_us: u64,
    /// When that was read.
    pub(crate) at: RunTime,
}

/// Holds the pump's link until the run loop is gone. `log_next` tells how far its log has been read; of a run that goes on it is
/// read on from there.
pub(crate) async fn hold(
    post: Post,
    mut commands: mpsc::Receiver<(u32, PumpRequest)>,
    log_next: Arc<AtomicU32>,
    before: Option<LastSeen>,
) {
    let channels =
        ["commanded_rate", "reservoir", "battery"].map(|q| Channel::new(&format!("{}.{q}", post.instrument)));
    let mut known = Known {
        log_next,
        first: before.is_none(),
        clock_us: before.map_or(0, |seen| seen.clock_us),
        looked: before.map_or(RunTime::ZERO, |seen| seen.at),
        state: None,
        channels,
        clock_told: None,
        identity: None,
        reset: false,
    };
    let mut pending: Option<Pending> = None;
    loop {
        let (late, fault, frames) = match PumpLink::open(&*post.connect, post.clock, post.setup.settings).await {
            Ok(mut link) => match poll_pump(&post, &mut link, &mut commands, &mut known, &mut pending).await {
                Ok(()) => return,
                Err((fault, frames)) => (Some(link), fault, frames),
            },
            Err(fault) => (None, fault, Vec::new()),
        };
        let given_up = pending.take_if(|p| p.attempts >= COMMAND_ATTEMPTS);
        let reason = fault.to_string();
        if !post.lost(fault, frames).await {
            return;
        }
        if let Some(given_up) = given_up {
            give_up(&post, given_up, reason).await;
        }
        let again = tokio::time::Instant::now() + RETRY;
        // What comes now comes too late, but who answers at all is not silent.
        if let Some(mut link) = late
            && let Some(fault) = link.overhear(post.setup.settings.deadline * LISTEN).await
            && !post.lost(fault, link.frames()).await
        {
            return;
        }
        tokio::time::sleep_until(again).await;
    }
}

/// A command that has no answer yet.
struct Pending {
    command: u32,
    request: PumpRequest,
    attempts: u32,
    first_sent: Option<RunTime>,
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
    /// When the pump's clock was last told of in this boot.
    clock_told: Option<RunTime>,
    /// What the pump last said of itself.
    identity: Option<Identity>,
    /// The pump was reset, and a command that had no answer then has not been given up yet.
    reset: bool,
}

impl Known {
    /// The run time of a moment of the pump's clock, by the last look at it.
    fn run_time(&self, pump_us: u64) -> RunTime {
        let ns = self.looked.ns().saturating_add(pump_us.saturating_mul(1000));
        RunTime::from_ns(ns.saturating_sub(self.clock_us.saturating_mul(1000)))
    }
}

type Lost = (LinkFault, Vec<String>);

async fn poll_pump(
    post: &Post,
    link: &mut PumpLink,
    commands: &mut mpsc::Receiver<(u32, PumpRequest)>,
    known: &mut Known,
    pending: &mut Option<Pending>,
) -> Result<(), Lost> {
    let identity = link.greet().await.map_err(|fault| (fault, link.frames()))?;
    look(post, link, known, false).await?;
    let reset = core::mem::take(&mut known.reset);
    if let Some(lost) = pending.take_if(|_| reset) {
        // Not every pump's memory of doses outlives a reset: sent again, the dose might be given twice.
        give_up(post, lost, "the pump was reset while the command was under way".to_owned()).await;
    }
    known.identity = Some(identity.clone());
    if !post.attached(identity).await {
        return Ok(());
    }
    loop {
        execute(post, link, known, pending).await?;
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some((command, request)) = command else { return Ok(()) };
                *pending = Some(Pending { command, request, attempts: 0, first_sent: None });
            }
            () = tokio::time::sleep_until(post.clock.at(post.next_poll())) => {
                look(post, link, known, true).await?;
                // No command is under way here.
                if core::mem::take(&mut known.reset) {
                    greet_again(post, link, known).await?;
                }
            }
        }
    }
}

/// A board that began anew without its link being away may be another one, or have another image.
async fn greet_again(post: &Post, link: &mut PumpLink, known: &mut Known) -> Result<(), Lost> {
    let identity = link.greet().await.map_err(|fault| (fault, link.frames()))?;
    if known.identity.as_ref() != Some(&identity) {
        known.identity = Some(identity.clone());
        post.attached(identity).await;
    }
    Ok(())
}

/// Sends the command that waits, if one does. After a fault it stays pending and is sent again under the same dose id,
/// which the pump executes once.
async fn execute(post: &Post, link: &mut PumpLink, known: &Known, pending: &mut Option<Pending>) -> Result<(), Lost> {
    let Some(waiting) = pending else { return Ok(()) };
    waiting.attempts += 1;
    let first_sent = *waiting.first_sent.get_or_insert(post.clock.now());
    let answered = link.command(&waiting.request).await.map_err(|fault| (fault, link.frames()))?;
    let repeated_by_us = waiting.attempts > 1 && !waiting.request.delivers();
    let first_sent = repeated_by_us.then_some(first_sent);
    let (command, outcome) = (waiting.command, answered.outcome);
    let (at_ns, u_ns) = executed_at(known, &outcome, first_sent, (answered.at, answered.u_ns));
    *pending = None;
    post.tell(EventKind::PumpAnswered { command, at_ns, u_ns, outcome }).await;
    Ok(())
}

/// When a command was executed, give or take so many ns: at its answer, unless it was sent more than once. `first_sent` is
/// when that was, of a command that has no id by which the pump knows that it has done it before.
fn executed_at(
    known: &Known,
    outcome: &PumpOutcome,
    first_sent: Option<RunTime>,
    (answered, u_ns): (RunTime, u64),
) -> (RunTime, u64) {
    match (outcome, first_sent) {
        // It was executed when it was sent for the first time; the pump says when, by a clock that was just read.
        (PumpOutcome::Accepted { pump_us, repeated: true }, _) => (known.run_time(*pump_us), u_ns),
        // It was one of the times.
        (PumpOutcome::Accepted { .. }, Some(first)) => {
            let half_ns = (answered.ns() + u_ns - first.ns()) / 2;
            (RunTime::from_ns(first.ns() + half_ns), half_ns)
        }
        _ => (answered, u_ns),
    }
}

async fn give_up(post: &Post, lost: Pending, reason: String) {
    let (at_ns, outcome) = (post.clock.now(), PumpOutcome::Unanswered { reason });
    post.tell(EventKind::PumpAnswered { command: lost.command, at_ns, u_ns: 0, outcome }).await;
}

/// Reads the pump's status, and its log where there is something new; notes whether the pump was reset since the last
/// look. Its state comes before its readings: a reading shows that it is there.
async fn look(post: &Post, link: &mut PumpLink, known: &mut Known, reading: bool) -> Result<(), Lost> {
    let read = link.status().await.map_err(|f| (f, link.frames()))?;
    let status = &read.status;
    let mut reset = !known.first && was_reset(known, status.now_us, status.log_next, read.at);
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
    let state = read.state();
    if known.state.as_ref() != Some(&state) {
        post.tell(EventKind::PumpChanged(state.clone())).await;
        known.state = Some(state);
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
    let next = status.log_next;
    let mut booted = None;
    while known.log_next.load(Ordering::Relaxed) < next {
        booted = read_log(post, link, known).await?.or(booted);
    }
    reset |= booted.is_some();
    known.reset |= reset;
    // A clock that was read before the last boot says nothing any more.
    let of_this_boot = booted.is_none_or(|index| index < next);
    let due = known.clock_told.is_none_or(|told| read.at.since(told) >= CLOCK_EVERY);
    if of_this_boot && (due || reset || !reading) {
        known.clock_told = Some(read.at);
        let clock = EventKind::PumpClockRead { at_ns: read.at, u_ns: read.u_ns, pump_us: known.clock_us };
        post.tell(clock).await;
    }
    Ok(())
}

/// Whether the pump has booted since the last look: its clock or its log stands earlier than it can otherwise.
fn was_reset(known: &Known, now_us: u64, log_next: u32, at: RunTime) -> bool {
    let passed_us = at.since(known.looked).as_micros();
    let advanced_us = u128::from(now_us.saturating_sub(known.clock_us));
    let slow = advanced_us + CLOCK_SLACK_US < passed_us - passed_us / 100;
    now_us < known.clock_us || log_next < known.log_next.load(Ordering::Relaxed) || slow
}

/// Reads a page of the pump's log; the index of the last boot that it tells of.
async fn read_log(post: &Post, link: &mut PumpLink, known: &Known) -> Result<Option<u32>, Lost> {
    let from = known.log_next.load(Ordering::Relaxed);
    let page = link.log(from).await.map_err(|f| (f, link.frames()))?;
    if page.oldest > from {
        post.tell(EventKind::PumpLogGap { from, to: page.oldest }).await;
    }
    if page.entries.is_empty() {
        // A page without entries would be asked for again for ever.
        known.log_next.store(page.next.max(from + 1), Ordering::Relaxed);
    }
    let mut booted = None;
    for entry in page.entries {
        let next = entry.index + 1;
        booted = matches!(entry.what, PumpLogged::Booted { .. }).then_some(entry.index).or(booted);
        post.tell(EventKind::PumpLogged(entry)).await;
        // Told and noted without a pause between: the safe stop reads on from here, and nothing is told twice.
        known.log_next.store(next, Ordering::Relaxed);
    }
    Ok(booted)
}
