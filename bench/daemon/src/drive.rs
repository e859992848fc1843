//! The loop of a run: inputs in one order, decisions carried out, and at the end a station that is safe.
//!
//! It decides nothing: what an input means is the engine's word. Tasks hold the instruments, the stream numbers the
//! events, and this is where they meet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::event::{Phase, Prompt};
use domain::fault::{AtStation, Fault, LinkFault};
use domain::profile::Role;
use domain::pump::PumpRequest;
use domain::{EventKind, Order, RunTime, RunVerdict};
use rig::Bound;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

use crate::beat::{self, Beat};
use crate::control::{Message, Outside};
use crate::operator;
use crate::poll::{self, Post};
use crate::pump;
use crate::run::{Beginning, Finished, Job, Notice};
use crate::safe_stop::{self, SafeStop};
use crate::stream::Stream;

/// Inputs that may wait for the loop; a task that is faster than the loop waits.
const INPUTS_MAX: usize = 256;
/// Under virtual time, people are told where the run stands after so many events.
const REPORT_EVERY: u64 = 512;

/// The loop and what it drives.
pub(crate) struct Loop {
    stream: Stream,
    bound: Bound,
    job: Job,
    inputs: mpsc::Receiver<EventKind>,
    outside: mpsc::UnboundedReceiver<Outside>,
    commands: mpsc::Sender<(u32, PumpRequest)>,
    orders: BTreeMap<String, mpsc::Sender<(u32, Order)>>,
    tasks: Vec<AbortHandle>,
    waiting: Vec<String>,
    prompt: Option<Prompt>,
    log_next: Arc<AtomicU32>,
    pump_seen: bool,
    /// How long the run had lasted when this process took it up.
    lasted_before: Duration,
    /// Another program holds a port of this station.
    contended: bool,
    ended: Option<(RunVerdict, Option<String>)>,
    /// It has come to its steps: one that flashes first enters that before, while its instruments are attached.
    has_begun: bool,
    /// It is to be left to its pump, for another process to go on with.
    leaves: bool,
    safe: bool,
}

impl Loop {
    /// Binds the rig and starts the tasks that hold its instruments.
    pub(crate) fn begin(job: Job, beginning: Beginning, outside: mpsc::UnboundedReceiver<Outside>) -> Self {
        let station = &job.station;
        let profile = &station.profile;
        let bound = station.bind(job.seed);
        if let Some(world) = &bound.world
            && let Err(error) = world.open_truth(&profile.station, &job.folder.join("truth.mcap"))
        {
            drop(job.notify.send(Notice::Line(format!("the simulators' truth is not kept: {error}"))));
        }
        let (stream, pump_before) = beginning.stream(profile);
        let clock = stream.clock;
        let (events, inputs) = mpsc::channel(INPUTS_MAX);
        let (commands, taken) = mpsc::channel(1);
        let log_next = Arc::new(AtomicU32::new(pump_before.map_or(0, |seen| seen.log_next)));
        let mut taken = Some(taken);
        let mut orders = BTreeMap::new();
        let mut tasks = Vec::new();
        for binding in &station.bindings {
            let Some(instrument) = profile.by_name(&binding.instrument) else { continue };
            let post = Post {
                instrument: binding.instrument.clone(),
                connect: Arc::clone(&bound.connectors[&binding.instrument]),
                clock,
                setup: binding.setup.clone(),
                poll: instrument.poll,
                events: events.clone(),
            };
            let task = match (binding.entry.attach, taken.take()) {
                (Some(attach), put_back) => {
                    taken = put_back;
                    let (order, ordered) = mpsc::channel(1);
                    orders.insert(binding.instrument.clone(), order);
                    tokio::spawn(poll::instrument(post, attach, ordered))
                }
                (None, Some(commands)) => tokio::spawn(pump::hold(post, commands, Arc::clone(&log_next), pump_before)),
                (None, None) => unreachable!("a station has one pump"),
            };
            tasks.push(task.abort_handle());
            drop(tokio::spawn(watch_task(task, binding.instrument.clone(), events.clone())));
        }
        // A rig that was ready once is not waited for again: each instrument has its time to come back.
        let waited_for = profile.instruments.iter().filter(|_| pump_before.is_none());
        let waiting = waited_for.map(|i| i.name.clone()).collect();
        let lasted_before = clock.now().since(RunTime::ZERO);
        let (prompt, ended) = (None, None);
        Self {
            stream,
            bound,
            job,
            inputs,
            outside,
            commands,
            orders,
            tasks,
            waiting,
            prompt,
            log_next,
            pump_seen: pump_before.is_some(),
            lasted_before,
            contended: false,
            ended,
            // What goes on was interrupted behind that.
            has_begun: pump_before.is_some(),
            leaves: false,
            safe: false,
        }
    }

