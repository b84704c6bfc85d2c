//! Connections of peers: accepted, with TLS when it is configured, and handed to gRPC.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;

use super::handle::ClusterHandle;
use super::tls::CalledTls;

/// TLS handshakes at a time: some fifty peers come, and whoever else knocks.
const HANDSHAKES_MAX: usize = 64;
/// How long one may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// How long we wait when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Plain connections.
pub(super) fn plain(listener: TcpListener) -> ReceiverStream<io::Result<TcpStream>> {
    let (sender, accepted) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let stream = accept(&listener).await;
            if sender.send(Ok(stream)).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(accepted)
}

/// Connections whose peer has shown a certificate of our authority.
pub(super) fn with_tls(
    listener: TcpListener,
    tls: CalledTls,
    handle: ClusterHandle,
) -> ReceiverStream<io::Result<TlsStream<TcpStream>>> {
    let (sender, accepted) = mpsc::channel(1);
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        while let Ok(place) = places.clone().acquire_owned().await {
            let stream = accept(&listener).await;
            let (acceptor, sender, handle) = (TlsAcceptor::from(tls.config()), sender.clone(), handle.clone());
            if sender.is_closed() {
                return;
            }
            tokio::spawn(async move {
                let _place = place;
                let peer = stream.peer_addr();
                let failed = match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        // It ends with the server if nobody takes it.
                        let _ = sender.send(Ok(stream)).await;
                        return;
                    }
                    Ok(Err(error)) => format!("no TLS with it: {error}"),
                    Err(_) => format!("no TLS handshake within {} s", HANDSHAKE_WITHIN.as_secs()),
                };
                if let Ok(peer) = peer {
                    handle.caller_failed(peer.ip(), &failed);
                }
            });
        }
    });
    ReceiverStream::new(accepted)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small updates are not to wait for each other; a socket that refuses this works all the same.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(event = "cluster.accept", %error, "cannot accept a connection of a node");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
