//! The code that `build.rs` generates of `proto/cluster.proto`.

#![allow(missing_docs, clippy::all, unreachable_pub)]

tonic::include_proto!("smsc.cluster.v1");
