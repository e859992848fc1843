//! The run's course in sentences: which events a reader of the report is told of, and in what words.
//!
//! Readings, ticks, marks and accepted commands are left to the record; there are thousands of them.

use domain::event::{Answer, Event, EventKind, Prompt, SafeStopReport};
use domain::order::OrderOutcome;
use domain::profile::SafePump;
use domain::pump::{PumpLogged, PumpOutcome};
use domain::{BalanceSetting, BalanceSettings, Images, RunTime, SettingAnswer, Switch};

/// Something that happened, as it stands in the report's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// When it entered the stream.
    pub(crate) at: RunTime,
    /// What sort of thing it is, in a word or two.
    pub(crate) sort: &'static str,
    /// What happened.
    pub(crate) text: String,
    /// Whether it speaks against the run or the device, so that it must not be overlooked.
    pub(crate) loud: bool,
}

/// What the timeline says of an event, if anything.
pub(crate) fn moment(event: &Event) -> Option<Moment> {
    let (sort, text, loud) = match &event.kind {
        EventKind::RigReady => ("rig", "every instrument has answered".to_owned(), false),
        EventKind::Resumed(interruption) => ("interrupted", interruption.told(event.t_ns), true),
        EventKind::PhaseEntered(phase) => ("phase", phase.name().to_owned(), false),
        EventKind::StepEntered { index, name, what } => ("step", format!("{}. {name}: {what}", index + 1), false),
        EventKind::Commanded { command, request } => ("command", format!("no. {command}: {request}"), false),
        EventKind::PumpAnswered { command, outcome, .. } => answered_badly(*command, outcome)?,
        EventKind::Ordered { order, instrument, what } => {
            ("order", format!("no. {order}, {instrument}: {what}"), false)
        }
        EventKind::OrderAnswered { order, outcome, .. } => order_outcome(*order, outcome)?,
        EventKind::PumpLogged(entry) => logged(&entry.what)?,
        EventKind::PumpLogGap { from, to } => (
            "pump log",
            format!("entries {from} to {} were overwritten before they were read", to.saturating_sub(1)),
            true,
        ),
        EventKind::SettingsTold { instrument, settings } => set(instrument, settings),
        EventKind::ImagesCompared { instrument, images } => image(instrument, images),
        EventKind::FirmwareLogged { line, .. } => {
            ("firmware", line.text.clone(), matches!(line.level.as_str(), "warn" | "error"))
        }
        EventKind::FirmwareLogGap { restarted, .. } => {
            let why = if *restarted { "it began anew" } else { "they came damaged or too fast" };
            ("firmware", format!("lines of its log may be missing here: {why}"), true)
        }
        EventKind::Prompted(prompt) => ("question", question(prompt), false),
        EventKind::Answered(answer) => ("answer", answer_text(answer), false),
        EventKind::Remarked { text, by } => ("remark", format!("{text} ({by})"), false),
        EventKind::Lost { instrument, fault, .. } => ("lost", format!("{instrument}: {fault}"), true),
        EventKind::Attached { instrument, .. } => ("attached", instrument.clone(), false),
        EventKind::StopAsked { cause } => ("stop asked", cause.clone(), true),
        EventKind::Broke(fault) => ("bench fault", fault.to_string(), true),
        EventKind::CheckDecided(check) => {
            let verdict = check.verdict.name().replace('_', " ");
            ("check", format!("{}: {verdict}", check.head.name), check.verdict != domain::CheckVerdict::Pass)
        }
        EventKind::SafeStopBegan { cause } => ("safe stop", format!("begins: {cause}"), false),
        EventKind::SafeStopped(report) => ("safe stop", safe_stop(report), !report.confirmed),
        EventKind::Ended { verdict, .. } => ("end", verdict.to_string(), false),
        EventKind::Opened(_)
        | EventKind::Reading(_)
        | EventKind::PumpChanged(_)
        | EventKind::PumpClockRead { .. }
        | EventKind::Tick
        | EventKind::Marked { .. } => return None,
    };
    Some(Moment { at: event.t_ns, sort, text, loud })
}

