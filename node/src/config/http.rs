//! `[http]`: where metrics and health are served.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::value::Secret;

/// The HTTP port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Console, API, `/metrics`, `/livez`, `/readyz`, `/startupz`.
    pub address: SocketAddr,
    /// A file that holds the token of the API; required when the address is not loopback.
    pub token_file: Option<PathBuf>,
    /// Where HAProxy's agent check is answered.
    pub agent_check: Option<SocketAddr>,
    /// What `token_file` holds.
    #[serde(skip)]
    pub token: Option<Secret>,
}

impl Default for Http {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8080)), token_file: None, agent_check: None, token: None }
    }
}
