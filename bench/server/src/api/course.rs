//! A run's course for a page that shows it: a message a second, however long the run is and whenever somebody comes.
//!
//! A run is followed once for all who look at it; each is sent what is new for him.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path as UrlPath, State};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use domain::Event;
use record::Follow;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use super::live::{PATIENCE, is_over};
use super::problem::Problem;
use super::{Shared, runs};
use crate::course::{Course, Sent};
use crate::herald::Matter;

/// How often news are sent.
const EVERY: Duration = Duration::from_secs(1);
/// A record that was looked at within this is not looked at again.
const FRESH: Duration = Duration::from_millis(500);
/// So many runs are kept that somebody may look at again.
const KEPT_MAX: usize = 16;
/// Messages that wait for a client; one that does not take them misses none, but is sent more at once.
const WAITING: usize = 1;

/// The runs that somebody looks at, the last one first.
#[derive(Clone, Default)]
pub(crate) struct Courses(Arc<Mutex<Vec<Kept>>>);

impl Courses {
    fn of(&self, folder: &Path) -> Arc<Mutex<Followed>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|(of, _)| of == folder).map(|at| kept.remove(at));
        let run = known.map_or_else(|| Arc::new(Mutex::new(Followed::new(folder))), |(_, run)| run);
        kept.insert(0, (folder.to_owned(), Arc::clone(&run)));
        kept.truncate(KEPT_MAX);
        run
    }

    /// What people should hear of a run now.
    pub(crate) fn matters(&self, folder: &Path) -> Vec<Matter> {
        let run = self.of(folder);
        let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
        run.look();
        run.course.matters()
    }
}

/// A run's folder, and what is followed there.
type Kept = (PathBuf, Arc<Mutex<Followed>>);

/// A run that is followed.
struct Followed {
    follow: Follow,
    course: Course,
    looked: Option<Instant>,
    trouble: Option<String>,
}

impl Followed {
    fn new(folder: &Path) -> Self {
        Self { follow: Follow::new(folder), course: Course::default(), looked: None, trouble: None }
    }

    /// Takes what has got to the disk since.
    fn look(&mut self) {
        if self.trouble.is_some() || self.looked.is_some_and(|looked| looked.elapsed() < FRESH) {
            return;
        }
        let Self { follow, course, trouble, .. } = self;
        let mut unreadable = None;
        let read = follow.more(|seq, text| match serde_json::from_slice::<Event>(text) {
            Ok(event) => course.apply(&event),
            Err(why) => drop(unreadable.get_or_insert(format!("event {seq}: {why}"))),
        });
        *trouble = read.err().map(|why| why.to_string()).or(unreadable);
        self.looked = Some(Instant::now());
    }
}

/// A run's course for a page
///
/// Server-sent events: about one `course` a second, its data JSON. `channels` has of each channel its last value and the least and
/// greatest values (`low`, `high`) in buckets of `bucket_s` from run time zero on, from bucket `from` on; what was sent of it before
/// is to be cut there, or thrown away where `bucket_s` has changed. `told` is what happened since the last message. The last one is
/// `end`, or `problem` with why as data.
#[utoipa::path(get, path = "/api/v1/runs/{run}/course", tag = "runs", params(("run" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The course", body = String, content_type = "text/event-stream"),
        (status = 400, description = "No such path", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such run", body = Problem),
        (status = 503, description = "Too many watch already", body = Problem)
    )
)]
pub(crate) async fn course(
    State(shared): State<Shared>,
    run: Result<UrlPath<String>, PathRejection>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Problem> {
    let UrlPath(run) = run?;
    let folder = runs::folder(&shared, &run).await?;
    let permit = Arc::clone(&shared.watchers).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy("expected fewer that watch at once; try again later"))?;
    let (give, given) = channel(WAITING);
    let (followed, handle) = (shared.courses.of(&folder), Handle::current());
    drop(tokio::task::spawn_blocking(move || {
        follow(&shared, &run, &followed, &give, &handle);
        drop(permit);
    }));
    Ok(Sse::new(ReceiverStream::new(given)).keep_alive(KeepAlive::new().interval(EVERY * 5)))
}

fn follow(
    shared: &Shared,
    run: &str,
    followed: &Mutex<Followed>,
    give: &Sender<Result<SseEvent, Infallible>>,
    handle: &Handle,
) {
    let send = |event: SseEvent| handle.block_on(give.send_timeout(Ok(event), PATIENCE)).is_ok();
    let mut sent = Sent::default();
    loop {
        // Asked first: what is read then is all that there will be.
        let over = is_over(shared, run, handle);
        let (news, has_ended, trouble) = {
            let mut followed = followed.lock().unwrap_or_else(PoisonError::into_inner);
            followed.look();
            (followed.course.news(&mut sent), followed.follow.has_ended(), followed.trouble.clone())
        };
        if !send(SseEvent::default().event("course").data(news.to_string())) {
            return;
        }
        if let Some(why) = trouble {
            send(SseEvent::default().event("problem").data(why));
            return;
        }
        if has_ended || over {
            send(SseEvent::default().event("end").data(""));
            return;
        }
        if give.is_closed() || *shared.over.borrow() {
            return;
        }
        std::thread::sleep(EVERY);
    }
}
