//! The words of the bench: quantities with units, verdicts, faults, capabilities, events and rig profiles.
//!
//! Pure data and small arithmetic. Nothing here reads a clock, a file, a socket, a thread or a random number, and
//! nothing here knows YAML, bytes of an instrument or how a run is executed.

pub mod check;
pub mod event;
pub mod fault;
pub mod firmware;
pub mod identity;
mod interruption;
pub mod order;
pub mod profile;
mod prompt;
pub mod pump;
pub mod quantity;
pub mod reading;
pub mod settings;
pub mod stated;
pub mod stimulus;
pub mod time;
pub mod unit;
pub mod verdict;

pub use check::{CheckRecord, Figure, Limits, Window};
pub use event::{Event, EventKind};
pub use fault::{Fault, LinkFault};
pub use firmware::{FirmwareLine, Images, Place, SymbolType};
pub use identity::{Identity, Tier};
pub use order::{Order, OrderOutcome};
pub use profile::RigProfile;
pub use quantity::{FlowRate, Length, Mass, MassRate, Pressure, Ratio, Temperature, Voltage, Volume};
pub use reading::{Channel, Reading, Status};
pub use settings::{BalanceSetting, BalanceSettings, SettingAnswer, Switch, Switches};
pub use stimulus::Stimulus;
pub use time::RunTime;
pub use unit::{Dimension, Unit};
pub use verdict::{CheckVerdict, RunVerdict};
