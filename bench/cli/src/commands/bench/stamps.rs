//! How wrong the time stamps of a 100 Hz channel are, over a pseudo-terminal and by the driver that a run uses.
//!
//! Behind the pseudo-terminal a balance shows its own clock: the seconds since the beginning, as its mass. What it
//! showed is when it measured, so the stamp's error is the difference.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use drivers::mt_sics::Balance;
use drivers::transport::{PortPath, SerialMode, SerialPort};
use drivers::{RunClock, Settings};
use serde_json::{Value, json};
use serialport::TTYPort;

use crate::Failure;

const PERIOD: Duration = Duration::from_millis(10);
/// How long the balance waits for a byte before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(5);
const BAUD: u32 = 115_200;

/// The errors of so many stamps.
pub(super) fn measure(count: u64) -> Result<Value, Failure> {
    let (mut master, slave) = TTYPort::pair().map_err(Failure::bench)?;
    let path = serialport::SerialPort::name(&slave).ok_or_else(|| Failure::bench("the pseudo-terminal has no path"))?;
    drop(slave);
    serialport::SerialPort::set_timeout(&mut master, LOOK).map_err(Failure::bench)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
    let wanted = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&wanted);
    let measured = runtime.block_on(async {
        let (clock, epoch) = (RunClock::new(), Instant::now());
        let balance = std::thread::spawn(move || show_time(master, epoch, &still));
        let port = SerialPort { path: PortPath::Path(path), mode: SerialMode::plain(BAUD) };
        let errors = errors(&port, clock, count).await;
        wanted.store(false, Ordering::Relaxed);
        drop(balance.join());
        errors
    });
    let (mut errors_us, covered) = measured?;
    errors_us.sort_by(f64::total_cmp);
    let quantile = |q: f64| errors_us[((errors_us.len() - 1) as f64 * q).round() as usize];
    Ok(json!({
        "stamps": errors_us.len(),
        "p50_us": quantile(0.5),
        "p99_us": quantile(0.99),
        "max_us": quantile(1.0),
        "within_uncertainty": covered as f64 / errors_us.len() as f64,
    }))
}

/// Each stamp's error in µs, and how many are covered by the uncertainty that the driver gave with them.
async fn errors(port: &SerialPort, clock: RunClock, count: u64) -> Result<(Vec<f64>, usize), Failure> {
    let (mut balance, _) = Balance::attach(port, clock, Settings::default()).await.map_err(Failure::bench)?;
    let mut errors_us = Vec::new();
    let mut covered = 0;
    let mut ticks = tokio::time::interval(PERIOD);
    for _ in 0..count.max(1) {
        ticks.tick().await;
        let weighed = balance.weigh().await.map_err(Failure::bench)?;
        let shown_s = weighed.mass_g.ok_or_else(|| Failure::bench("the clock is beyond the balance's range"))?;
        let error_ns = (weighed.at.ns() as f64 - shown_s * 1e9).abs();
        errors_us.push(error_ns * 1e-3);
        // The clock is shown in whole microseconds.
        covered += usize::from(error_ns <= weighed.u_ns as f64 + 1e3);
    }
    Ok((errors_us, covered))
}

/// A balance whose mass in g is the seconds since `epoch`.
fn show_time(mut master: TTYPort, epoch: Instant, wanted: &AtomicBool) {
    let (mut line, mut bytes) = (Vec::new(), [0; 64]);
    while wanted.load(Ordering::Relaxed) {
        match master.read(&mut bytes) {
            Ok(count) => line.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::TimedOut => continue,
            // Nobody is attached yet.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
        }
        while let Some(end) = line.windows(2).position(|two| two == b"\r\n") {
            let answer = match &line[..end] {
                b"SI" => format!("S S {:>10.6} g\r\n", epoch.elapsed().as_secs_f64()),
                b"@" => "I4 A \"0\"\r\n".to_owned(),
                b"I2" => "I2 A \"CLOCK SIMULATED\"\r\n".to_owned(),
                _ => "ES\r\n".to_owned(),
            };
            line.drain(..end + 2);
            if master.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}
