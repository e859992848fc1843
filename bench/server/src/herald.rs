//! Tells people elsewhere of what they should hear: questions that a run asks, instruments that are away, jobs that did not pass,
//! stations in quarantine. By webhook or by e-mail, and to more people where nobody acts.
//!
//! Each recipient has a thread of his own, so that a server that hangs keeps nobody else waiting. Who was told stands in the store:
//! at least once, and twice only if the daemon is killed between the telling and the noting.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as MailTls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use serde_json::{Value, json};
use store::{JobState, Store, StoreError};
use tracing::{error, info, warn};
use ureq::Agent;

use crate::Config;
use crate::api::course::Courses;

/// How often it is looked what there is to tell.
const LOOK: Duration = Duration::from_secs(1);
/// How long a recipient's server may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pause after a first failure; it doubles, to [`AGAIN_MAX_MS`].
const AGAIN_MS: i64 = 5_000;
const AGAIN_MAX_MS: i64 = 300_000;
/// What has been due for longer is told nobody any more.
const TOLD_WITHIN: Duration = Duration::from_secs(86_400);
/// Jobs that ended longer ago are told nobody, though no daemon was there meanwhile.
const ENDED_WITHIN: Duration = Duration::from_secs(7 * 86_400);

/// Somebody who is told.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// His name, for the audit log.
    pub name: String,
    /// How.
    pub by: Channel,
    /// After so long only, of what is still open then.
    pub after: Duration,
}

/// How somebody is told.
#[derive(Debug, Clone)]
pub enum Channel {
    /// JSON is posted to a URL.
    Webhook(String),
    /// A letter is sent.
    Email {
        /// To whom.
        to: Mailbox,
        /// By which server.
        by: Arc<Smtp>,
    },
}

/// A server that takes letters.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Its name.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// From whom they are.
    pub from: Mailbox,
    /// How it is spoken to.
    pub encryption: Encryption,
    /// User and password, if it wants them.
    pub credentials: Option<(String, String)>,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Openly: a server on this host, or in the lab's own network.
    None,
    /// Openly at first, then by TLS, or not at all.
    StartTls,
    /// By TLS.
    Tls,
}

/// Something that people should hear of, for as long as nobody has acted on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matter {
    /// What makes it one and the same, whoever asks and whenever.
    pub(crate) key: String,
    /// In a line.
    pub(crate) subject: String,
    /// In full.
    pub(crate) text: String,
}

/// The threads that tell.
pub(crate) struct Herald {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Herald {
    pub(crate) fn start(config: &Arc<Config>, courses: &Courses) -> Result<Self, StoreError> {
        let over = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for recipient in config.recipients.clone() {
            let store = Store::open(&config.state, config.actor.clone())?;
            let work = Telling { config: Arc::clone(config), courses: courses.clone(), store, recipient };
            let over = Arc::clone(&over);
            threads.push(thread::spawn(move || work.go_on(&over)));
        }
        Ok(Self { over, threads })
    }

    /// Lets what is being told be told.
    pub(crate) fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that has panicked has said so.
            drop(thread.join());
        }
    }
}

/// What one recipient is told.
struct Telling {
    config: Arc<Config>,
    courses: Courses,
    store: Store,
    recipient: Recipient,
}

