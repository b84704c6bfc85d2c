//! The process: configuration, listeners, sessions, links, HTTP, commands.
//!
//! | module | holds |
//! |---|---|
//! | [`app`] | builds everything in order, watches it, takes it down |
//! | [`config`] | the only place that reads configuration text |
//! | [`esme`], [`operator`] | the two edges: listeners and sessions of ESMEs, links to operators |
//! | [`cluster`] | the other nodes: who is there, and what each of them has |
//! | [`wire`], [`puller`], [`attempt`], [`by_partition`] | what both edges use: a session on a socket, its window, its batches |
//! | [`services`], [`live`] | what every session and link is given; what of it may change while the node runs |
//! | [`overrides`], [`reload`] | changes that were made while the node ran; files that are read again |
//! | [`rebalancer`] | sessions beyond this node's share are asked to bind elsewhere |
//! | [`api`] | `/api/v1`: what operations people ask and do |
//! | [`console`] | the page for people, and what the node remembers for it |
//! | [`drainer`], [`shutdown`], [`departure`] | out of service and back; the way out; leaving the cluster for good |
//! | [`telemetry`], [`tls`] | logs, metrics, health; rustls |
//! | [`traces`] | every PDU of an account or about a number, for a limited time |
//! | [`commands`], [`demo`] | send, receive, simulate-operator, load; the loopback demo |

pub mod alerts;
pub mod api;
pub mod app;
pub mod attempt;
pub mod by_partition;
pub mod cdr;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod console;
pub mod demo;
pub mod departure;
pub mod drainer;
pub mod durable_file;
pub mod esme;
pub mod live;
pub mod operator;
pub mod overrides;
pub mod puller;
pub mod rebalancer;
pub mod reload;
pub mod services;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod traces;
pub mod wire;
