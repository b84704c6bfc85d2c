//! Mutual TLS between nodes: what this node shows, and whom it believes.
//!
//! Files that change are read anew, by both sides: certificates are renewed while nodes run.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::config::{ClusterTls, ListenerTls};
use crate::tls::{ServerTls, TlsError, watch};

/// gRPC is HTTP/2.
const ALPN: &[u8] = b"h2";

/// The side that calls. Its files are read for every connection: there are few.
#[derive(Clone, Debug)]
pub(super) struct PeerTls(ClusterTls);

impl PeerTls {
    /// With these files.
    pub(super) const fn new(files: ClusterTls) -> Self {
        Self(files)
    }

    /// For a call to a node of that name: its certificate must bear it, and be signed by our authority.
    pub(super) fn towards(&self, host: &str) -> Result<ClientTlsConfig, TlsError> {
        let (certificate, key) = (read(&self.0.certificate, "certificate")?, read(&self.0.key, "private key")?);
        Ok(ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read(&self.0.ca, "certificate")?))
            .identity(Identity::from_pem(certificate, key))
            .domain_name(host))
    }
}

fn read(file: &Path, what: &'static str) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| TlsError::Unreadable { file: file.to_owned(), what, reason: error.to_string() })
}

/// The side that is called: who calls must show a certificate of our authority.
#[derive(Clone, Debug)]
pub struct CalledTls(Arc<ServerTls>);

impl CalledTls {
    /// Reads certificate, key and authority: what is wrong with them is found here.
    pub fn load(files: &ClusterTls) -> Result<Self, TlsError> {
        let ClusterTls { certificate, key, ca } = files.clone();
        let tls = ServerTls::load(&ListenerTls { certificate, key, client_ca: Some(ca) })?;
        Ok(Self(Arc::new(tls)))
    }

    /// Reads the files anew when they change, for as long as it is polled.
    pub(super) async fn follow(self) {
        watch(self.0).await;
    }

    /// The settings for a connection that begins now.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let mut config = (*self.0.config()).clone();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Arc::new(config)
    }
}
