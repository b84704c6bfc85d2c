//! A cable between two nodes that can be cut: what is written into it then waits, as in a network that has fallen apart,
//! and nobody is told.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection::RUNTIME;
use crate::port::Port;

/// A port that leads to another one. Dropping it closes all that goes through it.
#[derive(Debug)]
pub struct Cable {
    port: Port,
    whole: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Cable {
    /// To that address, where perhaps nobody listens yet.
    pub fn to(target: SocketAddr) -> Self {
        Self::from_to(Port::take(), target)
    }

    /// From that port to that address.
    pub fn from_to(port: Port, target: SocketAddr) -> Self {
        let whole = watch::Sender::new(true);
        let listener = RUNTIME.block_on(TcpListener::bind(port.address())).expect("the port is ours");
        let task = RUNTIME.spawn(carry(listener, target, whole.clone()));
        Self { port, whole, task }
    }

    /// Its near end.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Nothing gets through any more, in neither direction.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// All gets through again, also what was written meanwhile.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(listener: TcpListener, target: SocketAddr, whole: watch::Sender<bool>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let whole = whole.subscribe();
        connections.spawn(async move {
            let mut first = whole.clone();
            if first.wait_for(|whole| *whole).await.is_err() {
                return;
            }
            let Ok(far) = TcpStream::connect(target).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
            tokio::join!(pass(near_read, far_write, whole.clone()), pass(far_read, near_write, whole));
        });
    }
}

/// Passes octets on while the cable is whole.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut whole: watch::Receiver<bool>) {
    let mut octets = vec![0; 16 * 1024];
    loop {
        let Ok(count) = from.read(&mut octets).await else { return };
        if whole.wait_for(|whole| *whole).await.is_err() || count == 0 || to.write_all(&octets[..count]).await.is_err()
        {
            return;
        }
    }
}
