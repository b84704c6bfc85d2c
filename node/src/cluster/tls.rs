//! Mutual TLS between nodes: what this node shows, and whom it believes.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::config::{ClusterTls, ListenerTls};
use crate::tls::{ServerTls, TlsError};

/// gRPC is HTTP/2.
const ALPN: &[u8] = b"h2";

/// The side that calls.
#[derive(Clone, Debug)]
pub(super) struct PeerTls {
    identity: Identity,
    authority: Certificate,
}

impl PeerTls {
    /// Reads certificate, key and authority.
    pub(super) fn load(files: &ClusterTls) -> Result<Self, TlsError> {
        let read = |file: &Path, what| {
            fs::read(file).map_err(|error| TlsError::Unreadable {
                file: file.to_owned(),
                what,
                reason: error.to_string(),
            })
        };
        let (certificate, key) = (read(&files.certificate, "certificate")?, read(&files.key, "private key")?);
        Ok(Self {
            identity: Identity::from_pem(certificate, key),
            authority: Certificate::from_pem(read(&files.ca, "certificate")?),
        })
    }

    /// For a call to a node of that name: its certificate must bear it, and be signed by our authority.
    pub(super) fn towards(&self, host: &str) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(self.authority.clone()).identity(self.identity.clone()).domain_name(host)
    }
}

/// The side that is called: who calls must show a certificate of our authority.
pub(super) struct CalledTls(ServerTls);

impl CalledTls {
    /// Reads certificate, key and authority.
    pub(super) fn load(files: &ClusterTls) -> Result<Self, TlsError> {
        let ClusterTls { certificate, key, ca } = files.clone();
        ServerTls::load(&ListenerTls { certificate, key, client_ca: Some(ca) }).map(Self)
    }

    /// The settings for a connection that begins now.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let mut config = (*self.0.config()).clone();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Arc::new(config)
    }
}
