//! The specification by example: one chapter per promise, in reading order.
//!
//! Each test is a sentence, and its body the story: who is bound, what happens, what follows. The cast (`smsc_tests`)
//! plays real ESMEs and operators over real sockets against a real `smsc` process. S and Q numbers are those of the
//! protocol's acceptance list.

#![allow(clippy::unwrap_used)]

// Who may bind, as what, and how a session begins and ends.
mod bind;

// What an account may.
mod accounts;

// What is accepted, what is refused and with which code.
mod submit;

// Times, priorities, modes, receipts.
mod classes;

// One message to many.
mod submit_multi;

// data_sm, both ways.
mod data_sm;

// What became of a message.
mod query;

// Taking it back.
mod cancel;

// Another text for it.
mod replace;

// How many requests may be unanswered.
mod window;

// How many messages a second.
mod throttling;

// Which operator a message goes to.
mod routing;

// Messages of one node through the links and binds of another.
mod relay;

// The receipt follows the final state.
mod delivery_receipt;

// Messages from handsets.
mod mobile_originated;

// Calling an ESME that waits.
mod outbind;

// 3.3, 3.4 and 5.0.
mod version;

// Long messages.
mod concatenation;

// Long messages for operators that want them otherwise.
mod long_messages;

// What data_coding 0 means on either side.
mod alphabet;

// What operators want otherwise than others.
mod operators;

// Links break, operators go away and come back.
mod link_loss;

// kill -9 in the middle of it.
mod restart;

// A balancer that says who the client is.
mod proxy_protocol;

// More waits than memory holds.
mod backlog;

// The journal in PostgreSQL.
mod postgres;
mod postgres_cluster;
mod postgres_journal;
mod postgres_servers;

// No answer before its record is durable.
mod durability;

// Disks that are full, slow or broken.
mod disk;

// A record of each message for billing.
mod cdr;

// Clocks that are set.
mod clock;

// TLS on both edges.
mod tls;

// Several nodes that are one message centre.
mod cluster;
mod cluster_limits;
mod cluster_storms;
mod cluster_time;
mod cluster_tls;
mod cluster_upgrade;
mod placement;

// Routes, accounts and operators changed on one node count on all.
mod cluster_changes;

// What a configuration may say.
mod configuration;

// Changes while it runs: files that are read again.
mod reload;

// Changes while it runs: routes, accounts and operators on top of the file.
mod overrides;

// How a node goes.
mod shutdown;

// Nodes out of service and back, for good, and from one release to the next.
mod nodes;

// What an engineer sees.
mod metrics;

// Every PDU of one account, or about one number.
mod traces;

// The steps of a message, for OpenTelemetry.
mod spans;

// What operations people ask and do, over HTTP.
mod api;

// The same asked of any node of several.
mod cluster_answers;

// What waits: ended, moved, tried at once.
mod queues;

// What they see.
mod console;

// The same from the shell.
mod ctl;

// The commands, as a user runs them.
mod commands;

// Octets that no honest peer sends.
mod hostile;