/// How the safe stop went, in a sentence.
pub(crate) fn safe_stop(report: &SafeStopReport) -> String {
    let wanted = match report.wanted {
        SafePump::Stopped => "pump stopped",
        SafePump::MinimumRate => "pump at its minimum rate",
        SafePump::LeftRunning => "pump left running into waste",
    };
    let confirmed = if report.confirmed { "confirmed" } else { "NOT confirmed" };
    let mut text = format!("{wanted}, {confirmed} after {} ms", report.took_ms);
    if !report.actions.is_empty() {
        text.push_str(": ");
        text.push_str(&report.actions.join("; "));
    }
    text
}

fn answered_badly(command: u32, outcome: &PumpOutcome) -> Option<(&'static str, String, bool)> {
    match outcome {
        PumpOutcome::Accepted { repeated: false, .. } => None,
        PumpOutcome::Accepted { repeated: true, .. } => {
            Some(("command", format!("no. {command} had been executed before and was not repeated"), false))
        }
        PumpOutcome::Refused { reason, .. } => Some(("command", format!("no. {command} was refused: {reason}"), true)),
        PumpOutcome::Unanswered { reason } => Some(("command", format!("no. {command} got no answer: {reason}"), true)),
    }
}

fn logged(what: &PumpLogged) -> Option<(&'static str, String, bool)> {
    match what {
        PumpLogged::Booted { cause } => Some(("pump log", format!("board started: {cause}"), false)),
        PumpLogged::AlarmRaised { alarm } => Some(("alarm", format!("{alarm} raised"), true)),
        PumpLogged::AlarmCleared { alarm } => Some(("alarm", format!("{alarm} cleared"), false)),
        PumpLogged::Therapy { .. } => None,
    }
}

/// How a balance is set; one that is not known to be off is told loudly.
fn set(instrument: &str, settings: &BalanceSettings) -> (&'static str, String, bool) {
    let off = |setting| settings.switches.of(setting) == Some(Switch::Off);
    let words = |answer: &SettingAnswer| format!("{}: {answer}", answer.about);
    let answers = settings.answers.iter().map(words).collect::<Vec<_>>().join(", ");
    ("settings", format!("{instrument}: {settings} ({answers})"), !BalanceSetting::ALL.into_iter().all(off))
}

/// What was found on the board; of a hash its beginning is enough to tell two images apart.
fn image(instrument: &str, images: &Images) -> (&'static str, String, bool) {
    let short = |sha256: &str| sha256.chars().take(12).collect::<String>();
    let board = short(&images.board_sha256);
    let text = if images.agree() {
        format!("{instrument}: the board holds the rig file's image, {board}…")
    } else {
        format!("{instrument}: the board holds {board}…, but the rig file's image is {}…", short(&images.file_sha256))
    };
    ("image", text, !images.agree())
}

fn question(prompt: &Prompt) -> String {
    format!("{}: {}", prompt.name, prompt.instruction)
}

fn answer_text(answer: &Answer) -> String {
    let entries: Vec<String> = answer.entries.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let by = if answer.simulated { format!("{}, simulated", answer.by) } else { answer.by.clone() };
    format!("{}: {} ({by})", answer.prompt, if entries.is_empty() { "done".to_owned() } else { entries.join(", ") })
}

/// An order that read something or was not carried out; one that was is told by what follows from it.
fn order_outcome(order: u32, outcome: &OrderOutcome) -> Option<(&'static str, String, bool)> {
    match outcome {
        OrderOutcome::Done => None,
        OrderOutcome::Read { value } => Some(("read", format!("order no. {order}: {value}"), false)),
        OrderOutcome::Refused { reason } => Some(("refused", format!("order no. {order}: {reason}"), true)),
        OrderOutcome::Unanswered { reason } => Some(("unanswered", format!("order no. {order}: {reason}"), true)),
    }
}
