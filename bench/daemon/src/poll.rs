//! The tasks that hold the instruments: attach, poll at absolute times, and attach again after a fault.
//!
//! Each task owns its port. What it learns goes to the run loop as input events; a full channel slows the task, never
//! the loop.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use domain::fault::LinkFault;
use domain::{Channel, EventKind, Identity, Order, OrderOutcome, Reading, RunTime};
use drivers::instrument::{Attach, News};
use drivers::{AskError, Connect, Instrument, RunClock, Sample, Setup};
use tokio::sync::mpsc;

/// The time between two attempts to attach.
pub(crate) const RETRY: Duration = Duration::from_millis(500);
/// An instrument that refuses to be read so often in a row is attached again.
const REFUSALS_MAX: u32 = 5;
/// So often an order is tried on a link that is attached again each time.
const ORDER_ATTEMPTS: u32 = 3;

/// What every task needs.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) instrument: String,
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) clock: RunClock,
    pub(crate) setup: Setup,
    pub(crate) poll: Duration,
    pub(crate) events: mpsc::Sender<EventKind>,
}

impl Post {
    /// False when the run loop is gone.
    pub(crate) async fn tell(&self, kind: EventKind) -> bool {
        self.events.send(kind).await.is_ok()
    }

    pub(crate) async fn attached(&self, identity: Identity) -> bool {
        self.tell(EventKind::Attached { instrument: self.instrument.clone(), identity }).await
    }

    async fn news(&self, news: Vec<News>) -> bool {
        let instrument = || self.instrument.clone();
        for news in news {
            let kind = match news {
                News::Settings(settings) => EventKind::SettingsTold { instrument: instrument(), settings },
                News::Images(images) => EventKind::ImagesCompared { instrument: instrument(), images },
                News::Logged(line) => EventKind::FirmwareLogged { instrument: instrument(), line },
                News::LogGap { restarted } => EventKind::FirmwareLogGap { instrument: instrument(), restarted },
            };
            if !self.tell(kind).await {
                return false;
            }
        }
        true
    }

    pub(crate) async fn lost(&self, fault: LinkFault, frames: Vec<String>) -> bool {
        self.tell(EventKind::Lost { instrument: self.instrument.clone(), fault, frames }).await
    }

    /// The next moment on the grid of polls; moments that have passed are left out.
    pub(crate) fn next_poll(&self) -> RunTime {
        let poll = domain::time::duration_ns(self.poll).max(1);
        RunTime::from_ns((self.clock.now().ns() / poll + 1) * poll)
    }
}

/// Holds an instrument until the run loop is gone: reads it at each poll, and carries out what is ordered.
pub(crate) async fn instrument(post: Post, attach: Attach, mut orders: mpsc::Receiver<(u32, Order)>) {
    let mut task = Task { last: BTreeMap::new(), pending: None };
    loop {
        match attach(&*post.connect, post.clock, &post.setup).await {
            Ok((mut instrument, identity)) => {
                // What it has found out by now is known before it counts as there.
                let news = instrument.news();
                if !post.news(news).await || !post.attached(identity).await {
                    return;
                }
                let Err((fault, frames)) = task.hold(&post, instrument, &mut orders).await else { return };
                if !post.lost(fault, frames).await {
                    return;
                }
            }
            Err(fault) => {
                task.failed(&post, &fault).await;
                if !post.lost(fault, Vec::new()).await {
                    return;
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

type Lost = (LinkFault, Vec<String>);

/// An order that has no answer yet.
struct Pending {
    number: u32,
    order: Order,
    attempts: u32,
}

/// What a task keeps while its instrument is attached again.
struct Task {
    /// Each channel with its last value, which stands in the place of one beyond the range.
    last: BTreeMap<&'static str, (Channel, f64)>,
    pending: Option<Pending>,
}

impl Task {
    /// `Ok` when the run loop is gone.
    async fn hold(
        &mut self,
        post: &Post,
        mut instrument: Box<dyn Instrument>,
        orders: &mut mpsc::Receiver<(u32, Order)>,
    ) -> Result<(), Lost> {
        let mut refusals = 0;
        loop {
            self.execute(post, &mut *instrument).await?;
            tokio::select! {
                biased;
                order = orders.recv() => {
                    let Some((number, order)) = order else { return Ok(()) };
                    self.pending = Some(Pending { number, order, attempts: 0 });
                }
                () = tokio::time::sleep_until(post.clock.at(post.next_poll())) => {
                    match instrument.read().await {
                        Ok(samples) => {
                            refusals = 0;
                            let news = instrument.news();
                            if !self.tell(post, samples).await || !post.news(news).await {
                                return Ok(());
                            }
                        }
                        Err(AskError::Link(fault)) => {
                            // What it had to tell before it failed is not lost with it.
                            post.news(instrument.news()).await;
                            return Err((fault, instrument.frames()));
                        }
                        Err(AskError::Refused(why)) => {
                            refusals += 1;
                            if refusals >= REFUSALS_MAX {
                                let fault = LinkFault::Broken { expected: "a reading".to_owned(), found: why };
                                return Err((fault, instrument.frames()));
                            }
                        }
                    }
                }
            }
        }
    }

    async fn tell(&mut self, post: &Post, samples: Vec<Sample>) -> bool {
        for sample in samples {
            let new = || (Channel::new(&format!("{}.{}", post.instrument, sample.quantity)), 0.0);
            let (channel, last) = self.last.entry(sample.quantity).or_insert_with(new);
            *last = sample.value.unwrap_or(*last);
            let (at_ns, u_ns, status) = (sample.at, sample.u_ns, sample.status);
            let reading = Reading { channel: channel.clone(), at_ns, u_ns, value: *last, status };
            if !post.tell(EventKind::Reading(reading)).await {
                return false;
            }
        }
        true
    }

    /// Carries out the order that waits, if one does; after a fault it stays and is tried again.
    async fn execute(&mut self, post: &Post, instrument: &mut dyn Instrument) -> Result<(), Lost> {
        let Some(pending) = &self.pending else { return Ok(()) };
        match instrument.order(&pending.order).await {
            Ok(obeyed) => {
                // What the order has brought about is known before it counts as done.
                post.news(instrument.news()).await;
                let outcome = obeyed.value.map_or(OrderOutcome::Done, |value| OrderOutcome::Read { value });
                self.answer(post, obeyed.at, obeyed.u_ns, outcome).await;
            }
            Err(AskError::Refused(reason)) => {
                self.answer(post, post.clock.now(), 0, OrderOutcome::Refused { reason }).await;
            }
            Err(AskError::Link(fault)) => {
                self.failed(post, &fault).await;
                return Err((fault, instrument.frames()));
            }
        }
        Ok(())
    }

    /// An attempt failed; after the last one nobody knows.
    async fn failed(&mut self, post: &Post, fault: &LinkFault) {
        let Some(pending) = &mut self.pending else { return };
        pending.attempts += 1;
        let attempts = if pending.order.may_repeat() { ORDER_ATTEMPTS } else { 1 };
        if pending.attempts >= attempts {
            let outcome = OrderOutcome::Unanswered { reason: fault.to_string() };
            self.answer(post, post.clock.now(), 0, outcome).await;
        }
    }

    async fn answer(&mut self, post: &Post, at_ns: RunTime, u_ns: u64, outcome: OrderOutcome) {
        if let Some(pending) = self.pending.take() {
            post.tell(EventKind::OrderAnswered { order: pending.number, at_ns, u_ns, outcome }).await;
        }
    }
}
