//! A browser's session: a secret of its own as a cookie that scripts cannot read, so that links and streams bring it as well.
//!
//! It is good for reading alone, as long as its token is and the daemon lives; what changes anything brings the token itself, which no
//! page from elsewhere can.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Map, Value};

use super::Shared;
use super::object::Object;
use super::problem::Problem;
use crate::caller::{COOKIE_NAME, bearer, cookie};

/// Begins a browser's session
///
/// A cookie is set that is good for requests that read, as long as the request's token is; without a token it is taken away.
#[utoipa::path(post, path = "/api/v1/session", tag = "rig",
    request_body(content = Object, description = "Nothing is to be said"), responses(
    (status = 204, description = "It has begun"),
    (status = 400, description = "No JSON", body = Problem),
    (status = 413, description = "Too much", body = Problem),
    (status = 422, description = "Something else", body = Problem),
    (status = 403, description = "The request was not meant for this daemon", body = Problem),
    (status = 415, description = "Not said to be JSON", body = Problem)
))]
pub(crate) async fn begin(
    State(shared): State<Shared>,
    headers: HeaderMap,
    // A page from elsewhere cannot send JSON.
    _: Object<Map<String, Value>>,
) -> Result<(StatusCode, [(HeaderName, String); 1]), Problem> {
    // Without a token, the cookie there is goes away.
    let secret = match bearer(&headers)? {
        Some(token) => shared.sessions.begin(token).map_err(Problem::ours)?,
        None => {
            cookie(&headers).iter().for_each(|secret| shared.sessions.end(secret));
            String::new()
        }
    };
    let secure = if shared.config.tls.is_some() { "; Secure" } else { "" };
    let ends = if secret.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{COOKIE_NAME}={secret}; Path=/api; HttpOnly; SameSite=Strict{secure}{ends}");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}