impl Telling {
    fn go_on(mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            if let Err(why) = self.look(over) {
                error!(recipient = self.recipient.name, %why, "cannot look what there is to tell");
            }
            thread::sleep(LOOK);
        }
    }

    fn look(&mut self, over: &AtomicBool) -> Result<(), StoreError> {
        for matter in self.matters(over)? {
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let key = format!("{}: {}", self.config.rig, matter.key);
            let since_ms = self.store.matter(&key)?;
            let now_ms = Timestamp::now().as_millisecond();
            let after_ms = i64::try_from(self.recipient.after.as_millis()).unwrap_or(i64::MAX);
            let notice = self.store.notice(&key, &self.recipient.name)?;
            let is_late =
                u128::try_from(now_ms - since_ms - after_ms).is_ok_and(|late_ms| late_ms > TOLD_WITHIN.as_millis());
            let is_due = now_ms - since_ms >= after_ms && now_ms >= notice.not_before_ms;
            if notice.sent || is_late || !is_due {
                continue;
            }
            let told = self.tell(&matter, since_ms);
            let again_ms = AGAIN_MS.saturating_mul(1 << notice.failures.min(16)).min(AGAIN_MAX_MS);
            let failed = told.as_ref().err().map(|why| (why.as_str(), again_ms));
            self.store.noticed(&key, &self.recipient.name, failed)?;
            if told.is_ok() {
                info!(recipient = self.recipient.name, subject = matter.subject, "told");
            }
            if let Err(why) = &told {
                warn!(recipient = self.recipient.name, subject = matter.subject, %why, "could not be told; it is tried again");
            }
        }
        Ok(())
    }

    /// All that is open now, among it how jobs ended badly of which nobody has taken note.
    fn matters(&mut self, over: &AtomicBool) -> Result<Vec<Matter>, StoreError> {
        let mut matters = Vec::new();
        // What was over before he was made known is no news of his; what is open now is.
        let known_ms = self.store.told_since(&self.config.rig, &self.recipient.name)?;
        let within = ENDED_WITHIN.saturating_add(self.recipient.after);
        let within_ms = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let since_ms = known_ms.max(Timestamp::now().as_millisecond().saturating_sub(within_ms));
        for job in self.store.open_jobs(&self.config.rig)?.iter().filter(|job| job.state == JobState::Running) {
            if let Some(run) = job.runs.last().filter(|run| run.verdict.is_none()) {
                let of_run = self.courses.matters(Path::new(&run.folder), over);
                let named = |matter: Matter| Matter {
                    key: format!("run {}: {}", run.run, matter.key),
                    subject: format!("station {}: {}", job.station, matter.subject),
                    ..matter
                };
                matters.extend(of_run.into_iter().map(named));
            }
        }
        for station in self.config.stations.keys() {
            if let Some((why, since)) = self.store.quarantined(&self.config.place(station))? {
                let until = if self.store.is_quarantined_by_check(&self.config.rig, station)? {
                    "a check passes or "
                } else {
                    ""
                };
                matters.push(Matter {
                    key: format!("station {station} in quarantine since {since}"),
                    subject: format!("station {station} is in quarantine"),
                    text: format!(
                        "{why}; no job begins there until {until}somebody has looked: \
                         `dosebench release {station} --because WHAT`"
                    ),
                });
            }
        }
        for job in self.store.unacknowledged_jobs(&self.config.rig, since_ms)? {
            let verdicts: Vec<&str> = job.runs.iter().filter_map(|run| run.verdict.as_deref()).collect();
            let verdicts = if verdicts.is_empty() { "no verdict".to_owned() } else { verdicts.join(", ") };
            let reason = job.reason.or_else(|| job.runs.iter().rev().find_map(|run| reason_of(Path::new(&run.folder))));
            let reason = reason.map_or_else(String::new, |reason| format!("; {reason}"));
            matters.push(Matter {
                key: format!("job {} ended", job.id),
                subject: format!("station {}: {} of {}: {verdicts}", job.station, job.title, job.submitter),
                text: format!(
                    "job {} ended with exit code {}: {verdicts}{reason}; `dosebench acknowledge {}` says that you know",
                    job.id,
                    job.exit_code.unwrap_or(0),
                    job.id
                ),
            });
        }
        Ok(matters)
    }

    fn tell(&self, matter: &Matter, since_ms: i64) -> Result<(), String> {
        let since = Timestamp::from_millisecond(since_ms).map(|since| since.to_string()).unwrap_or_default();
        let (rig, page) = (&self.config.rig_name, self.config.page());
        match &self.recipient.by {
            Channel::Webhook(url) => {
                let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
                let body = json!({
                    "rig": rig, "subject": matter.subject, "text": matter.text, "since": since,
                    "matter": matter.key, "to": self.recipient.name, "page": page,
                });
                let sent = agent.post(url).content_type("application/json").send(&body.to_string());
                sent.map(drop).map_err(|why| why.to_string())
            }
            Channel::Email { to, by } => {
                let letter = Message::builder()
                    .from(by.from.clone())
                    .to(to.clone())
                    .subject(format!("[{rig}] {}", matter.subject))
                    .body(format!("{}\r\n\r\nsince {since}\r\n{page}\r\n", matter.text))
                    .map_err(|why| why.to_string())?;
                by.transport()?.send(&letter).map(drop).map_err(|why| why.to_string())
            }
        }
    }
}

/// Why a run did not pass, as its summary says.
fn reason_of(folder: &Path) -> Option<String> {
    let summary = std::fs::read(folder.join("summary.json")).ok()?;
    let summary: Value = serde_json::from_slice(&summary).ok()?;
    summary["reason"].as_str().map(str::to_owned)
}

impl Smtp {
    fn transport(&self) -> Result<SmtpTransport, String> {
        let tls = || TlsParameters::new(self.server.clone()).map_err(|why| why.to_string());
        let tls = match self.encryption {
            Encryption::None => MailTls::None,
            Encryption::StartTls => MailTls::Required(tls()?),
            Encryption::Tls => MailTls::Wrapper(tls()?),
        };
        let builder = SmtpTransport::builder_dangerous(&self.server).port(self.port).timeout(Some(PATIENCE)).tls(tls);
        Ok(match &self.credentials {
            Some((user, password)) => builder.credentials(Credentials::new(user.clone(), password.clone())),
            None => builder,
        }
        .build())
    }
}
