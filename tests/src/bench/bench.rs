//! What all rows use: how large they are, and the runs of `smsc load`.

use std::time::Duration;

use serde_json::Value;
use smsc_tests::command::{Running, start};
use smsc_tests::esme::PASSWORD;
use smsc_tests::node::Node;

use crate::loaded::Loaded;

/// How long a run may take beyond the time that it sends.
const RUN_PATIENCE: Duration = Duration::from_secs(180);

/// How large a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// As large as its figures are meant.
    Full,
    /// Small: it shows that the row runs.
    Short,
}

/// Where the nodes keep their messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// In sled, in the data folder.
    Sled,
    /// In PostgreSQL with a synchronous standby, as `tests/bench --postgres` starts them.
    Postgres,
}

impl Durable {
    /// What the environment asks for, as for the rest of the cast.
    pub(crate) fn of_environment() -> Self {
        match std::env::var("SMSC_JOURNAL").as_deref() {
            Ok("postgres") => Self::Postgres,
            Ok(_) | Err(_) => Self::Sled,
        }
    }
}

/// What the rows are run with, and what their runs said.
#[derive(Debug)]
pub(crate) struct Bench {
    size: Size,
    /// Where messages are kept.
    pub(crate) durable: Durable,
    /// How long the disk takes for one `fdatasync`.
    pub(crate) fdatasync: Duration,
    waiting: Option<u64>,
    runs: Vec<Value>,
}

impl Bench {
    /// No run yet; `waiting`: how large the backlog shall be instead of what the row says.
    pub(crate) fn new(size: Size, fdatasync: Duration, waiting: Option<u64>) -> Self {
        Self { size, durable: Durable::of_environment(), fdatasync, waiting, runs: Vec::new() }
    }

    /// The one for a full row, the other for a short one.
    pub(crate) fn pick<T>(&self, full: T, short: T) -> T {
        match self.size {
            Size::Full => full,
            Size::Short => short,
        }
    }

    /// How many messages wait in the backlog.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.unwrap_or(self.pick(5_000_000, 20_000))
    }

    /// Runs `smsc load` against a node until it ends. Fails when a message was refused, unanswered or lost.
    pub(crate) fn load(&mut self, node: &Node, arguments: &str) -> Result<Loaded, String> {
        self.loaded(start_load(node, arguments))
    }

    /// Runs `smsc load` with these arguments alone until it ends, as [`load`](Self::load) does.
    pub(crate) fn load_with(&mut self, arguments: &str) -> Result<Loaded, String> {
        self.loaded(start_load_with(arguments))
    }

    /// Waits for a run of `smsc load` that was started before.
    pub(crate) fn loaded(&mut self, load: Running) -> Result<Loaded, String> {
        let ended = load.expect_end_within(RUN_PATIENCE);
        let loaded = Loaded::read(&ended.stdout, &ended.stderr)?;
        self.runs.push(loaded.json().clone());
        Ok(loaded)
    }

    /// What the runs since the last call said.
    pub(crate) fn take_runs(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.runs)
    }
}

/// Starts `smsc load` against a node, with these arguments too.
pub(crate) fn start_load(node: &Node, arguments: &str) -> Running {
    let (address, pid) = (node.address(), node.process().id());
    start_load_with(&format!("--smsc {address} --node-pid {pid} {arguments}"))
}

fn start_load_with(arguments: &str) -> Running {
    let usual = ["load", "--json", "--password", PASSWORD];
    start(usual.into_iter().chain(arguments.split_whitespace()))
}

/// The middle one of what the turns of a row came to.
pub(crate) fn median_of<T>(turns: &[T], value: impl Fn(&T) -> Result<f64, String>) -> Result<f64, String> {
    let mut values = turns.iter().map(value).collect::<Result<Vec<f64>, String>>()?;
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().ok_or_else(|| "there was no turn".to_owned())
}

/// As arguments say it.
pub(crate) fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}
