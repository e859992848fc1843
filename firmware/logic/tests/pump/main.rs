//! The pump as a host and a motor see it: cases in `therapy`, properties in `properties`, both on the rig in `support`.

mod properties;
mod support;
mod therapy;
