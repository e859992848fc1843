//! The pump as a host and a motor see it: cases in `therapy`, `programme` and `watch`, properties in `properties` and
//! `integral`, all on the rig in `support`.

mod integral;
mod programme;
mod properties;
mod support;
mod therapy;
mod watch;
