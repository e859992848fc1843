//! Who asks, and whether he may: by the token that a request brings, or, where none is needed, as somebody of this host.
//!
//! What a request needs follows from its method and path alone, so that no handler can forget to ask.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use store::{Scope, StoreError, Token};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::api::Shared;
use crate::api::problem::Problem;

/// The cookie that brings a browser's session.
pub(crate) const COOKIE_NAME: &str = "dosebench_session";
/// So many sessions at once; the oldest end.
const SESSIONS_MAX: usize = 1000;
/// How often it is asked whether a stream's token still allows it.
const ASK: Duration = Duration::from_secs(5);
/// Longer than any token.
const TOKEN_MAX: usize = 256;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The name under which access was granted; nothing for somebody of this host, who need not say.
    granted: Option<String>,
    /// By what, and when that was last looked at.
    token: Option<(Token, Instant)>,
}

/// Browsers' sessions: of each its secret and the token that it stands for.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<VecDeque<(String, Token)>>>);

impl Sessions {
    /// Begins one; its secret.
    pub(crate) fn begin(&self, token: Token) -> Result<String, StoreError> {
        let secret = Token::random()?.reveal().to_owned();
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.truncate(SESSIONS_MAX - 1);
        sessions.push_front((secret.clone(), token));
        Ok(secret)
    }

    /// Ends one.
    pub(crate) fn end(&self, secret: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| known != secret);
    }

    /// The token that a secret stands for.
    fn token(&self, secret: &str) -> Option<Token> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().find(|(known, _)| known == secret).map(|(_, token)| token.clone())
    }
}

impl Caller {
    /// Whether what allowed a stream still does; asked now and then, on a thread that may wait.
    pub(crate) fn still_may(&mut self, shared: &Shared, handle: &Handle) -> bool {
        let Some((token, asked)) = &mut self.token else { return true };
        if asked.elapsed() < ASK {
            return true;
        }
        *asked = Instant::now();
        let token = token.clone();
        // A store that fails now says nothing of the token.
        handle.block_on(shared.with(move |store| Ok(store.access_of(&token)?))).is_ok_and(|access| access.is_some())
    }

    /// How the audit log calls somebody who calls himself so; `ours` is the daemon through which he acts.
    pub(crate) fn actor(&self, claimed: &str, ours: &str) -> String {
        match &self.granted {
            Some(granted) => format!("{granted} (by token, for {claimed}) over {ours}"),
            None => format!("{claimed} (as he says) over {ours}"),
        }
    }

    /// How a record calls somebody who calls himself so.
    pub(crate) fn signed(&self, claimed: &str) -> String {
        // Nobody takes a token's name by writing it behind his own.
        let claimed = claimed.replace("(token of", "(he says: token of");
        self.granted.as_ref().map_or_else(|| claimed.clone(), |granted| format!("{claimed} (token of {granted})"))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::ours("a request came past the door"))
    }
}

/// What a request needs; nothing for what says nothing of the rig.
fn needed(method: &Method, path: &str) -> Option<Scope> {
    let api = path.strip_prefix("/api/v1/")?;
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if reads {
        return (api != "openapi.json").then_some(Scope::View);
    }
    match api.rsplit('/').next() {
        // Who brings no token lets go of his session.
        Some("session") => None,
        Some("jobs" | "cancel") => Some(Scope::Run),
        Some("answers" | "notes" | "acknowledge") => Some(Scope::Operate),
        _ => Some(Scope::Administer),
    }
}

/// Lets a request pass whose caller may do what it asks.
pub(crate) async fn admit(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let needed = needed(request.method(), request.uri().path());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let token = token_of(&shared, request.headers(), reads);
    match of(&shared, needed, token).await {
        Ok(caller) => {
            let asked = (!reads).then(|| (request.method().clone(), request.uri().path().to_owned(), caller.clone()));
            request.extensions_mut().insert(caller);
            let answer = next.run(request).await;
            if let Some((method, path, caller)) = asked {
                let granted = caller.granted.as_deref().unwrap_or("somebody of this host");
                info!(%method, path, caller = granted, status = answer.status().as_u16(), "asked");
            }
            answer
        }
        Err(problem) => {
            warn!(method = %request.method(), path = request.uri().path(), status = problem.status, "refused");
            problem.into_response()
        }
    }
}

/// The token that a request brings itself, or by a session where it only reads.
fn token_of(shared: &Shared, headers: &HeaderMap, reads: bool) -> Result<Option<Token>, Problem> {
    let session = || cookie(headers).filter(|_| reads).and_then(|secret| shared.sessions.token(secret));
    Ok(bearer(headers)?.or_else(session))
}

async fn of(shared: &Shared, needed: Option<Scope>, token: Result<Option<Token>, Problem>) -> Result<Caller, Problem> {
    let Some(token) = token? else {
        return match needed {
            Some(scope) if shared.config.tokens => Err(Problem::unknown(format!(
                "expected a token that allows to {}, but found none; ask for one, and send it as 'Authorization: Bearer …'",
                scope.name()
            ))),
            _ => Ok(Caller { granted: None, token: None }),
        };
    };
    // Whatever it is for: one that is wrong is told as soon as it is used.
    let asked = token.clone();
    let access = shared.with(move |store| Ok(store.access_of(&asked)?)).await?;
    let access = access.ok_or_else(|| {
        Problem::unknown("expected a token that was granted and is not over, but found another; ask for a new one")
    })?;
    match needed {
        Some(scope) if access.scope < scope => Err(Problem::forbidden(format!(
            "expected a token that allows to {}, but that of {} allows to {}; ask for another",
            scope.name(),
            access.name,
            access.scope.name()
        ))),
        _ => Ok(Caller { granted: Some(access.name), token: Some((token, Instant::now())) }),
    }
}

/// The secret of a browser's session, if it brings one.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == COOKIE_NAME);
    ours.next().map(|(_, secret)| secret)
}

/// The token that a request brings, if it brings one.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<Token>, Problem> {
    let Some(given) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = given.to_str().ok().and_then(|given| given.split_once(' '));
    let token = token.filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_MAX);
    let wrong = || Problem::unknown("expected 'Authorization: Bearer …' with a token, but found something else");
    token.map(|(_, token)| Some(Token::new(token))).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_needs_follows_from_its_method_and_path() {
        for (method, path, scope) in [
            (Method::GET, "/", None),
            (Method::GET, "/api/v1/openapi.json", None),
            (Method::GET, "/api/v1/status", Some(Scope::View)),
            (Method::HEAD, "/api/v1/runs/x/files/openapi.json", Some(Scope::View)),
            (Method::POST, "/api/v1/jobs", Some(Scope::Run)),
            (Method::POST, "/api/v1/jobs/3/cancel", Some(Scope::Run)),
            (Method::POST, "/api/v1/runs/x/answers", Some(Scope::Operate)),
            (Method::POST, "/api/v1/runs/x/notes", Some(Scope::Operate)),
            (Method::POST, "/api/v1/jobs/3/acknowledge", Some(Scope::Operate)),
            (Method::POST, "/api/v1/session", None),
            (Method::POST, "/api/v1/stations/1/release", Some(Scope::Administer)),
            (Method::DELETE, "/api/v1/jobs/3", Some(Scope::Administer)),
            (Method::POST, "/api/v1/openapi.json", Some(Scope::Administer)),
        ] {
            assert_eq!(needed(&method, path), scope, "{method} {path}");
        }
    }
}
