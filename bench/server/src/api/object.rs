//! What a request brings: a JSON object, as the description says. Its fields in the order of a list are none.
//!
//! Serde would take such a list for the structure.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A request's body.
pub(crate) struct Object<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Object<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await?;
        let is_list = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let Json(body) = Json::from_request(Request::from_parts(parts, Body::from(bytes)), state).await?;
        if is_list {
            return Err(Problem::input("expected an object of named fields, but found a list; name each field"));
        }
        Ok(Self(body))
    }
}
