//! The tasks that hold the instruments: attach, poll at absolute times, and attach again after a fault.
//!
//! Each task owns its port. What it learns goes to the run loop as input events; a full channel slows the task, never
//! the loop.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::fault::LinkFault;
use domain::pump::{PumpOutcome, PumpRequest, PumpState};
use domain::{Channel, EventKind, Reading, RunTime, Status};
use drivers::mt_sics::{Balance, ReadError};
use drivers::pump_link::PumpLink;
use drivers::{Connect, RunClock, Settings};
use tokio::sync::mpsc;

/// The time between two attempts to attach.
const RETRY: Duration = Duration::from_millis(500);
/// A balance that refuses to weigh so often in a row is attached again.
const REFUSALS_MAX: u32 = 5;
/// By so much, beside a hundredth, a pump's clock may lag behind the bench's without being called reset.
const CLOCK_SLACK_US: u128 = 1_000_000;
/// So often a command is tried on a link that is attached again each time.
const COMMAND_ATTEMPTS: u32 = 3;

/// What every task needs.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) instrument: String,
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) clock: RunClock,
    pub(crate) settings: Settings,
    pub(crate) poll: Duration,
    pub(crate) events: mpsc::Sender<EventKind>,
}

impl Post {
    /// False when the run loop is gone.
    async fn tell(&self, kind: EventKind) -> bool {
        self.events.send(kind).await.is_ok()
    }

    async fn lost(&self, fault: LinkFault, frames: Vec<String>) -> bool {
        self.tell(EventKind::Lost { instrument: self.instrument.clone(), fault, frames }).await
    }

    /// The next moment on the grid of polls; moments that have passed are left out.
    fn next_poll(&self) -> RunTime {
        let poll = domain::time::duration_ns(self.poll).max(1);
        RunTime::from_ns((self.clock.now().ns() / poll + 1) * poll)
    }
}

/// Holds a balance until the run loop is gone.
pub(crate) async fn balance(post: Post) {
    let channel = Channel::new(&format!("{}.mass", post.instrument));
    loop {
        match Balance::attach(&*post.connect, post.clock, post.settings).await {
            Ok((balance, identity)) => {
                if !post.tell(EventKind::Attached { instrument: post.instrument.clone(), identity }).await {
                    return;
                }
                let (fault, frames) = poll_balance(&post, balance, &channel).await;
                if !post.lost(fault, frames).await {
                    return;
                }
            }
            Err(fault) => {
                if !post.lost(fault, Vec::new()).await {
                    return;
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn poll_balance(post: &Post, mut balance: Balance, channel: &Channel) -> (LinkFault, Vec<String>) {
    let mut refusals = 0;
    let mut last = 0.0;
    loop {
        tokio::time::sleep_until(post.clock.at(post.next_poll())).await;
        match balance.read().await {
            Ok(weighed) => {
                refusals = 0;
                last = weighed.mass_g.unwrap_or(last);
                let reading = Reading {
                    channel: channel.clone(),
                    at_ns: weighed.at,
                    u_ns: weighed.u_ns,
                    value: last,
                    status: weighed.status,
                };
                if !post.tell(EventKind::Reading(reading)).await {
                    std::future::pending::<()>().await;
                }
            }
            Err(ReadError::Link(fault)) => return (fault, balance.frames()),
            Err(ReadError::Refused(why)) => {
                refusals += 1;
                if refusals >= REFUSALS_MAX {
                    let fault = LinkFault::Broken { expected: "a weight".to_owned(), found: why };
                    return (fault, balance.frames());
                }
            }
        }
    }
}

/// Holds the pump's link until the run loop is gone. `log_next` tells how far its log has been read.
pub(crate) async fn pump(post: Post, mut commands: mpsc::Receiver<(u32, PumpRequest)>, log_next: Arc<AtomicU32>) {
    let mut known = Known { log_next, first: true, clock_us: 0, looked: RunTime::ZERO, state: None };
    let mut pending: Option<Pending> = None;
    loop {
        match PumpLink::attach(&*post.connect, post.clock, post.settings).await {
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
    } else if reset {
        known.log_next.store(0, Ordering::Relaxed);
    }
    if reading {
        let channel = Channel::new(&format!("{}.commanded_rate", post.instrument));
        let value = f64::from(status.rate_nl_per_h) * 1e-6;
        let reading = Reading { channel, at_ns: read.at, u_ns: read.u_ns, value, status: Status::Ok };
        post.tell(EventKind::Reading(reading)).await;
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
