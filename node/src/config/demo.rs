//! What runs without a file: the loopback demo.

use std::path::Path;

use super::{Config, load};
use crate::tls::SelfMade;

const TEXT: &str = include_str!("demo.toml");

impl Config {
    /// The loopback demo with its data in that folder. The certificate of its TLS listener is a [`SelfMade`] one, which
    /// is there before the listener opens.
    pub fn demo(data_dir: &Path) -> Self {
        let mut config = load::embedded(TEXT).expect("a test reads the embedded text");
        config.node.data_dir = data_dir.to_owned();
        let made = SelfMade::in_folder(data_dir);
        for tls in config.listener.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
            tls.certificate.clone_from(&made.certificate);
            tls.key.clone_from(&made.key);
        }
        config
    }
}
