//! An ESME that waits to be called: outbind (S18).

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::pdu::{Outbind, Pdu};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Esme, Mannered, manners};
use crate::PATIENCE;
use crate::connection::{Connection, RUNTIME};
use crate::port::Port;

/// An ESME that listens on a port of its own. Dropping it closes the port.
#[derive(Debug)]
pub struct WaitingEsme {
    port: Port,
    called: Arc<Called>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Called {
    calls: Mutex<Vec<Esme>>,
    changed: Condvar,
}

impl WaitingEsme {
    /// Listens.
    pub fn start() -> Self {
        let port = Port::take();
        let called: Arc<Called> = Arc::default();
        let listener = RUNTIME.block_on(TcpListener::bind(port.address())).expect("the port is ours");
        let calls = Arc::clone(&called);
        let task = RUNTIME.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let manners = manners();
                let connection = Connection::over(stream, Mannered(Arc::clone(&manners)));
                calls.calls.lock().unwrap_or_else(PoisonError::into_inner).push(Esme { connection, manners });
                calls.changed.notify_all();
            }
        });
        Self { port, called, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Waits until it is called: the connection, which has not bound, and what the node said first.
    pub fn expect_call(&self) -> (Esme, Outbind) {
        let deadline = Instant::now() + PATIENCE;
        let mut calls = self.called.calls.lock().unwrap_or_else(PoisonError::into_inner);
        while calls.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the node should call {}", self.address());
            calls = self.called.changed.wait_timeout(calls, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let esme = calls.remove(0);
        drop(calls);
        let frame = esme.connection.expect("outbind", |frame| frame.header.command_id == CommandId::OUTBIND);
        match Pdu::decode(&frame).expect("the node writes PDUs that can be read") {
            Pdu::Outbind(outbind) => (esme, outbind),
            other => panic!("an outbind that reads as {other:?}"),
        }
    }

    /// How often it was called and nobody looked.
    pub fn calls(&self) -> usize {
        self.called.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for WaitingEsme {
    fn drop(&mut self) {
        self.task.abort();
    }
}
