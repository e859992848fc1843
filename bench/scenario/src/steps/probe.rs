//! `flash`, `reset`, `halt`, `run core`, `peek`, `poke`: what a debug probe does to the board. Only a rig with a probe has them.
//!
//! A board that is reset or stood still is silent: the step says for how long at most. What follows from it (a reset, an
//! alarm) is for an `expect` behind the step to wait for.

use core::time::Duration;

use domain::firmware::{Place, SymbolType};
use domain::profile::Role;
use domain::{Dimension, Limits, Order, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{BECAUSE, Context, NAME, Named, REQUIREMENT};
use crate::plan::{Peek, Probe, Step, StepKind};
use crate::steps::StepSpec;

const SILENT: &str = "pump silent for at most";
/// How long the pump may be silent unless the step says otherwise: an image is written, for which a driver waits less long;
/// a board boots; a value changes nothing.
const FLASHING: Duration = Duration::from_secs(90);
const BOOTING: Duration = Duration::from_secs(10);
const SILENT_MAX: Duration = Duration::from_secs(3600);
/// A symbol is no longer than this.
const OFFSET_MAX: u32 = 1 << 20;

/// What says something of the image that is on the board.
const OF_THE_IMAGE: [&str; 10] =
    ["start", "change dose", "bolus", "patient", "press", "check", "expect", "peek", "poke", "refill"];

/// The key by which a step says how long the pump may be silent because of it.
const fn silent_for(doc: &'static str) -> Field {
    Field::optional(SILENT, Kind::Quantity(Dimension::Time), doc)
}

const SYMBOL: Field = Field::required("symbol", Kind::Text, "the symbol's name in the image, as the linker wrote it");
const AS: Field = Field::required("as", Kind::Word(SymbolType::NAMES), "what is there");
const AT: Field =
    Field::optional("at", Kind::Count(0, OFFSET_MAX), "bytes behind the symbol's beginning; 0 unless given");

pub(super) const FLASH: StepSpec = StepSpec {
    variant: Variant {
        key: "flash",
        kind: Kind::Map(&[silent_for("how long the pump may be silent because of it; 90 s unless given"), NAME]),
        doc: "write the rig file's image to the board, verify it and let it run; without this step the board must hold it. \
              As the first step it is done as soon as supply and probe are there, before the pump is waited for and the \
              vessel weighed: the board may be empty",
    },
    example: "- flash: {}",
    lower: flash,
};

pub(super) const RESET: StepSpec = StepSpec {
    variant: Variant {
        key: "reset",
        kind: Kind::Map(&[silent_for("how long the pump may be silent because of it; 10 s unless given"), NAME]),
        doc: "reset the board by its debug probe and let it run",
    },
    example: "- reset: {}",
    lower: |view, context| simple(view, context, "reset", Order::Reset, BOOTING),
};

pub(super) const HALT: StepSpec = StepSpec {
    variant: Variant {
        key: "halt",
        kind: Kind::Map(&[silent_for("how long the pump may be silent because of it; 10 s unless given"), NAME]),
        doc: "halt the board's core by its debug probe; what a watchdog makes of that is the board's",
    },
    example: "- halt: {}",
    lower: |view, context| simple(view, context, "halt", Order::Halt, BOOTING),
};

pub(super) const RUN: StepSpec = StepSpec {
    variant: Variant { key: "run core", kind: Kind::Map(&[NAME]), doc: "let the board's core run again after a halt" },
    example: "- run core: {}",
    lower: |view, context| simple(view, context, "run core", Order::Run, Duration::ZERO),
};

pub(super) const POKE: StepSpec = StepSpec {
    variant: Variant {
        key: "poke",
        kind: Kind::Map(&[
            SYMBOL,
            AS,
            AT,
            Field::required("value", Kind::Text, "what is written: a whole number, decimal or with 0x before it"),
            silent_for("how long the pump may be silent because of it; not at all unless given"),
            NAME,
        ]),
        doc: "write a value to a symbol of the image while the board runs",
    },
    example: "- poke: {symbol: CONTROL_LOOP_HELD, as: u32, value: 1, pump silent for at most: 10 s}",
    lower: poke,
};

pub(super) const PEEK: StepSpec = StepSpec {
    variant: Variant {
        key: "peek",
        kind: Kind::Map(&[
            SYMBOL,
            AS,
            AT,
            Field::optional("is", Kind::Text, "the value that must be there"),
            Field::optional("at least", Kind::Text, "the least value that may be there"),
            Field::optional("at most", Kind::Text, "the greatest value that may be there"),
            BECAUSE,
            REQUIREMENT,
            NAME,
        ]),
        doc: "read a symbol of the image while the board runs; that it is within its limits is a check of its own",
    },
    example: "- peek: {symbol: STACK_HIGH_WATER_BYTES, as: u32, at most: 6144, because: three quarters of the stack}",
    lower: peek,
};

/// What comes before another image is written is no evidence of the one that the run is about.
fn flash(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let were = |kinds: &[&str]| context.counts.iter().any(|(kind, _)| kinds.contains(kind));
    if were(&OF_THE_IMAGE) && !were(&["flash"]) {
        let message = "flash: expected before anything is delivered or judged, but found it behind that";
        context.problems.push_hint(view.pos(), message, "flash first, or again after another `flash`");
    }
    simple(view, context, "flash", Order::Flash, FLASHING)
}

fn simple(
    view: View<'_>,
    context: &mut Context<'_>,
    kind: &'static str,
    order: Order,
    usual: Duration,
) -> Option<Step> {
    let name = context.step_name(view, kind);
    context.named.push(Named::instant(&name));
    let instrument = context.instrument(view.pos(), Role::Probe)?;
    let silent = silent(view, context, usual)?;
    let what = order.to_string();
    Some(Step { name, what, kind: StepKind::Probe(Probe { instrument, order, silent }) })
}

fn poke(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "poke");
    context.named.push(Named::instant(&name));
    let instrument = context.instrument(view.pos(), Role::Probe)?;
    let silent = silent(view, context, Duration::ZERO)?;
    let place = place(view)?;
    let value = value(view, "value", place.of, context)?;
    let order = Order::Poke { place, value };
    let what = order.to_string();
    Some(Step { name, what, kind: StepKind::Probe(Probe { instrument, order, silent }) })
}

