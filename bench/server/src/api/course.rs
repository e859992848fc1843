//! Runs' courses for a page that shows them: about a message a second for each, however long it is and whenever somebody comes.
//!
//! A run is followed once for all who look at it; each is sent what is new for him, and of all his runs over one stream: a browser
//! has few connections to a host.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use domain::Event;
use record::Follow;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tracing::warn;
use utoipa::IntoParams;

use super::live::{PATIENCE, is_over};
use super::problem::Problem;
use super::{Shared, runs};
use crate::caller::Caller;
use crate::course::{Course, Sent};
use crate::herald::Matter;

/// How often news are sent.
const EVERY: Duration = Duration::from_secs(1);
/// A record that was looked at within this is not looked at again.
const FRESH: Duration = Duration::from_millis(500);
/// A long record is folded piece by piece: whoever has gone away meanwhile keeps nobody.
const PIECE: Duration = Duration::from_millis(100);
/// One that could not be read is read anew from its beginning after this.
const AGAIN: Duration = Duration::from_secs(10);
/// So many runs are kept that nobody looks at now, the last ones that somebody did.
const KEPT_MAX: usize = 16;
/// So many may one ask for at once.
const RUNS_MAX: usize = 32;
/// Messages that wait for a client; one that does not take them misses none, but is sent more at once.
const WAITING: usize = 1;

/// A run's folder, and what is followed there.
type Kept = (PathBuf, Arc<Mutex<Followed>>);

/// The runs that somebody looks at, the last one first.
#[derive(Clone, Default)]
pub(crate) struct Courses(Arc<Mutex<Vec<Kept>>>);

impl Courses {
    fn of(&self, folder: &Path) -> Arc<Mutex<Followed>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|(of, _)| of == folder).map(|at| kept.remove(at));
        let run = known.map_or_else(|| Arc::new(Mutex::new(Followed::new(folder))), |(_, run)| run);
        kept.insert(0, (folder.to_owned(), Arc::clone(&run)));
        let mut idle = 0;
        kept.retain(|(_, run)| {
            idle += usize::from(Arc::strong_count(run) == 1);
            Arc::strong_count(run) > 1 || idle <= KEPT_MAX
        });
        run
    }

    /// What people should hear of a run now.
    pub(crate) fn matters(&self, folder: &Path, over: &AtomicBool) -> Vec<Matter> {
        let run = self.of(folder);
        while !over.load(Ordering::Relaxed) {
            let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
            // What was open in the midst of it need not be now.
            if run.look() {
                return run.course.matters();
            }
        }
        Vec::new()
    }
}

/// A run that is followed.
struct Followed {
    folder: PathBuf,
    follow: Follow,
    course: Course,
    looked: Option<Instant>,
    /// Whether there is more on the disk than was taken.
    is_behind: bool,
    /// When its record last grew, as far as was seen.
    grew: Instant,
    /// Why it could not be read, and when that was.
    trouble: Option<(String, Instant)>,
    /// Each reading from the first on is another course, of which clients know nothing.
    reading: u64,
}

impl Followed {
    fn new(folder: &Path) -> Self {
        let (folder, follow) = (folder.to_owned(), Follow::new(folder));
        let course = Course::default();
        let grew = Instant::now();
        Self { folder, follow, course, looked: None, is_behind: false, grew, trouble: None, reading: 0 }
    }

    /// Takes what has got to the disk since, or a piece of it; whether that was all.
    fn look(&mut self) -> bool {
        match &self.trouble {
            Some((_, at)) if at.elapsed() < AGAIN => return true,
            Some(_) => {
                let reading = self.reading + 1;
                *self = Self { reading, ..Self::new(&self.folder.clone()) };
            }
            None if !self.is_behind && self.looked.is_some_and(|looked| looked.elapsed() < FRESH) => return true,
            None => {}
        }
        let Self { follow, course, .. } = self;
        let (before, mut unreadable) = (follow.events(), None);
        let until = Instant::now() + PIECE;
        let read = follow.more_until(
            || Instant::now() > until,
            |seq, text| match serde_json::from_slice::<Event>(text) {
                Ok(event) => course.apply(&event),
                Err(why) => drop(unreadable.get_or_insert(format!("event {seq}: {why}"))),
            },
        );
        self.is_behind = matches!(read, Ok(false)) && unreadable.is_none();
        if let Some(why) = read.err().map(|why| why.to_string()).or(unreadable) {
            warn!(folder = %self.folder.display(), why, "a record cannot be shown");
            self.trouble = Some((why, Instant::now()));
        }
        if self.follow.events() > before {
            self.grew = Instant::now();
        }
        self.looked = Some(Instant::now());
        !self.is_behind
    }

