//! What a request must look like before anybody looks at what it asks: it was meant for this daemon.
//!
//! A page from elsewhere in somebody's browser can send requests to this host. It cannot choose the name under which it reaches
//! us, nor where it says that it comes from, nor send JSON without asking first; so these three are looked at.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::problem::Problem;

/// Lets a request pass that was meant for this daemon.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let local =
        text(headers, header::HOST).is_some_and(|host| is_local(host.rsplit_once(':').map_or(host, |(name, _)| name)));
    if !local {
        return Problem::forbidden("expected a request to this host by its own name, as 127.0.0.1 or localhost")
            .into_response();
    }
    let host = text(headers, header::HOST).unwrap_or_default();
    let origin_is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, from)| from == host);
    if text(headers, header::ORIGIN).is_some_and(|origin| !origin_is_ours(origin)) {
        return Problem::forbidden("expected a request from this daemon's own pages, but found one from elsewhere")
            .into_response();
    }
    let changes = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    let is_json = text(headers, header::CONTENT_TYPE)
        .is_some_and(|of| of.split(';').next().is_some_and(|of| of.trim().eq_ignore_ascii_case("application/json")));
    if changes && !is_json {
        return Problem::media("expected a body of the type application/json").into_response();
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