    pub(crate) async fn drive(mut self, began: Instant) -> Finished {
        let first = self.job.first.clone();
        self.input(first).await;
        let real = self.job.station.profile.clock.is_real();
        if real {
            // Whoever finds the run interrupted must know what it was, before anything moves.
            self.stream.sync_intent().await;
        }
        let mut wake = Box::pin(tokio::time::sleep_until(self.stream.clock.at(RunTime::ZERO)));
        let mut wake_at = RunTime::ZERO;
        let mut events = 0_u64;
        let mut beats = tokio::time::interval(beat::EVERY);
        while self.ended.is_none() {
            self.job.beat.iter().for_each(Beat::beat);
            let due = self.stream.engine.due();
            if let Some(due) = due.filter(|d| *d != wake_at) {
                wake.as_mut().reset(self.stream.clock.at(due));
                wake_at = due;
            }
            let kind = tokio::select! {
                biased;
                Some(outside) = self.outside.recv() => self.hear(outside),
                Some(kind) = self.inputs.recv() => Some(kind),
                () = &mut wake, if due.is_some() => {
                    wake_at = RunTime::ZERO;
                    Some(EventKind::Tick)
                }
                _ = beats.tick(), if real => {
                    // Readings come in bursts: what came behind the first does not wait for the next.
                    self.stream.look().or_else(|| self.stream.trouble())
                }
            };
            if let Some(kind) = kind {
                self.input(kind).await;
            }
            // A record that cannot be written is no run that anybody goes on with: it ends as one whose record failed.
            if std::mem::take(&mut self.leaves) && self.stream.sync_intent().await {
                return self.leave();
            }
            events += 1;
            if real || events.is_multiple_of(REPORT_EVERY) {
                self.report();
            }
        }
        self.close(began)
    }

    /// Ends without an end: nothing is commanded. What instruments have told in this moment is read again by whoever goes on, as far as
    /// it is in the pump's log; a reading is none of that.
    fn leave(self) -> Finished {
        self.tasks.iter().for_each(AbortHandle::abort);
        let reason = "it was left to its pump, for the host restarts";
        Finished { left: true, ..Finished::error(self.job.folder, reason) }
    }

    fn close(self, began: Instant) -> Finished {
        if let Some(world) = &self.bound.world {
            world.close_truth(&self.job.station.profile.station);
        }
        let (verdict, reason) = self.ended.unwrap_or((RunVerdict::Error, None));
        let record_trouble = self.stream.finish((self.lasted_before + began.elapsed()).as_secs_f64()).err();
        let at_station = AtStation::of(self.has_begun, verdict, reason.as_deref());
        let (folder, safe) = (self.job.folder, self.safe);
        Finished { folder, verdict, reason, safe, record_trouble, left: false, at_station }
    }

    /// Takes an input and carries out what the engine decides, and what follows from that.
    async fn input(&mut self, kind: EventKind) {
        let mut pending = VecDeque::from([kind]);
        while let Some(kind) = pending.pop_front() {
            if let Some(more) = self.watch(&kind) {
                pending.push_back(more);
            }
            for decision in self.stream.input(kind) {
                self.carry_out(decision, &mut pending).await;
            }
            if let Some(trouble) = self.stream.trouble() {
                pending.push_back(trouble);
            }
        }
    }

    /// The rig is ready when every instrument has been attached once.
    fn watch(&mut self, kind: &EventKind) -> Option<EventKind> {
        self.contended |= matches!(kind, EventKind::Lost { fault: LinkFault::Locked { .. }, .. }) && !self.pump_seen;
        let EventKind::Attached { instrument, .. } = kind else { return None };
        self.pump_seen |= self.job.station.profile.fills(instrument, Role::Pump);
        let before = self.waiting.len();
        self.waiting.retain(|name| name != instrument);
        (before > 0 && self.waiting.is_empty()).then_some(EventKind::RigReady)
    }

    async fn carry_out(&mut self, decision: EventKind, pending: &mut VecDeque<EventKind>) {
        match decision {
            EventKind::Commanded { command, request } => {
                if (request.delivers() || self.may_go_on()) && !self.stream.sync_intent().await {
                    // No intent on disk, no drug: the failure of the record ends the run.
                    return;
                }
                // The engine waits for each answer, so there is room for the next command.
                drop(self.commands.send((command, request)).await);
            }
            EventKind::Ordered { order, instrument, what } => {
                if self.may_go_on() && !self.stream.sync_intent().await {
                    return;
                }
                // The engine waits for each answer, so there is room here too.
                if let Some(orders) = self.orders.get(&instrument) {
                    drop(orders.send((order, what)).await);
                }
            }
            EventKind::Prompted(prompt) => {
                match operator::scripted(&prompt, &self.job.station.profile) {
                    Some(answer) => pending.push_back(EventKind::Answered(answer)),
                    None => drop(self.job.notify.send(Notice::Prompted(prompt.clone()))),
                }
                self.prompt = Some(prompt);
            }
            EventKind::SafeStopBegan { cause } => self.make_safe(&cause, pending).await,
            EventKind::Ended { verdict, reason, .. } => self.ended = Some((verdict, reason)),
            EventKind::PhaseEntered(Phase::Steps) => self.has_begun = true,
            _ => {}
        }
    }

