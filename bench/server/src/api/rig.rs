//! What the rig is made of, and by what its figures stand: instruments, ports, certificates.
//!
//! It is the rig file's word; how the instruments are now is the health checks'.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::problem::Problem;
use crate::Instrument;

/// The rig.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RigView {
    /// Its name.
    rig: String,
    /// Its instruments, station by station.
    instruments: Vec<Instrument>,
}

/// What the rig is made of
#[utoipa::path(get, path = "/api/v1/rig", tag = "rig", responses(
    (status = 200, description = "Its instruments", body = RigView),
    (status = 403, description = "The request was not meant for this daemon", body = Problem)
))]
pub(crate) async fn rig(State(shared): State<Shared>) -> Result<Json<RigView>, Problem> {
    let (rig, instruments) = (shared.config.rig_name.clone(), shared.config.instruments.clone());
    Ok(Json(RigView { rig, instruments }))
}
