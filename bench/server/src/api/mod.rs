//! The API: routes, and what they share.
//!
//! Handlers look into the store and into runs' folders, on threads that may wait; none of them drives anything.

#![expect(unused_qualifications, reason = "what utoipa makes of a parameter's type has them")]

mod accept;
pub(crate) mod course;
mod files;
mod jobs;
mod live;
mod metrics;
mod new_job;
mod object;
mod page;
pub(crate) mod problem;
mod rig;
mod runs;
mod session;
mod status;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use store::{Actor, Store};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Config;
use crate::caller::{Caller, Sessions, admit};
use crate::guard::guard;
use crate::queue::Waker;
use problem::Problem;

/// A scenario of 1 MiB in JSON, with what JSON makes of its line feeds.
const BODY_MAX: usize = 3 * 1024 * 1024;
/// So many follow runs at once, at most: each has a thread.
const WATCHERS_MAX: usize = 400;
/// So many scenarios are checked at once, at most: others wait.
const CHECKS_MAX: usize = 4;
/// So many words to runs are under way at once, at most: no check keeps an answer waiting.
const WORDS_MAX: usize = 4;
/// How long such a process may take.
pub(crate) const HELPER_WITHIN: Duration = Duration::from_secs(15);
/// How long a request may take until its answer begins.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// How long requests may take to end when the daemon does.
const ENDED_WITHIN: Duration = Duration::from_secs(2);

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    store: Arc<Mutex<Store>>,
    pub(crate) waker: Waker,
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) courses: course::Courses,
    pub(crate) sessions: Sessions,
    /// Who checks a scenario, in a process of this program.
    pub(crate) checks: Arc<Semaphore>,
    /// Who says something to a run, in a process of this program.
    pub(crate) words: Arc<Semaphore>,
    /// Becomes true when the daemon ends.
    pub(crate) over: watch::Receiver<bool>,
}

impl Shared {
    /// Does something with the store, on a thread that may wait; what is changed by it, the daemon changes.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.as_actor(self.config.actor.clone(), work).await
    }

    /// The same for a caller who calls himself so.
    pub(crate) async fn with_as<T: Send + 'static>(
        &self,
        (caller, claimed): (&Caller, &str),
        work: impl FnOnce(&mut Store) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.as_actor(Actor(caller.actor(claimed, &self.config.actor.0)), work).await
    }

    async fn as_actor<T: Send + 'static>(
        &self,
        actor: Actor,
        work: impl FnOnce(&mut Store) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        blocking(move || {
            // Nothing is half done in a store: each change is a transaction.
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.acts_for(actor);
            work(&mut store)
        })
        .await
    }
}

/// Does something on a thread that may wait, as one of so many at once; others wait meanwhile.
pub(crate) async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    // It is never closed.
    let turn = Arc::clone(turns).acquire_owned().await.ok();
    blocking(move || {
        // A client that goes away meanwhile does not give his turn to another before the work is done.
        let _turn = turn;
        work()
    })
    .await
}

/// Does something on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|why| Err(Problem::ours(why)))
}

/// A request whose body does not come is not waited for; what an answer streams takes as long as it does.
async fn within(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(ANSWERED_WITHIN, next.run(request)).await;
    answered.unwrap_or_else(|_| Problem::late().into_response())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "dosebench",
        description = "Jobs at the stations of a rig, and the runs that come of them. Moments are RFC 3339; an event's time is \
                       in ns since its run began."
    ),
    tags(
        (name = "jobs", description = "What is to be done, and what became of it"),
        (name = "runs", description = "Runs: their events, their files, and a word to those under way"),
        (name = "rig", description = "The rig and its stations")
    )
)]
struct Description;