fn peek(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let step = context.step_name(view, "peek");
    context.named.push(Named::instant(&step));
    let instrument = context.instrument(view.pos(), Role::Probe)?;
    let place = place(view)?;
    let mut limit = |key: &str| match view.node(key) {
        Some(_) => value(view, key, place.of, context).map(Some),
        None => Some(None),
    };
    let (is, least, most) = (limit("is")?, limit("at least")?, limit("at most")?);
    let (low, high) = match (is, least, most) {
        (Some(is), None, None) => (Some(is), Some(is)),
        (None, None, None) | (Some(_), ..) => {
            let message = "peek: expected either 'is', or 'at least' and 'at most' or one of them";
            context.problems.push(view.pos(), message);
            return None;
        }
        (None, least, most) => (least, most),
    };
    if low.zip(high).is_some_and(|(low, high)| low > high) {
        let found = view.text("at most").unwrap_or("");
        let message = format!("at most: expected no less than 'at least', but found '{found}'");
        context.problems.push(view.pos_of("at most"), message);
        return None;
    }
    let name = view.text("name").map_or_else(|| format!("value of {}", place.symbol), str::to_owned);
    let head = context.check_head(view, &step, name);
    // Whole numbers of 32 bits are exact.
    let limits = Limits { low: low.map(|v| v as f64), high: high.map(|v| v as f64) };
    let what = Order::Peek(place.clone()).to_string();
    Some(Step { name: step, what, kind: StepKind::Peek(Peek { head, instrument, place, limits }) })
}

fn silent(view: View<'_>, context: &mut Context<'_>, usual: Duration) -> Option<Duration> {
    let silent = view.duration(SILENT).unwrap_or(usual);
    if silent > SILENT_MAX {
        let message =
            format!("{SILENT}: expected at most {}, but found {}", time::span(SILENT_MAX), time::span(silent));
        context.problems.push(view.pos_of(SILENT), message);
        return None;
    }
    Some(silent)
}

fn place(view: View<'_>) -> Option<Place> {
    let of = SymbolType::by_name(view.text("as")?)?;
    Some(Place { symbol: view.text("symbol")?.to_owned(), at: view.count("at").unwrap_or(0).into(), of })
}

/// A whole number that fits its type.
fn value(view: View<'_>, key: &str, of: SymbolType, context: &mut Context<'_>) -> Option<i64> {
    let text = view.text(key)?;
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let (least, greatest) = of.range();
    match parsed.ok().filter(|value| (least..=greatest).contains(value)) {
        Some(value) => Some(value),
        None => {
            let message = format!("{key}: expected a whole number from {least} to {greatest}, but found '{text}'");
            context.problems.push(view.pos_of(key), message);
            None
        }
    }
}
