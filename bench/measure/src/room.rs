//! The room and what stands in it, as it was read over the run: the air's density, its drying power, a reference vessel.
//!
//! It owns which channels those are and their courses. [`crate::conditions`] holds the same readings against what the rig
//! file declares; here they are what corrections are made of.

use domain::profile::{EvaporationModel, Method, Role};
use domain::{Reading, RigProfile, Status};

use crate::air;
use crate::budget::{Distribution, Estimate};
use crate::conditions::{SENSOR_C, SENSOR_HPA, SENSOR_PERCENT};
use crate::evaporation::drying;
use crate::track::{Course, Track};

/// What was read of the room so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Room {
    air_c: Channel,
    air_hpa: Channel,
    humidity: Channel,
    /// The mass on the reference balance, in g.
    reference: Channel,
    /// Standard deviation of a reading of the reference balance, in g.
    reference_s_g: f64,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Channel {
    name: String,
    track: Track,
}

impl Room {
    /// The room of a rig, nothing read yet.
    pub(crate) fn of(profile: &RigProfile) -> Self {
        let climate = profile.by_role(Role::Climate).map_or("", |climate| climate.name.as_str());
        let channel = |name: String| Channel { name, track: Track::default() };
        let reference = profile.by_role(Role::Reference);
        let mass = reference.and_then(|balance| balance.channels.first()).map(|mass| mass.channel.clone());
        let calibration = reference.and_then(|balance| balance.calibration.as_ref());
        Self {
            air_c: channel(format!("{climate}.temperature")),
            air_hpa: channel(format!("{climate}.pressure")),
            humidity: channel(format!("{climate}.humidity")),
            reference: channel(mass.unwrap_or_default()),
            reference_s_g: calibration.map_or(0.0, |c| c.repeatability_g.g().max(c.resolution_g.g())),
        }
    }

    /// Takes a reading; one that is not the room's changes nothing.
    pub(crate) fn push(&mut self, reading: &Reading) {
        if reading.status == Status::Overload {
            return;
        }
        let all = [&mut self.air_c, &mut self.air_hpa, &mut self.humidity, &mut self.reference];
        if let Some(channel) = all.into_iter().find(|channel| channel.name == reading.channel.as_str()) {
            channel.track.push(reading.at_ns.seconds(), reading.value);
        }
    }

    /// The mean air over the run with its density and what sensors without a certificate leave of it; `None` where the room
    /// was not read, or is beyond the formula.
    pub(crate) fn mean_air_kg_per_m3(&self) -> Option<Estimate> {
        let mean = |channel: &Channel| channel.track.course().mean();
        let u = |half_width| Distribution::Rectangular { half_width }.standard_u();
        air::density_with_u(
            mean(&self.air_c)?,
            u(SENSOR_C)?,
            mean(&self.air_hpa)?,
            u(SENSOR_HPA)?,
            mean(&self.humidity)?,
            u(SENSOR_PERCENT)?,
        )
    }

    /// The density of the air over the run, in kg/m³; nothing where the room was not read.
    pub(crate) fn air_kg_per_m3(&self) -> Course {
        let (air_hpa, humidity) = (self.air_hpa.track.course(), self.humidity.track.course());
        let density = |&(t, c): &(f64, f64)| Some((t, air::cipm_2007_kg_per_m3(c, air_hpa.at(t)?, humidity.at(t)?)?));
        Course(self.air_c.track.course().0.iter().filter_map(density).collect())
    }

    /// The temperature of the air over the run, in °C.
    pub(crate) fn air_c(&self) -> Course {
        self.air_c.track.course()
    }

    /// The relative humidity over the run, in %.
    pub(crate) fn humidity_percent(&self) -> Course {
        self.humidity.track.course()
    }

    /// What drives evaporation by a model, cumulative; nothing for a model that is not driven, or that nothing was read for.
    pub(crate) fn drive(&self, method: &Method) -> Course {
        match method.evaporation {
            EvaporationModel::Constant | EvaporationModel::Linear => Course::default(),
            EvaporationModel::Climate => {
                let mut air_c = self.air_c();
                // What was read within one cell was the same all the time.
                if let [(t, c)] = air_c.0[..] {
                    air_c.0.push((t + 1.0, c));
                }
                drying(&air_c, &self.humidity_percent(), method)
            }
            EvaporationModel::Reference => {
                let mass = self.reference.track.course();
                let first = mass.0.first().map_or(0.0, |(_, g)| *g);
                Course(mass.0.iter().map(|(t, g)| (*t, first - g)).collect())
            }
        }
    }

    /// Standard deviation of a reading of the reference balance, in g; 0 without one.
    pub(crate) const fn reference_s_g(&self) -> f64 {
        self.reference_s_g
    }
}
