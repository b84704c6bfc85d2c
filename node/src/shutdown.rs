//! The way out: what sessions and links are told, and who tells the node.

use actix::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// To a session or link: ask for nothing more, finish what is under way, say unbind, end.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Why we ask an ESME to leave that has done nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The node is going, or is taken out of service.
    Drain,
    /// Another node has fewer sessions.
    Rebalance,
    /// A person said so.
    Admin,
    /// Its account is gone, or is not what it was.
    Configuration,
}

impl Leave {
    /// As the label `reason` of `smsc_session_closes_total` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Rebalance => "rebalance",
            Self::Admin => "admin",
            Self::Configuration => "configuration",
        }
    }
}

/// Who told us to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM: a supervisor. Load balancers have still to notice that we are going.
    Terminate,
    /// SIGINT: a person at a terminal, who does not want to wait.
    Interrupt,
}

/// The signals that stop a node.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Catches them from now on. Must be called inside a tokio runtime.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
        }
    }
}