/// Routes with their description.
fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(status::status))
        .routes(routes!(rig::rig))
        .routes(routes!(metrics::metrics))
        .routes(routes!(session::begin))
        .routes(routes!(jobs::list, jobs::submit))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::acknowledge))
        .routes(routes!(jobs::log))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(live::events))
        .routes(routes!(course::courses))
        .routes(routes!(runs::answer))
        .routes(routes!(runs::note))
        .routes(routes!(files::list))
        .routes(routes!(files::fetch))
        .routes(routes!(status::release))
        .routes(routes!(status::openapi))
}

/// The API's description as OpenAPI, in JSON.
#[must_use]
pub fn description() -> String {
    let (_, mut description) = routes().split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut description.info.version);
    let mut description = serde_json::to_value(&description).unwrap_or_default();
    if let Some(paths) = description["paths"].as_object_mut() {
        // What the router writes for the rest of a path is a plain parameter there.
        *paths = std::mem::take(paths).into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
            let responses = operation["responses"].as_object_mut();
            responses.into_iter().flat_map(|all| all.values_mut()).for_each(problem_by_its_name);
        }
        for (path, operation) in paths.iter_mut().filter_map(|(path, item)| Some((path, item.as_object_mut()?))) {
            for operation in operation.values_mut().filter(|_| !path.ends_with("/openapi.json")) {
                wants_a_token(operation);
            }
        }
    }
    description["components"]["securitySchemes"]["token"] = json!({"type": "http", "scheme": "bearer"});
    serde_json::to_string_pretty(&description).unwrap_or_default()
}

/// Where tokens are needed, each operation but the description's wants one.
fn wants_a_token(operation: &mut Value) {
    operation["security"] = json!([{}, {"token": []}]);
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    let content = json!({problem::PROBLEM_JSON: {"schema": schema}});
    for (status, description) in [
        ("401", "A token is needed, or is none"),
        ("408", "The request did not come, or its answer took too long"),
        ("500", "The daemon or its host has failed"),
        ("503", "The daemon has too much to do"),
    ] {
        let known = &mut operation["responses"][status];
        if known.is_null() {
            *known = json!({"description": description, "content": content});
        }
    }
}

/// A problem has a media type of its own (RFC 9457).
fn problem_by_its_name(response: &mut Value) {
    const OURS: &str = "#/components/schemas/Problem";
    if response["content"][problem::JSON]["schema"]["$ref"] == OURS
        && let Some(content) = response["content"].as_object_mut()
        && let Some(body) = content.remove(problem::JSON)
    {
        content.insert(problem::PROBLEM_JSON.to_owned(), body);
    }
}

/// The API's threads.
pub(crate) struct Api {
    over: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Api {
    pub(crate) fn start(
        config: Arc<Config>,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        courses: course::Courses,
        store: Store,
        waker: Waker,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        listener.set_nonblocking(true)?;
        let (over, is_over) = watch::channel(false);
        let shared = Shared {
            config,
            store: Arc::new(Mutex::new(store)),
            waker,
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            courses,
            sessions: Sessions::default(),
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            words: Arc::new(Semaphore::new(WORDS_MAX)),
            over: is_over.clone(),
        };
        let (router, _) = routes().split_for_parts();
        let router: Router = router
            .merge(page::routes())
            .fallback(async || Problem::missing("expected a path of the API, see /api/v1/openapi.json"))
            .method_not_allowed_fallback(async || Problem::no_such_method())
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .layer(from_fn_with_state(shared.clone(), admit))
            .layer(from_fn(within))
            .layer(from_fn_with_state(shared.clone(), guard))
            .with_state(shared);
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let thread = thread::spawn(move || {
            runtime.block_on(accept::accept(&listener, tls.as_ref(), &router, is_over));
            runtime.shutdown_timeout(ENDED_WITHIN);
        });
        Ok(Self { over, thread })
    }

    /// Takes no more requests, and lets those under way end.
    pub(crate) fn stop(self) {
        // Nobody may listen any more.
        let _ = self.over.send(true);
        let until = std::time::Instant::now() + ENDED_WITHIN;
        while !self.thread.is_finished() && std::time::Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
    }
}
