//! What a request must look like before anybody looks at what it asks: it was meant for this daemon.
//!
//! A page from elsewhere in somebody's browser can send requests to this host. It cannot choose the name under which it reaches
//! us, nor where it says that it comes from, so these two are looked at; nor can it send JSON without asking first, and every handler
//! that changes something takes nothing else.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Shared;
use crate::api::problem::Problem;

/// Lets a request pass that was meant for this daemon.
pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_ours = |name: &str| is_local(name) || shared.config.names.iter().any(|ours| ours.eq_ignore_ascii_case(name));
    let ours =
        text(headers, header::HOST).is_some_and(|host| is_ours(host.rsplit_once(':').map_or(host, |(name, _)| name)));
    if !ours {
        let more = shared.config.names.iter().map(|name| format!(", {name}")).collect::<String>();
        let known = format!("127.0.0.1, localhost{more}");
        let found = text(headers, header::HOST).unwrap_or("none");
        return Problem::forbidden(format!(
            "expected a request to this host by its own name ({known}), but found {found:?}; give it to the daemon with --name"
        ))
        .into_response();
    }
    let host = text(headers, header::HOST).unwrap_or_default();
    let origin_is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, from)| from == host);
    if text(headers, header::ORIGIN).is_some_and(|origin| !origin_is_ours(origin)) {
        return Problem::forbidden("expected a request from this daemon's own pages, but found one from elsewhere")
            .into_response();
    }
    next.run(request).await
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a name is one of this host's own.
fn is_local(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}
