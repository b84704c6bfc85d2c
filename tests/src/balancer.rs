//! A TCP load balancer: each new connection goes to the next node in turn that takes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::RUNTIME;
use crate::port::Port;

/// One port in front of several. Dropping it closes all that goes through it.
#[derive(Debug)]
pub struct Balancer {
    port: Port,
    task: JoinHandle<()>,
}

impl Balancer {
    /// In front of these.
    pub fn before(targets: impl IntoIterator<Item = SocketAddr>) -> Self {
        let port = Port::take();
        let listener = RUNTIME.block_on(TcpListener::bind(port.address())).expect("the port is ours");
        let task = RUNTIME.spawn(balance(listener, targets.into_iter().collect()));
        Self { port, task }
    }

    /// Where ESMEs connect.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn balance(listener: TcpListener, targets: Arc<[SocketAddr]>) {
    let turn = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (turn, targets) = (turn.clone(), targets.clone());
        connections.spawn(async move {
            let Some(mut far) = connect(&turn, &targets).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            // Whoever ends it, ends it for both.
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

/// To the next that is there; `None` when nobody is.
async fn connect(turn: &AtomicUsize, targets: &[SocketAddr]) -> Option<TcpStream> {
    for _ in targets {
        let target = targets[turn.fetch_add(1, Ordering::Relaxed) % targets.len()];
        if let Ok(far) = TcpStream::connect(target).await {
            return Some(far);
        }
    }
    None
}
