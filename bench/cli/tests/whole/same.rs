//! The same behaviour: one script of commands and plant events against the logic on the host and against the image on the
//! emulated core. Answers and event logs must agree, entry by entry.
//!
//! Both run at the same time, in real time, each behind its own ports. Between two boots the clocks of the two pumps differ
//! by a constant; what is left of the differences is scheduling of two processes, an emulator's clock and the board's look
//! at its sensors each 10 ms.

use std::time::Duration;

use domain::pump::{FlexStep, PumpLogEntry, PumpLogged, PumpOutcome, PumpRequest, RefusalKind};
use drivers::pump_link::PumpLink;
use drivers::transport::{PortPath, SerialMode};
use drivers::{RunClock, SerialPort, Settings};
use tokio::time::{Instant, sleep_until};

use crate::common::Bench;
use crate::server::Server;

/// By how much the time of an entry may differ between the two, less the constant between their clocks.
const TOLERANCE_MS: f64 = 100.0;

enum Act {
    Tell(PumpRequest),
    /// A stimulus of the plant, and its value.
    Plant(&'static str, f64),
}

use Act::{Plant, Tell};

/// What is done, and when, in ms.
fn script() -> Vec<(u64, Act)> {
    let start = |dose, rate_nl_per_h| Tell(PumpRequest::Start { dose, rate_nl_per_h });
    let bolus = |dose| Tell(PumpRequest::Bolus { dose, volume_nl: 5_000, duration_ms: 8_000 });
    let steps =
        vec![FlexStep { from_min: 0, rate_nl_per_h: 500_000 }, FlexStep { from_min: 601, rate_nl_per_h: 900_000 }];
    vec![
        (1_000, start(1, 1_000_000)),
        (2_000, start(2, 1)),
        (4_000, bolus(3)),
        // Told again under the same id, as after a lost reply.
        (6_000, bolus(3)),
        (14_000, Tell(PumpRequest::TelemetryOpen)),
        (14_500, start(4, 500_000)),
        (15_500, Tell(PumpRequest::TelemetryClose)),
        (18_000, Tell(PumpRequest::SetPatient { volume_nl: 2_000, duration_ms: 3_000, lockout_s: 60, daily_max: 3 })),
        (19_000, Tell(PumpRequest::PatientBolus { dose: 5 })),
        (24_500, Tell(PumpRequest::PatientBolus { dose: 6 })),
        (26_000, Plant("stall", 1.0)),
        (34_000, Tell(PumpRequest::Stop)),
        (34_200, Plant("stall", 0.0)),
        (35_000, start(7, 1_000_000)),
        (38_000, Plant("dip under load", 1.0)),
        (46_000, Tell(PumpRequest::MinimumRate)),
        (48_000, Tell(PumpRequest::StartFlex { dose: 8, minute_of_day: 599, steps })),
        (50_000, Tell(PumpRequest::SetReservoir { volume_nl: 3_000, low_nl: 2_000 })),
        (50_300, start(9, 1_000_000)),
        (50_400, Tell(PumpRequest::Stop)),
        (50_500, start(10, 1_000_000)),
        (66_000, Tell(PumpRequest::Stop)),
    ]
}

/// How a command was answered, without the time.
#[derive(Debug, PartialEq)]
enum Answer {
    Accepted { repeated: bool },
    Refused(RefusalKind, String),
    None,
}

fn answer(outcome: PumpOutcome) -> Answer {
    match outcome {
        PumpOutcome::Accepted { repeated, .. } => Answer::Accepted { repeated },
        PumpOutcome::Refused { kind, reason } => Answer::Refused(kind, reason),
        PumpOutcome::Unanswered { .. } => Answer::None,
    }
}

/// Plays the script; the answers, and the whole log at its end.
async fn play(server: &Server, began: Instant) -> (Vec<Answer>, Vec<PumpLogEntry>) {
    let path = PortPath::Path(server.port(&["stations", "1", "pump"]));
    let port = SerialPort { path, mode: SerialMode::plain(115_200) };
    let settings = Settings { deadline: Duration::from_millis(500) };
    let (mut link, _) = PumpLink::attach(&port, RunClock::new(), settings).await.expect("the pump answers");
    let mut answers = Vec::new();
    for (ms, act) in script() {
        sleep_until(began + Duration::from_millis(ms)).await;
        match act {
            Tell(request) => answers.push(answer(link.command(&request).await.expect("an answer").outcome)),
            Plant(name, value) => {
                let line = format!("{{\"stimulus\":{{\"name\":\"{name}\",\"value\":{value}}}}}");
                assert_eq!(server.plant("1", &line)["done"], true, "{line}");
            }
        }
    }
    sleep_until(began + Duration::from_secs(68)).await;
    let (mut log, mut from) = (Vec::new(), 0);
    loop {
        let page = link.log(from).await.expect("the log");
        let next = page.entries.last().map_or(page.next, |entry| entry.index + 1);
        log.extend(page.entries);
        if next >= page.next {
            return (answers, log);
        }
        from = next;
    }
}

#[test]
fn the_image_on_its_core_does_what_the_logic_on_the_host_does() {
    let (on_host, on_core) = (Bench::new(), Bench::new());
    let (host, core) = (Server::start(&on_host, "virtual"), Server::start(&on_core, "emulated"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let ((host_answers, host_log), (core_answers, core_log)) = runtime.block_on(async {
        let began = Instant::now() + Duration::from_millis(500);
        tokio::join!(play(&host, began), play(&core, began))
    });
    assert_eq!(host_answers, core_answers);
    let what = |log: &[PumpLogEntry]| log.iter().map(|entry| entry.what.clone()).collect::<Vec<_>>();
    assert_eq!(what(&host_log), what(&core_log));
    let told = |wanted: &str| what(&host_log).iter().any(|what| format!("{what:?}").contains(wanted));
    for wanted in ["motor stall", "low reservoir", "empty reservoir", "brown-out", "power on"] {
        assert!(told(wanted), "the script leads to '{wanted}': {host_log:?}");
    }
    assert!(host_log.len() >= 20, "the script is worth it: {host_log:?}");
    // A clock begins anew with each boot.
    let mut least_and_most: Option<(f64, f64)> = None;
    for (host, core) in host_log.iter().zip(&core_log) {
        let booted = matches!(host.what, PumpLogged::Booted { .. });
        let differs_ms = (core.pump_us as f64 - host.pump_us as f64) * 1e-3;
        if booted {
            least_and_most = None;
            continue;
        }
        let (least, most) = least_and_most.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let (least, most) = (least.min(differs_ms), most.max(differs_ms));
        assert!(most - least <= TOLERANCE_MS, "{host:?} came {} ms off: {core:?}", most - least);
        least_and_most = Some((least, most));
    }
    assert!(core.state()["tones"].as_u64() > Some(0), "the alarms sounded");
    host.stop();
    core.stop();
}
