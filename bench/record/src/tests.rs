//! Tests.
//! Tests.
