//! The cast of the specification by example: real processes and real sockets, scripted.
//!
//! | file | plays |
//! |---|---|
//! | [`node`] | one `smsc` process with ports and a folder of its own |
//! | [`cable`] | a cable between two nodes that can be cut |
//! | [`balancer`] | a TCP load balancer before several nodes |
//! | [`cluster`] | several nodes that are one message centre |
//! | [`network`] | namespaces of the kernel, with wires that can be cut |
//! | [`configuration`] | what that node reads |
//! | [`esme`] | an ESME that does what it is told |
//! | [`operator`] | an operator that does what it is told, well or badly |
//! | [`connection`] | one SMPP connection, whoever stands at this end |
//! | [`message`] | a message, as it is sent and as it is seen |
//! | [`receipt`] | a receipt, read as strictly as S49 writes it |
//! | [`ledger`] | what was accepted and what became of it |
//! | [`storm`] | ESMEs that submit and come back, whatever happens to the node |
//! | [`chance`] | random moments that can be had again |
//! | [`small_disk`] | a disk that can be filled |
//! | [`clock`] | a clock that can be set |
//! | [`strace`] | who watches or disturbs a node's system calls |
//! | [`system_call`] | what it wrote down |
//! | [`acknowledgement`] | which answers promised something, and what was durable then |
//! | [`skip`] | how a test says that it cannot be carried out here |
//! | [`api`] | whoever uses a node's HTTP API |
//! | [`command`] | the other commands of `smsc`, as a user runs them |
//! | [`collector`] | who takes spans of messages |
//! | [`cdr`] | a node's call detail records, as billing reads them |
//! | [`certificate`] | authorities and certificates for TLS |
//! | [`postgres`] | a PostgreSQL server |
//! | [`port`] | ports that nobody else takes |
//!
//! Whoever waits, waits for an event, and at most for [`PATIENCE`]: then the test fails and says what it waited for.

use std::time::Duration;

pub mod acknowledgement;
pub mod api;
pub mod balancer;
pub mod cable;
pub mod cdr;
pub mod certificate;
pub mod chance;
pub mod clock;
pub mod cluster;
pub mod collector;
pub mod command;
pub mod configuration;
pub mod connection;
pub mod esme;
pub mod haproxy;
pub mod ledger;
pub mod message;
pub mod network;
pub mod node;
pub mod operator;
pub mod port;
pub mod postgres;
pub mod receipt;
pub mod skip;
pub mod small_disk;
pub mod storm;
pub mod strace;
pub mod system_call;

/// How long an event may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long we look when nothing shall happen, and no event can say that it did not.
pub const QUIET: Duration = Duration::from_millis(300);

/// Waits until it is so: for what can only be asked about.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(std::time::Instant::now() < deadline, "{what}: not so within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
