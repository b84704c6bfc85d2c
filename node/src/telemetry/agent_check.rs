//! Answers HAProxy's agent check: whether this node wants new sessions, and how many compared with the others.
//!
//! | the node | says | HAProxy |
//! |---|---|---|
//! | starts, or has no partition in reach | `down#reason` | sends nobody |
//! | serves | `ready up N%` | sends as many as that weight says |
//! | drains | `drain` | sends nobody, and leaves those that are there alone |
//! | is broken, or decommissioned | `maint` | sends nobody until it serves again |
//!
//! The weight is the room that the node has left ([`load`](super::load)): messages that the store takes, connections, CPU;
//! where there is none at all, 1 %, so that such a node is the last choice. One line, whatever is asked, and the end: nothing here waits for a client.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::health::{NodeState, Phase};
use super::http::HttpError;

/// Connections at a time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to close. A socket that is dropped with something unread takes the answer with it.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How long we wait when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open port, which nobody answers yet.
pub struct AgentCheck {
    listener: TcpListener,
    state: NodeState,
}

impl AgentCheck {
    /// Opens it.
    pub fn bind(address: SocketAddr, state: NodeState) -> Result<Self, HttpError> {
        let listen = |error| HttpError::Listen { key: "http.agent_check", address, error };
        let listener = TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        Ok(Self { listener, state })
    }

    /// Answers for as long as the runtime lives.
    pub(super) async fn serve(self) {
        let Self { listener, state } = self;
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                return tracing::error!(event = "agent_check.failed", %error, "the agent check is not answered");
            }
        };
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        while let Ok(place) = places.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let line = line(state.phase(), state.readiness(), state.room());
                    tokio::spawn(answer(stream, line, place));
                }
                Err(error) => {
                    tracing::warn!(event = "agent_check.accept", %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// What is said; `room`: the part of the node that is free, in per cent.
fn line(phase: Phase, readiness: Result<(), String>, room: u64) -> String {
    match (phase, readiness) {
        (Phase::Ready, Ok(())) => format!("ready up {}%\n", room.clamp(1, 100)),
        (Phase::Draining, _) => "drain\n".to_owned(),
        (Phase::Retired | Phase::Failed, _) => "maint\n".to_owned(),
        (Phase::Starting | Phase::Ready, Err(reason)) => format!("down#{reason}\n"),
        (Phase::Starting, Ok(())) => "down#starting\n".to_owned(),
    }
}

async fn answer(mut stream: TcpStream, line: String, _place: OwnedSemaphorePermit) {
    // A connection that is new has room for a line; one that has gone needs none.
    let _ = stream.writable().await;
    let _ = stream.try_write(line.as_bytes());
    let _ = stream.shutdown().await;
    let mut octets = [0; 256];
    let closed = async { while stream.read(&mut octets).await.is_ok_and(|read| read > 0) {} };
    let _ = tokio::time::timeout(CLOSE_WITHIN, closed).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_serves_says_how_much_room_it_has_and_never_none() {
        for (room, text) in
            [(100, "ready up 100%\n"), (7, "ready up 7%\n"), (0, "ready up 1%\n"), (900, "ready up 100%\n")]
        {
            assert_eq!(line(Phase::Ready, Ok(()), room), text);
        }
    }

    #[test]
    fn a_node_that_does_not_serve_wants_nobody() {
        let no = || Err("no partition is here".to_owned());
        assert_eq!(line(Phase::Starting, Err("starting".to_owned()), 100), "down#starting\n");
        assert_eq!(line(Phase::Ready, no(), 100), "down#no partition is here\n");
        assert_eq!(line(Phase::Draining, Err("draining".to_owned()), 100), "drain\n");
        assert_eq!(line(Phase::Failed, Err("the store has failed".to_owned()), 100), "maint\n");
    }
}
