//! What runs without a file: the loopback demo.

use std::path::Path;

use super::{Config, Source};
use crate::tls::SelfMade;

pub(super) const TEXT: &str = include_str!("demo.toml");

impl Config {
    /// The loopback demo with its data in that folder. The certificate of its TLS listener is a [`SelfMade`] one, which
    /// is there before the listener opens.
    pub fn demo(data_dir: &Path) -> Self {
        let written = Source::Demo(data_dir.to_owned()).read();
        written.and_then(|written| written.config()).expect("a test reads the embedded text")
    }
}

/// Fills in what the text leaves open.
pub(super) fn complete(config: &mut Config, data_dir: &Path) {
    config.node.data_dir = data_dir.to_owned();
    let made = SelfMade::in_folder(data_dir);
    for tls in config.listener.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
        tls.certificate.clone_from(&made.certificate);
        tls.key.clone_from(&made.key);
    }
}
