//! From an accepted connection to one that SMPP can be spoken on: PROXY header, TLS handshake, who the client is.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::proxy_header::{NoHeader, read_header};
use crate::config::{self, ProxyProtocol};
use crate::telemetry::metrics::ListenerMetrics;
use crate::tls::{ServerTls, certificate_names};
use crate::wire::Socket;

/// How connections come in at one listener.
pub struct Entrance {
    tls: Option<Arc<ServerTls>>,
    /// Who may send the PROXY header that every connection must begin with; `None`: no headers here.
    proxies: Option<Vec<IpNet>>,
    /// All of it together with the bind may take so long.
    session_init: Duration,
}

/// A client, ready to bind.
pub struct Client {
    /// The connection, TLS handshake done.
    pub socket: Socket,
    /// Who it is: by the PROXY header where there is one.
    pub peer: SocketAddr,
    /// When the connection was accepted.
    pub since: Instant,
    /// The names that its verified TLS certificate bears; none without one.
    pub certificate_names: Box<[String]>,
}

impl Entrance {
    /// The entrance of that listener. `tls` is what its key of that name says.
    pub fn new(listener: &config::Listener, tls: Option<Arc<ServerTls>>, session_init: Duration) -> Self {
        let proxies = match listener.proxy_protocol {
            ProxyProtocol::Off => None,
            ProxyProtocol::Required => Some(listener.trusted_proxies.clone()),
        };
        Self { tls, proxies, session_init }
    }

    /// Whether this peer may connect at all: where PROXY headers are required, only who may send them.
    pub fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.proxies.as_ref().is_none_or(|proxies| proxies.iter().any(|network| network.contains(&peer)))
    }

    /// Lets the client in, within `session_init`. What it was refused for is counted and logged here.
    pub async fn open(&self, stream: TcpStream, peer: SocketAddr, metrics: &ListenerMetrics) -> Option<Client> {
        let since = Instant::now();
        match tokio::time::timeout(self.session_init, self.enter(stream, peer, since)).await {
            Ok(Ok(client)) => Some(client),
            // A TCP check, or one that gave up: nothing to worry about.
            Ok(Err(Refused::Header(NoHeader::Silent))) => {
                tracing::debug!(event = "listener.close", %peer, "closed without a word");
                None
            }
            Ok(Err(Refused::Header(error))) => {
                tracing::warn!(event = "listener.proxy_header", %peer, "{error}");
                metrics.refused("proxy_header");
                None
            }
            Ok(Err(Refused::Handshake(error))) => {
                tracing::debug!(event = "listener.tls", %peer, %error, "TLS handshake failed");
                metrics.refused("tls");
                None
            }
            Err(_) => {
                tracing::debug!(event = "listener.timeout", %peer, "not ready to bind within session_init");
                metrics.refused(if self.proxies.is_some() { "proxy_header" } else { "tls" });
                None
            }
        }
    }

    async fn enter(&self, mut stream: TcpStream, peer: SocketAddr, since: Instant) -> Result<Client, Refused> {
        let claimed = match self.proxies {
            Some(_) => read_header(&mut stream).await.map_err(Refused::Header)?,
            None => None,
        };
        let (socket, certificate_names) = match &self.tls {
            None => (Socket::Plain(stream), Box::default()),
            Some(tls) => {
                let stream = handshake(tls, stream).await.map_err(Refused::Handshake)?;
                let names = certificate_names(stream.get_ref().1.peer_certificates());
                (Socket::Tls(Box::new(stream.into())), names)
            }
        };
        Ok(Client { socket, peer: claimed.unwrap_or(peer), since, certificate_names })
    }
}

enum Refused {
    Header(NoHeader),
    Handshake(std::io::Error),
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    tls: &ServerTls,
    stream: S,
) -> std::io::Result<tokio_rustls::server::TlsStream<S>> {
    // The settings of this moment: a reload counts from the next connection on.
    TlsAcceptor::from(tls.config()).accept(stream).await
}
