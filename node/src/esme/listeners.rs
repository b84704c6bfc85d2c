//! The ports that ESMEs come in by: open while the node serves, closed while it is out of service.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

use super::entrance::Entrance;
use super::listener::{BoundListener, Threads};
use crate::services::Services;

/// A port that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("listener.address {address}: cannot listen: {error}")]
pub struct CannotListen {
    /// Which one.
    address: SocketAddr,
    /// What the system says.
    error: io::Error,
}

/// All of them, opened and closed together.
pub struct Listeners {
    ports: Vec<(SocketAddr, Arc<Entrance>)>,
    services: Arc<Services>,
    threads: Arc<Threads>,
    acceptors: Mutex<Vec<JoinHandle<()>>>,
}

impl Listeners {
    /// Closed yet.
    pub fn new(ports: Vec<(SocketAddr, Arc<Entrance>)>, services: Arc<Services>, threads: Arc<Threads>) -> Self {
        Self { ports, services, threads, acceptors: Mutex::default() }
    }

    /// Opens those that are closed: all of them, or none. Must be called on the node's main thread.
    pub fn open(&self) -> Result<(), CannotListen> {
        let mut acceptors = self.acceptors();
        if !acceptors.is_empty() {
            return Ok(());
        }
        let mut bound = Vec::with_capacity(self.ports.len());
        for (address, entrance) in &self.ports {
            let listener = BoundListener::bind(*address, entrance.clone());
            bound.push(listener.map_err(|error| CannotListen { address: *address, error })?);
        }
        let accept =
            |listener: BoundListener| actix::spawn(listener.accept(self.services.clone(), self.threads.clone()));
        acceptors.extend(bound.into_iter().map(accept));
        Ok(())
    }

    /// Closes them: who connects from now on is refused by the system, and a balancer looks elsewhere.
    pub fn close(&self) {
        self.acceptors().drain(..).for_each(|acceptor| acceptor.abort());
    }

    fn acceptors(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.acceptors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
