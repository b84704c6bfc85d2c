//! The specification by example: one chapter per promise, in reading order.
//!
//! Each test is a sentence, and its body the story: who is bound, what happens, what follows. The cast (`smsc_tests`)
//! plays real ESMEs and operators over real sockets against a real `smsc` process. S and Q numbers are those of the
//! protocol's acceptance list.

#![allow(clippy::unwrap_used)]

mod bind;
mod submit;
mod window;
mod throttling;
mod routing;
mod delivery_receipt;
mod mobile_originated;
mod concatenation;
mod link_loss;
mod restart;
mod tls;
mod configuration;
mod shutdown;
mod metrics;
mod commands;
mod hostile;