    /// What is new for a client.
    fn news(&mut self, sent: &mut (u64, Sent)) -> Value {
        if sent.0 != self.reading {
            *sent = (self.reading, Sent::default());
        }
        let mut news = self.course.news(&mut sent.1);
        news["trouble"] = json!(self.trouble.as_ref().map(|(why, _)| format!("its record cannot be shown: {why}")));
        news["silent_s"] = json!(self.grew.elapsed().as_secs());
        news
    }
}

/// Which courses.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// The runs' ids, with commas between them; 32 at most.
    runs: String,
}

/// A run of a client's.
struct One {
    run: String,
    followed: Arc<Mutex<Followed>>,
    sent: (u64, Sent),
    over: bool,
}

/// Runs' courses for a page
///
/// Server-sent events: about one `course` a second and run, its data JSON, with the run's id as `run`. `channels` has of each channel
/// its last value and the least, greatest and mean values (`low`, `high`, `mean`) in buckets of `bucket_s` from run time zero on, from
/// bucket `from` on; what was sent of it before is to be cut there, or thrown away where `bucket_s` has changed. `told` is what
/// happened since the last message, `silent_s` for how long the record has not grown. The stream ends when all runs have.
#[utoipa::path(get, path = "/api/v1/courses", tag = "runs", params(Asked), responses(
    (status = 200, description = "The courses", body = String, content_type = "text/event-stream"),
    (status = 400, description = "No runs are named", body = Problem),
    (status = 403, description = "The request was not meant for this daemon", body = Problem),
    (status = 404, description = "No such run", body = Problem),
    (status = 422, description = "Too many runs", body = Problem),
    (status = 503, description = "Too many watch already", body = Problem)
))]
pub(crate) async fn courses(
    State(shared): State<Shared>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Problem> {
    let Query(Asked { runs: asked }) = asked?;
    let mut all = Vec::new();
    for run in asked.split(',') {
        if all.len() >= RUNS_MAX {
            return Err(Problem::input(format!("expected {RUNS_MAX} runs at most")));
        }
        let followed = shared.courses.of(&runs::folder(&shared, run).await?);
        all.push(One { run: run.to_owned(), followed, sent: (0, Sent::default()), over: false });
    }
    let permit = Arc::clone(&shared.watchers).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy("expected fewer that watch at once; try again later"))?;
    let (give, given) = channel(WAITING);
    let handle = Handle::current();
    drop(tokio::task::spawn_blocking(move || {
        follow(&shared, caller, all, &give, &handle);
        drop(permit);
    }));
    Ok(Sse::new(ReceiverStream::new(given)).keep_alive(KeepAlive::new().interval(EVERY * 5)))
}

fn follow(
    shared: &Shared,
    mut caller: Caller,
    mut all: Vec<One>,
    give: &Sender<Result<SseEvent, Infallible>>,
    handle: &Handle,
) {
    let mut goes_on = true;
    while goes_on && !give.is_closed() && !*shared.over.borrow() && caller.still_may(shared, handle) {
        goes_on = false;
        for one in all.iter_mut().filter(|one| !one.over) {
            // Asked first: what is read then is all that there will be.
            let over = is_over(shared, &one.run, handle);
            let (mut news, ended) = loop {
                let mut followed = one.followed.lock().unwrap_or_else(PoisonError::into_inner);
                if followed.look() {
                    break (followed.news(&mut one.sent), followed.follow.has_ended());
                }
                if give.is_closed() || *shared.over.borrow() {
                    return;
                }
            };
            news["run"] = json!(one.run);
            let event = SseEvent::default().event("course").data(news.to_string());
            if handle.block_on(give.send_timeout(Ok(event), PATIENCE)).is_err() {
                return;
            }
            one.over = over || ended;
            goes_on |= !one.over;
        }
        std::thread::sleep(EVERY);
    }
}
