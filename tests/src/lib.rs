//! The cast of the specification by example.
