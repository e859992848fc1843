//! Whether a station's instruments answer: each is attached and read once, and nothing is ordered.
//!
//! The board is not asked: whether it answers is the run's to judge, and it may have no power, or wait to be flashed.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use domain::Identity;
use domain::profile::{Clock, Role};
use drivers::instrument::Attach;
use drivers::{AskError, Connect, RunClock, Setup};
use rig::{Port, Station};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::runtime;

/// How long an instrument may take to be attached and read: several deadlines, and the pause behind a failure.
const WITHIN: Duration = Duration::from_secs(20);
/// So often it is tried: one answer that is lost says nothing.
const ATTEMPTS: u32 = 2;
const RETRY: Duration = Duration::from_millis(500);

/// What an instrument said of itself, or why it gave no reading.
pub type Answer = Result<Identity, String>;

/// Asks every instrument of a station but its board. Nobody else may use its ports meanwhile.
///
/// # Errors
/// If there is no runtime to work in.
pub fn ask(station: &Station) -> io::Result<Vec<(String, Answer)>> {
    let runtime = runtime::build(&Clock::Real)?;
    Ok(runtime.block_on(async {
        let bound = station.bind(0);
        let clock = RunClock::new();
        let mut asked: Vec<(String, JoinHandle<Answer>)> = Vec::new();
        for binding in &station.bindings {
            let is_board = matches!(binding.role, Role::Pump | Role::Probe) || binding.port == Port::Simulated;
            let Some(attach) = binding.entry.attach.filter(|_| !is_board) else { continue };
            let (connect, setup) = (Arc::clone(&bound.connectors[&binding.instrument]), binding.setup.clone());
            asked.push((binding.instrument.clone(), tokio::spawn(patiently(connect, attach, clock, setup))));
        }
        let mut answers = Vec::new();
        for (instrument, answer) in asked {
            let answer = answer.await.unwrap_or_else(|_| Err("its driver panicked; please report it".to_owned()));
            answers.push((instrument, answer));
        }
        answers
    }))
}

async fn patiently(connect: Arc<dyn Connect>, attach: Attach, clock: RunClock, setup: Setup) -> Answer {
    let work = async {
        let mut answer = once(&*connect, attach, clock, &setup).await;
        for _ in 1..ATTEMPTS {
            if answer.is_ok() {
                break;
            }
            tokio::time::sleep(RETRY).await;
            answer = once(&*connect, attach, clock, &setup).await;
        }
        answer
    };
    timeout(WITHIN, work).await.unwrap_or_else(|_| Err("it hangs: neither an answer nor an error came".to_owned()))
}

async fn once(connect: &dyn Connect, attach: Attach, clock: RunClock, setup: &Setup) -> Answer {
    let (mut instrument, identity) = attach(connect, clock, setup).await.map_err(|fault| fault.to_string())?;
    match instrument.read().await {
        // What it refuses for now, as a balance that settles does, is an answer.
        Ok(_) | Err(AskError::Refused(_)) => Ok(identity),
        Err(AskError::Link(fault)) => Err(fault.to_string()),
    }
}
