//! `supply`: the supply that plays the battery is set, and reads back what it was set to.
//!
//! A voltage at which the board cannot work silences the pump: the step says for how long at most.

use core::time::Duration;

use domain::profile::Role;
use domain::{Dimension, Voltage, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, NAME, Named};
use crate::plan::{Step, StepKind, Supply};
use crate::steps::StepSpec;

/// What a board of this kind can stand.
const VOLTAGE_MAX: f64 = 5.0;
const SILENT_MAX: Duration = Duration::from_secs(86_400);

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "supply",
        kind: Kind::Map(&[
            Field::optional("voltage", Kind::Quantity(Dimension::Voltage), "the voltage at its terminals, up to 5 V"),
            Field::optional("output", Kind::Word(&["on", "off"]), "whether its output is on; on unless given"),
            Field::optional(
                "pump silent for at most",
                Kind::Quantity(Dimension::Time),
                "how long the pump may be silent because of it; not at all unless given",
            ),
            NAME,
        ]),
        doc: "set the supply that plays the battery and wait until it reads back",
    },
    example: "- supply: {voltage: 2.5 V}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "supply");
    context.named.push(Named::instant(&name));
    let instrument = context.instrument(view.pos(), Role::Supply)?;
    let output = view.text("output") != Some("off");
    let voltage = view.quantity("voltage", Dimension::Voltage);
    if let Some(found) = voltage.filter(|v| !(0.0..=VOLTAGE_MAX).contains(v)) {
        let message = format!("voltage: expected 0 V to {VOLTAGE_MAX} V, but found {found} V");
        context.problems.push(view.pos_of("voltage"), message);
        return None;
    }
    if voltage.is_none() && view.node("output").is_none() {
        context.problems.push(view.pos(), "supply: expected 'voltage' or 'output', but found neither");
        return None;
    }
    let silent = view.duration("pump silent for at most").unwrap_or(Duration::ZERO);
    if silent > SILENT_MAX {
        let found = time::span(silent);
        let message = format!("pump silent for at most: expected at most 24 h, but found {found}");
        context.problems.push(view.pos_of("pump silent for at most"), message);
        return None;
    }
    let voltage = voltage.map(Voltage::from_v);
    let what = match (output, voltage) {
        (false, _) => "switch the supply off".to_owned(),
        (true, Some(voltage)) => format!("set the supply to {voltage}"),
        (true, None) => "switch the supply on".to_owned(),
    };
    Some(Step { name, what, kind: StepKind::Supply(Supply { instrument, voltage, output, silent }) })
}
