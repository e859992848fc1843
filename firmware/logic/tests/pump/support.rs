//! A pump with a head that turns: follows each step's due time and reports rotation after a while.

use std::collections::VecDeque;

use logic::{Answer, Config, Input, Output, Pump, Senses, Tone};
use wire::{Alarm, LogEntry, LogEvent, Refusal, Request, ResetCause, Status};

pub(crate) const HOUR_US: u64 = 3_600_000_000;
pub(crate) const DAY_US: u64 = 24 * HOUR_US;
pub(crate) const TURN_US: u64 = 150_000;

pub(crate) struct Rig {
    pub(crate) pump: Pump,
    pub(crate) now_us: u64,
    /// When the motor was driven, and how far.
    pub(crate) runs: Vec<(u64, u16)>,
    /// How many steps of a run the head does not make.
    pub(crate) slip: u16,
    /// Pulses whose rotation was sensed before the last reset.
    pub(crate) sensed: u64,
    pub(crate) sounding: Option<Alarm>,
    /// The tones heard.
    pub(crate) tones: Vec<(u64, Tone)>,
    /// What the pump senses at rest, and the battery's voltage while the motor runs.
    pub(crate) senses: Senses,
    pub(crate) loaded_mv: u16,
    due_us: Option<u64>,
    turning: VecDeque<(u64, u16)>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Config::reference())
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut rig = Self {
            pump: Pump::new(config, ResetCause::PowerOn, 0),
            now_us: 0,
            runs: Vec::new(),
            slip: 0,
            sensed: 0,
            sounding: None,
            tones: Vec::new(),
            senses: Senses::NOMINAL,
            loaded_mv: Senses::NOMINAL.battery_mv,
            due_us: None,
            turning: VecDeque::new(),
        };
        rig.step(0, Input::Time);
        rig
    }

    pub(crate) fn step(&mut self, now_us: u64, input: Input) -> Output {
        self.now_us = now_us;
        let mut senses = self.senses;
        if self.runs.last().is_some_and(|run| now_us < run.0 + self.pump.config().motor_run_us) {
            senses.battery_mv = self.loaded_mv;
        }
        let output = self.pump.step(now_us, senses, input);
        self.tones.extend(output.tone.map(|tone| (now_us, tone)));
        assert!(output.next_due_us.is_none_or(|due| due > now_us), "due in the past");
        if let Some(run) = output.motor {
            self.runs.push((now_us, run.steps));
            let steps = run.steps.saturating_sub(self.slip);
            if steps > 0 {
                self.turning.push_back((now_us + TURN_US, steps));
            }
        }
        self.due_us = output.next_due_us;
        self.sounding = output.sounding;
        output
    }

    pub(crate) fn ask(&mut self, request: Request) -> Answer {
        self.step(self.now_us, Input::Request(request)).reply.expect("each request is answered")
    }

    pub(crate) fn accept(&mut self, request: Request) {
        let answer = self.ask(request);
        let expect = Answer::Accepted { at_us: self.now_us, repeated: false };
        assert_eq!(answer, expect, "{request:?}");
    }

    /// Steps whenever the pump is due, the head has turned, or one of the extra times has come.
    pub(crate) fn run_until(&mut self, end_us: u64, extra_us: &[u64]) {
        let begin_us = self.now_us;
        let mut extra_us = extra_us.iter().copied().filter(|at| *at > begin_us).peekable();
        loop {
            let turned = self.turning.front().map(|&(at, _)| at);
            let next = [turned, self.due_us, extra_us.peek().copied()];
            let at = next.into_iter().flatten().min().unwrap_or(u64::MAX);
            if at > end_us {
                break;
            }
            if turned == Some(at) {
                let (_, steps) = self.turning.pop_front().expect("is turning");
                self.step(at, Input::Rotation { steps });
            } else {
                self.step(at, Input::Time);
            }
            while extra_us.next_if_eq(&at).is_some() {}
        }
        self.step(end_us, Input::Time);
    }

    /// Resets the board now. The head goes on turning; where its rotation is lost, `turning` is cleared.
    pub(crate) fn reset(&mut self, cause: ResetCause, rotation_lost: bool) {
        self.step(self.now_us, Input::Time);
        self.sensed += u64::from(self.status().pulses);
        if rotation_lost {
            self.turning.clear();
        }
        self.pump = Pump::restart(*self.pump.config(), self.pump.memory(), cause, self.now_us);
        self.step(self.now_us, Input::Time);
    }

    pub(crate) fn refuse(&mut self, request: Request, refusal: Refusal) {
        assert_eq!(self.ask(request), Answer::Refused(refusal), "{request:?}");
    }

    /// Changes a running therapy by telemetry, open for no time at all.
    pub(crate) fn change(&mut self, request: Request) {
        self.accept(Request::TelemetryOpen);
        self.accept(request);
        self.accept(Request::TelemetryClose);
    }

    pub(crate) fn status(&mut self) -> Status {
        match self.ask(Request::Status) {
            Answer::Status(status) => status,
            other => panic!("expected a status, found {other:?}"),
        }
    }

    pub(crate) fn log(&mut self) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        let mut from = 0;
        loop {
            let Answer::Log(page) = self.ask(Request::Log { from }) else {
                panic!("expected a page of the log");
            };
            entries.extend(page.entries.iter().flatten());
            let Some(last) = page.entries.iter().flatten().last() else {
                return entries;
            };
            from = last.index + 1;
        }
    }

    /// The log without its first entry, the boot.
    pub(crate) fn events(&mut self) -> Vec<(u64, LogEvent)> {
        self.log().iter().skip(1).map(|entry| (entry.at_us, entry.event)).collect()
    }
}
