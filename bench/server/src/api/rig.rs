//! What the rig is made of, and by what its figures stand: instruments, ports, certificates.
//!
//! It is the rig file's word; how the instruments are now is the health checks'.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::problem::Problem;

/// The rig.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RigView {
    /// Its name.
    rig: String,
    /// Its instruments, station by station.
    instruments: Vec<InstrumentView>,
}

/// An instrument of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct InstrumentView {
    /// The station.
    station: String,
    /// Its name there.
    instrument: String,
    /// The driver that speaks to it.
    driver: String,
    /// Where it is reached.
    port: String,
    /// Its certificate's number, if it has one.
    certificate: Option<String>,
    /// The day on which that falls due, `YYYY-MM-DD`.
    due: Option<String>,
}

/// What the rig is made of
#[utoipa::path(get, path = "/api/v1/rig", tag = "rig", responses(
    (status = 200, description = "Its instruments", body = RigView),
    (status = 403, description = "The request was not meant for this daemon", body = Problem)
))]
pub(crate) async fn rig(State(shared): State<Shared>) -> Result<Json<RigView>, Problem> {
    let view = |of: &crate::Instrument| InstrumentView {
        station: of.station.clone(),
        instrument: of.instrument.clone(),
        driver: of.driver.clone(),
        port: of.port.clone(),
        certificate: of.certificate.clone(),
        due: of.due.clone(),
    };
    let instruments = shared.config.instruments.iter().map(view).collect();
    Ok(Json(RigView { rig: shared.config.rig_name.clone(), instruments }))
}
