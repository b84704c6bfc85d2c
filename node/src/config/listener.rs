//! `[[listener]]`: where ESMEs connect.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

/// One port for ESMEs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port, such as `0.0.0.0:2775`. Also the metric label `listener`.
    pub address: SocketAddr,
    /// Absent: plain TCP.
    pub tls: Option<ListenerTls>,
    /// Whether each connection begins with a PROXY header that names the real peer.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// Who may send such a header. Anybody in these networks can claim any address: list balancers only.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
}

/// Certificate and key of a listener, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// The certificate chain, the node's own first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// ESMEs must show a certificate that one of these signed; absent: none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// Whether the PROXY protocol is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyProtocol {
    /// Connections are what they seem.
    #[default]
    Off,
    /// A connection without the header, or from elsewhere than `trusted_proxies`, is closed.
    Required,
}
