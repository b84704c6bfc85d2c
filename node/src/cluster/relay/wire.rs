//! The code that `build.rs` generates of `proto/relay.proto`.

#![allow(missing_docs, clippy::all, unreachable_pub)]

tonic::include_proto!("smsc.relay.v1");
