//! `[cdr]`: call detail records.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::value::{ByteSize, duration_positive};

/// Where and how call detail records are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cdr {
    /// The folder of the files; made if it is not there. Two nodes may share one if their names differ.
    pub folder: PathBuf,
    /// How a record looks.
    #[serde(default)]
    pub format: CdrFormat,
    /// A file is closed when it is so large. At a start the one that was being written is read through.
    #[serde(default = "rotate_size")]
    pub rotate_size: ByteSize,
    /// A file is closed when it is so old. Raising it delays billing.
    #[serde(default = "rotate_every", deserialize_with = "duration_positive")]
    pub rotate_every: Duration,
}

/// How a record looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CdrFormat {
    /// One JSON object per line.
    #[default]
    Ndjson,
    /// Commas, with a header line.
    Csv,
}

const fn rotate_size() -> ByteSize {
    ByteSize::mib(64)
}

const fn rotate_every() -> Duration {
    Duration::from_secs(15 * 60)
}