    /// Whether the run may be gone on with: then whoever finds it interrupted must know of whatever was begun.
    fn may_go_on(&self) -> bool {
        self.job.beat.is_some() && self.stream.engine.plan().resume_within.is_some()
    }

    /// Whether the run may go on as it stands now when somebody finds it interrupted.
    fn may_be_left(&self) -> Result<(), String> {
        let simulated = |b: &rig::Binding| b.port == rig::Port::Simulated;
        if self.job.beat.is_none() || self.job.station.bindings.iter().any(simulated) {
            return Err("what is simulated ends with it".to_owned());
        }
        if !self.pump_seen {
            return Err("the pump has not answered yet".to_owned());
        }
        self.stream.engine.may_go_on(self.stream.now())
    }

    /// The tasks let go of their ports; then the station is made safe over a connection of its own.
    async fn make_safe(&mut self, cause: &str, pending: &mut VecDeque<EventKind>) {
        drop(self.job.notify.send(Notice::Line(format!("making the station safe: {cause}"))));
        for task in self.tasks.drain(..) {
            task.abort();
        }
        tokio::task::yield_now().await;
        while let Ok(kind) = self.inputs.try_recv() {
            pending.push_back(kind);
        }
        let log_from = self.pump_seen.then(|| self.log_next.load(Ordering::Relaxed));
        let station = &self.job.station;
        let Some(mut order) = SafeStop::of(station, &self.bound.connectors, log_from, &self.job.folder) else { return };
        if self.contended {
            order = order.held_by_another();
        }
        let (report, evidence) = safe_stop::execute(&order, self.stream.clock).await;
        self.safe = report.confirmed;
        if !report.confirmed {
            let why = report.unconfirmed.join("; ");
            let line = format!("THE STATION COULD NOT BE CONFIRMED SAFE: {why}; go and look at it");
            drop(self.job.notify.send(Notice::Line(line)));
        }
        pending.extend(evidence);
        pending.push_back(EventKind::SafeStopped(report));
    }

    fn hear(&mut self, outside: Outside) -> Option<EventKind> {
        match outside {
            Outside::Stop { cause } => Some(EventKind::StopAsked { cause }),
            Outside::Leave => match self.may_be_left() {
                Ok(()) => {
                    self.leaves = true;
                    None
                }
                Err(why) => {
                    let cause = format!("stopped, for the host restarts and the run cannot go on behind that: {why}");
                    Some(EventKind::StopAsked { cause })
                }
            },
            Outside::Said { message: Message::Note { text, by }, reply } => {
                drop(reply.send(Ok(())));
                Some(EventKind::Remarked { text, by })
            }
            Outside::Said { message: Message::Answer { prompt, value, entries, by }, reply } => {
                let answer = self.answer(&prompt, &value, entries, by);
                let (kind, taken) = match answer {
                    Ok(kind) => (Some(kind), Ok(())),
                    Err(why) => (None, Err(why)),
                };
                drop(reply.send(taken));
                kind
            }
        }
    }

    fn answer(
        &self,
        prompt: &str,
        value: &str,
        named: BTreeMap<String, String>,
        by: String,
    ) -> Result<EventKind, String> {
        let open = self.prompt.as_ref().filter(|p| p.name == prompt && self.stream.now() <= p.until_ns);
        let open = open.ok_or_else(|| format!("expected the name of an open prompt, but found '{prompt}'"))?;
        let entries =
            if named.is_empty() { operator::typed(open, value)? } else { operator::named(open, value, named)? };
        Ok(EventKind::Answered(domain::event::Answer { prompt: prompt.to_owned(), entries, by, simulated: false }))
    }

    /// Tells people where the run stands, if nobody is looking just now.
    fn report(&self) {
        if let Ok(mut progress) = self.job.progress.try_lock() {
            progress.now = self.stream.now();
            let position = self.stream.engine.position();
            if progress.position != position {
                progress.position = position;
            }
        }
    }
}

/// A task that panics has let go of its instrument: the run hears of it instead of waiting for ever.
async fn watch_task(task: JoinHandle<()>, instrument: String, events: mpsc::Sender<EventKind>) {
    if task.await.is_err_and(|e| e.is_panic()) {
        let what = format!("the task that holds {instrument} panicked; please report it with the record");
        drop(events.send(EventKind::Broke(Fault::Program { what })).await);
    }
}
