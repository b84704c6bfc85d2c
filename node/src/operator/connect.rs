//! From an operator's address to a socket, with TLS where configured.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::profile::Profile;
use crate::config::{HostPort, OperatorTls};
use crate::tls::{TlsError, client_config, server_name};
use crate::wire::Socket;

/// TLS towards an operator.
pub struct LinkTls {
    connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

impl LinkTls {
    /// Reads the certificate authority and checks the name.
    pub fn new(settings: &OperatorTls) -> Result<Self, TlsError> {
        Ok(Self {
            connector: client_config(settings.ca.as_deref())?.into(),
            server_name: settings.server_name.as_deref().map(server_name).transpose()?,
        })
    }
}

/// How long an address may take to answer, the TLS handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the address.
pub async fn connect(profile: &Profile, address: &HostPort) -> io::Result<(Socket, SocketAddr)> {
    let connected = async {
        let stream = TcpStream::connect((address.host(), address.port())).await?;
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let socket = match &profile.tls {
            None => Socket::Plain(stream),
            Some(tls) => {
                let name = match &tls.server_name {
                    Some(name) => name.clone(),
                    None => server_name(address.host()).map_err(io::Error::other)?,
                };
                Socket::Tls(Box::new(tls.connector.connect(name, stream).await?.into()))
            }
        };
        Ok((socket, peer))
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connected)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no connection within 10 s")))
}
