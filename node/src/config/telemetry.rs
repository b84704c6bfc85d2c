//! `[telemetry]`: logs, metrics and traces.

use serde::Deserialize;

use super::value::Ratio;

/// What the node says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// How a line looks.
    pub log_format: LogFormat,
    /// What is written at least; `debug` and `trace` cost throughput.
    pub log_level: LogLevel,
    /// Whether handset numbers are written only in part.
    pub mask_numbers: bool,
    /// Accounts with metric labels of their own, the first ones that bind; the rest is `_other`. Each costs about a
    /// dozen time series.
    pub accounts_max: u32,
    /// Where spans of messages go, by OTLP over gRPC: `http://collector:4317`.
    pub otlp_endpoint: Option<String>,
    /// Of how many messages: 0.001 of one in a thousand. More costs CPU here, and room at the collector.
    pub otlp_ratio: Ratio,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Json,
            log_level: LogLevel::Info,
            mask_numbers: true,
            accounts_max: 1_000,
            otlp_endpoint: None,
            otlp_ratio: Ratio::parts_per_million(1_000),
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// The least that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What needs a person.
    Error,
    /// What may.
    Warn,
    /// What happens.
    Info,
    /// What is decided.
    Debug,
    /// Everything.
    Trace,
}
