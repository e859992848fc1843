//! A browser's session: its token as a cookie that scripts cannot read, so that links and streams bring it as well.
//!
//! A cookie only ever reads; what changes anything brings its token itself, which no page from elsewhere can.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, StatusCode};

use super::Shared;
use super::problem::Problem;
use crate::caller::{COOKIE_NAME, bearer};

/// Begins a browser's session
///
/// The token of the request is set as a cookie, which is good for requests that read.
#[utoipa::path(post, path = "/api/v1/session", tag = "rig", responses(
    (status = 204, description = "It has begun"),
    (status = 403, description = "The request was not meant for this daemon", body = Problem),
    (status = 415, description = "Not said to be JSON", body = Problem)
))]
pub(crate) async fn begin(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<(StatusCode, [(HeaderName, String); 1]), Problem> {
    // Without one, the cookie there is goes away.
    let token = bearer(&headers)?.map_or_else(String::new, |token| token.reveal().to_owned());
    let secure = if shared.config.tls.is_some() { "; Secure" } else { "" };
    let ends = if token.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{COOKIE_NAME}={token}; Path=/api; HttpOnly; SameSite=Strict{secure}{ends}");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}
