//! Scenario files: tree to document, document to a plan that is resolved against a rig.
//!
//! One file a step kind in [`steps`], one registry ([`steps::REGISTRY`]) from which the schema and the step reference
//! are made. Nothing here runs anything, reads a file or knows a driver.

mod document;
mod guard;
pub mod library;
mod lower;
mod needs;
mod plan;
mod range;
mod reference;
mod resolve;
mod stated;
pub mod steps;

pub use document::{Assignment, Document, SCENARIO, VARIANTS_MAX};
pub use guard::{Guard, GuardElse};
pub use needs::Bath;
pub use plan::{
    Bolus, Check, Else, Expect, Expected, Hold, Operator, Patient, Peek, Plan, Press, Probe, Refill, Step, StepKind,
    Stimulate, Supply, Therapy, Valve, Weighing,
};
pub use reference::{schema, step_reference};
pub use resolve::{BATH_KEPT, DEVICE_ANSWERS, IMPLICIT, NO_UNEXPECTED_ALARM, resolve};
