//! `start`, `stop`, `patient` and `refill`: a command goes out, and the step waits until the pump has confirmed it.
//!
//! It owns which request a step sends. It must not know how an answer is awaited (`command` does).

use domain::Event;
use domain::fault::Fault;
use domain::pump::PumpRequest;
use scenario::{Patient, Refill, Therapy};

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::command::{Answer, Pending};
use crate::steps::{Active, Flow};

/// Waiting for the pump's answer.
#[derive(Debug, Clone)]
pub(crate) struct State(Pending);

pub(super) fn enter_start(therapy: &Therapy, core: &mut Core) -> Flow {
    match request(therapy, core) {
        Ok(request) => wait(request, core),
        Err(ending) => Flow::End(ending),
    }
}

/// The request that starts a therapy, under a dose of its own.
pub(super) fn request(therapy: &Therapy, core: &mut Core) -> Result<PumpRequest, Ending> {
    let dose = core.dose();
    match therapy {
        Therapy::Continuous(rate) => match rate.whole_nl_per_h() {
            Some(rate_nl_per_h) => Ok(PumpRequest::Start { dose, rate_nl_per_h }),
            None => Err(beyond(&format!("a rate, but found {rate}"))),
        },
        Therapy::Flex { minute_of_day, steps } => {
            Ok(PumpRequest::StartFlex { dose, minute_of_day: *minute_of_day, steps: steps.clone() })
        }
    }
}

/// What the pump's 32 bits do not hold.
pub(super) fn beyond(what: &str) -> Ending {
    Ending::Broken(Fault::Program { what: format!("expected what the pump's 32 bits hold as {what}") })
}

pub(super) fn enter_stop(core: &mut Core) -> Flow {
    wait(PumpRequest::Stop, core)
}

pub(super) fn enter_patient(patient: &Patient, core: &mut Core) -> Flow {
    let duration_ms = u32::try_from(patient.over.as_millis()).ok();
    let lockout_s = u32::try_from(patient.lockout.as_secs()).ok();
    let (Some(volume_nl), Some(duration_ms), Some(lockout_s)) = (patient.volume.whole_nl(), duration_ms, lockout_s)
    else {
        return Flow::End(beyond(&format!("a patient bolus, but found {patient:?}")));
    };
    wait(PumpRequest::SetPatient { volume_nl, duration_ms, lockout_s, daily_max: patient.daily_max }, core)
}

pub(super) fn enter_refill(refill: &Refill, core: &mut Core) -> Flow {
    let (Some(volume_nl), Some(low_nl)) = (refill.volume.whole_nl(), refill.low.whole_nl()) else {
        return Flow::End(beyond(&format!("a reservoir, but found {}", refill.volume)));
    };
    wait(PumpRequest::SetReservoir { volume_nl, low_nl }, core)
}

fn wait(request: PumpRequest, core: &mut Core) -> Flow {
    Flow::Stay(Active::Pump(State(Pending::send(request, core))))
}

pub(super) fn apply(state: State, event: &Event) -> Flow {
    match state.0.answer(event) {
        Answer::Pending => Flow::Stay(Active::Pump(state)),
        Answer::Accepted => Flow::Done,
        Answer::Failed(ending) => Flow::End(ending),
    }
}
