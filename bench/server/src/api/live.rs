//! The events of a run as they get to its record, from any of them on.
//!
//! They come from the record: whoever watches costs the run nothing, and whoever was away asks for what came meanwhile by the
//! number of the first event that he has not seen.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use record::Follow;
use serde::{Deserialize, Serialize};
use store::JobState;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::{Shared, runs};
use crate::caller::Caller;

/// How often the record is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How many events wait for a client.
const WAITING: usize = 256;
/// A client that takes nothing for so long is gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// A sign of life where nothing happens.
const ALIVE: Duration = Duration::from_secs(2);
/// How often it is asked whether a run without an end is over all the same.
const ASK: Duration = Duration::from_secs(2);
/// Who comes back says here what he has seen.
const LAST_EVENT_ID: &str = "last-event-id";

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The number of the first event; 0 unless given.
    #[param(minimum = 0)]
    from: Option<u64>,
    /// Whether readings are wanted as well; they are unless this is false.
    readings: Option<bool>,
}

/// An event of the stream.
#[derive(Debug, Serialize, ToSchema)]
struct SentEvent {
    /// `message` for an event of the record; else what ends the stream: `end`, `interrupted` or `problem`.
    event: Option<String>,
    /// The event's number.
    id: Option<String>,
    /// The event's text in the record, JSON.
    data: String,
}

/// A run's events as they happen
///
/// Server-sent events: each has the event's number as its id and its text in the record, JSON, as data. `Last-Event-ID` goes on
/// behind an event. The last one has a type of its own: `end`, the record has its end, with the number of events as data;
/// `interrupted`, the job is over and the record lacks its end; `problem`, the record cannot be read, with why as data.
#[utoipa::path(get, path = "/api/v1/runs/{run}/events", tag = "runs",
    params(("run" = String, Path, description = "Its id"), Wanted,
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that was seen, in the place of `from`")), responses(
        (status = 200, description = "The events", body = SentEvent, content_type = "text/event-stream"),
        (status = 400, description = "No such number", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such run", body = Problem),
        (status = 503, description = "Too many watch already", body = Problem)
    )
)]
pub(crate) async fn events(
    State(shared): State<Shared>,
    caller: Caller,
    run: Result<UrlPath<String>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let (UrlPath(run), Query(wanted)) = (run?, wanted?);
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(|id| id.parse::<u64>().ok());
    let from = seen.map(|seen| seen.saturating_add(1)).or(wanted.from).unwrap_or(0);
    let folder = runs::folder(&shared, &run).await?;
    let permit = std::sync::Arc::clone(&shared.watchers).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy("expected fewer that watch at once; try again later"))?;
    let (give, given) = channel(WAITING);
    let feed = Feed {
        shared: shared.clone(),
        run,
        from,
        readings: wanted.readings.unwrap_or(true),
        give,
        handle: Handle::current(),
        over: shared.over,
        caller,
        _permit: permit,
    };
    drop(tokio::task::spawn_blocking(move || feed.follow(&folder)));
    Ok(Sse::new(ReceiverStream::new(given)).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// What one client is given.
struct Feed {
    shared: Shared,
    run: String,
    from: u64,
    readings: bool,
    give: Sender<Result<Event, Infallible>>,
    handle: Handle,
    over: watch::Receiver<bool>,
    caller: Caller,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    fn follow(mut self, folder: &Path) {
        let mut follow = Follow::new(folder);
        let mut asked = std::time::Instant::now();
        loop {
            let mut there = true;
            // Asked first: what is read then is all that there will be.
            let is_over = asked.elapsed() >= ASK && self.is_over(&mut asked);
            let read = follow.more(|seq, text| {
                if there && seq >= self.from && (self.readings || !is_reading(text)) {
                    let text = String::from_utf8_lossy(text);
                    there = self.send(Event::default().id(seq.to_string()).data(text));
                }
            });
            if let Err(why) = read {
                self.send(Event::default().event("problem").data(why.to_string()));
                return;
            }
            if there && follow.has_ended() {
                self.send(Event::default().event("end").data(follow.events().to_string()));
                return;
            }
            if there && is_over {
                self.send(Event::default().event("interrupted").data(follow.events().to_string()));
                return;
            }
            let may = self.caller.still_may(&self.shared, &self.handle);
            if !there || !may || self.give.is_closed() || *self.over.borrow() {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether the client has taken it.
    fn send(&self, event: Event) -> bool {
        self.handle.block_on(self.give.send_timeout(Ok(event), PATIENCE)).is_ok()
    }

    /// Whether nobody works on the run any more, although its record lacks its end. What no job has made may go on.
    fn is_over(&self, asked: &mut std::time::Instant) -> bool {
        *asked = std::time::Instant::now();
        is_over(&self.shared, &self.run, &self.handle)
    }
}

/// Whether the job of a run is over. What no job has made may go on.
pub(super) fn is_over(shared: &Shared, run: &str, handle: &Handle) -> bool {
    let run = run.to_owned();
    let job = handle.block_on(shared.with(move |store| Ok(store.job_of_run(&run)?)));
    job.ok().flatten().is_some_and(|job| job.state == JobState::Ended)
}

/// Whether an event's text is that of a reading, as the record writes it.
fn is_reading(text: &[u8]) -> bool {
    const KIND: &[u8] = b"\"kind\":{\"reading\"";
    // It stands behind number, time and station.
    text.windows(KIND.len()).take(256).any(|at| at == KIND)
}
