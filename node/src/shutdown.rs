//! The way out: stop accepting, finish what is in the windows, unbind everywhere, close the store. Each with a deadline.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::operator::keeper::LinkKeeper;
use crate::services::Services;

/// To a session or link: ask for nothing more, finish what is under way, say unbind, end.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

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

/// How often we look whether the last session has gone.
const LOOK: Duration = Duration::from_millis(20);

/// Drains sessions, then links: what ESMEs submitted is answered first, what operators still have to say is taken last.
/// Returns how many sessions were left at the deadline.
pub async fn drain(services: &Arc<Services>, keeper: &LinkKeeper, deadline: Instant) -> usize {
    let pace = Duration::from_secs(1) / services.config.drain.rate.max(1);
    for session in services.directory.sessions() {
        session.do_send(Drain);
        if Instant::now() + pace < deadline {
            tokio::time::sleep(pace).await;
        }
    }
    until(deadline, || services.directory.is_empty()).await;
    let links = keeper.stop();
    for link in &links {
        link.do_send(Drain);
    }
    until(deadline, || links.iter().all(|link| !link.connected())).await;
    services.directory.len()
}

async fn until(deadline: Instant, done: impl Fn() -> bool) {
    while !done() && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}
