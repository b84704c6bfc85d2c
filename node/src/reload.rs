//! The configuration while the node runs: files that are read again, changes that people and other nodes make on top of
//! them, and how both come into force together.
//!
//! Accounts, operators, routes, `[router]`, the tokens of the API and the log level follow at once; secrets in files of
//! their own too. What cannot change while the node runs is named. A file that is wrong changes nothing.
//!
//! ```text
//!   file, environment ──┐
//!                       ├── checked as a whole ── Live ──> router, sessions, links, store, tokens, log
//!   overrides ──────────┘        (one at a time)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `difference` | what differs between two configurations, and what of it has to wait for a restart |
//! | `metrics` | whether the last reload went well |
//! | `watch` | SIGHUP, and files that change |

mod difference;
mod metrics;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use actix::Addr;
use arc_swap::ArcSwap;
use serde_json::Value as Json;
use smsc_proto::timestamp::Timestamp;
use smsc_router::RouterHandle;
use smsc_router::messages::Reconfigure;
use tokio::sync::{Mutex as AsyncMutex, watch as watch_channel};

use crate::config::{Change, Changed, Config, ConfigError, EntryKey, Source, Token, Written, different, keys};
use crate::esme::session::{AccountChanged, Disconnect};
use crate::live::Live;
use crate::operator::keeper::LinkKeeper;
use crate::operator::link::OperatorLink;
use crate::overrides::{
    Author, Batch, Entry, Merged, Overrides, OverridesFile, OverridesFileError, Setting, TooManyEntries,
};
use crate::services::Services;
use crate::shutdown::Leave;
use crate::telemetry::logging;

use crate::cluster::exclusive_operators;
use difference::{in_force, summary, waits_for_restart};
use metrics::Outcome;
pub use watch::watch;

/// How long links of an operator that is gone may take to finish before what still waits for it is re-routed again.
const LINKS_END_WITHIN: Duration = Duration::from_secs(60);

/// The tokens of the API, as the file says at the moment.
pub type Tokens = Arc<ArcSwap<Vec<Token>>>;

/// What the node begins with: file and kept overrides, checked together.
pub struct Beginning {
    source: Source,
    written: Written,
    /// The file's own configuration, to tell later what has changed in it.
    file_config: Config,
    overrides: Overrides,
    overrides_file: OverridesFile,
    left_out: Vec<(EntryKey, String)>,
}

/// Puts configurations into force, one after the other.
pub struct LiveConfig {
    source: Source,
    file_config: Config,
    /// What the source said at the start, key by key.
    started: BTreeMap<String, Json>,
    overrides_file: OverridesFile,
    services: Arc<Services>,
    links: Arc<LinkKeeper>,
    tokens: Tokens,
    state: AsyncMutex<State>,
    /// Of the overrides.
    version: watch_channel::Sender<u64>,
    report: Mutex<Report>,
}

struct State {
    written: Written,
    overrides: Overrides,
}

/// How the last reload went, and what is not in force.
#[derive(Clone, Debug)]
pub struct Report {
    /// When the files were read last with success.
    pub loaded: SystemTime,
    /// Why they could not be used the last time; `None`: they could.
    pub error: Option<(SystemTime, String)>,
    /// Overrides that do not fit what they are made to, with the reason.
    pub left_out: Vec<(EntryKey, String)>,
    /// Sections of the file that differ from what the node was started with, and wait for a restart.
    pub waits_for_restart: Vec<&'static str>,
}

/// What an entry is, where it comes from, and whether it counts.
#[derive(Clone)]
pub struct Origins {
    /// The overrides, without tombstones.
    pub entries: Vec<Entry>,
    /// What of them is not in force.
    pub left_out: Vec<(EntryKey, String)>,
    written: Written,
}

/// Why a change was not made. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// It does not fit.
    #[error("{0}")]
    Invalid(String),
    /// Another change would not fit any more.
    #[error("{key} would not fit any more: {reason}")]
    Breaks {
        /// Which.
        key: EntryKey,
        /// Why.
        reason: String,
    },
    /// The file itself cannot be used.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// No room.
    #[error(transparent)]
    Full(#[from] TooManyEntries),
    /// It cannot be kept.
    #[error("it could not be kept: {0}")]
    NotKept(#[from] OverridesFileError),
    /// The node is about to end.
    #[error("the node is stopping")]
    Stopping,
}

impl Beginning {
    /// Reads the source and the overrides that were kept in the data folder of `config`, which is the source's own but for
    /// what the command line says. Also returns what is in force from the start.
    pub fn read(source: Source, config: &Config) -> Result<(Live, Self), Box<dyn std::error::Error>> {
        let written = source.read()?;
        let file_config = written.config()?;
        let overrides_file = OverridesFile::in_folder(&config.node.data_dir);
        let overrides = Overrides::new(config.node.number, overrides_file.read()?);
        let Changed { config: changed, left_out } = written.with(&overrides.changes())?;
        for (key, reason) in &left_out {
            tracing::error!(event = "config.left_out", %key, reason, "a change that was made at run time does not fit the file any more");
        }
        let live = Live::new(in_force(config, changed), None)?;
        Ok((live, Self { source, written, file_config, overrides, overrides_file, left_out }))
    }
}

impl LiveConfig {
    /// Goes on from the beginning.
    pub fn new(beginning: Beginning, services: Arc<Services>, links: Arc<LinkKeeper>, tokens: Tokens) -> Arc<Self> {
        let Beginning { source, written, file_config, overrides, overrides_file, left_out } = beginning;
        let report = Report { loaded: SystemTime::now(), error: None, left_out, waits_for_restart: Vec::new() };
        metrics::reloaded(Outcome::Good);
        metrics::overrides(overrides.iter().count());
        Arc::new(Self {
            source,
            file_config,
            started: keys(&written.shown(&[])),
            overrides_file,
            services,
            links,
            tokens,
            version: watch_channel::Sender::new(overrides.version()),
            state: AsyncMutex::new(State { written, overrides }),
            report: Mutex::new(report),
        })
    }

    /// Reads the files again. What they say is in force when this returns; an error, which is as `smsc check` words it,
    /// means that nothing has changed. Both are logged and counted.
    pub async fn reload(self: &Arc<Self>) -> Result<Report, SetError> {
        let mut state = self.state.lock().await;
        let (source, changes) = (self.source.clone(), state.overrides.changes());
        let read = blocking(move || {
            let written = source.read()?;
            let file_config = written.config()?;
            let changed = written.with(&changes)?;
            Ok::<_, ConfigError>((written, file_config, changed))
        });
        let (written, file_config, changed) = match read.await? {
            Ok(read) => read,
            Err(error) => return Err(self.refuse(error.into())),
        };
        let waits = waits_for_restart(&self.file_config, &file_config);
        if let Err(error) = self.put_in_force(changed).await {
            return Err(self.refuse(error));
        }
        state.written = written;
        let mut report = self.report();
        (report.loaded, report.error, report.waits_for_restart) = (SystemTime::now(), None, waits.clone());
        metrics::reloaded(Outcome::Good);
        if !waits.is_empty() {
            let sections = waits.join(", ");
            tracing::warn!(
                event = "config.restart",
                sections,
                "has changed in the file and counts from the next start on"
            );
        }
        Ok(report.clone())
    }

    fn refuse(&self, error: SetError) -> SetError {
        tracing::error!(event = "config.rejected", %error, "the configuration stays as it is");
        metrics::reloaded(Outcome::Bad);
        self.report().error = Some((SystemTime::now(), error.to_string()));
        error
    }

    /// Makes a change, durably, and puts it into force. Returns the entry that it took the place of, if one was there.
    pub async fn set(
        self: &Arc<Self>,
        key: EntryKey,
        setting: Setting,
        by: &str,
        dry_run: bool,
    ) -> Result<Option<Entry>, SetError> {
        let mut state = self.state.lock().await;
        let mut overrides = state.overrides.clone();
        let before = overrides.get(&key).cloned();
        let author = Author { by, on: &self.services.config.node.name, at: now() };
        let key = overrides.set(key, setting, author)?.key;
        let changed = self.check(&state.written, &overrides).await?;
        if let Some((_, reason)) = changed.left_out.iter().find(|(left_out, _)| *left_out == key) {
            return Err(SetError::Invalid(reason.clone()));
        }
        let known = self.report().left_out.clone();
        let new = changed.left_out.iter().find(|(left_out, _)| known.iter().all(|(known, _)| known != left_out));
        if let Some((key, reason)) = new {
            return Err(SetError::Breaks { key: key.clone(), reason: reason.clone() });
        }
        if dry_run {
            return Ok(before);
        }
        self.keep(&overrides).await?;
        self.take_place(&mut state, overrides);
        self.put_in_force(changed).await?;
        Ok(before)
    }

    /// Takes in what other nodes have written. What does not fit here waits until it does. An error means that nothing was
    /// taken, and is to be tried again.
    pub async fn merge(self: &Arc<Self>, entries: Vec<Entry>) -> Result<Merged, SetError> {
        let mut state = self.state.lock().await;
        let mut overrides = state.overrides.clone();
        let merged = overrides.merge(entries, now());
        if merged.keys.is_empty() {
            return Ok(merged);
        }
        let changed = self.check(&state.written, &overrides).await?;
        self.keep(&overrides).await?;
        self.take_place(&mut state, overrides);
        self.put_in_force(changed).await?;
        Ok(merged)
    }

    /// The overrides that have changed here after `version`, at most so many: for those who watch.
    pub async fn since(&self, version: u64, count_max: usize) -> Batch {
        self.state.lock().await.overrides.since(version, count_max)
    }

    /// The version of this node's overrides: changes with them.
    pub fn version(&self) -> watch_channel::Receiver<u64> {
        self.version.subscribe()
    }

    fn take_place(&self, state: &mut State, overrides: Overrides) {
        self.version.send_replace(overrides.version());
        state.overrides = overrides;
    }

    /// Which entries were changed, and by whom.
    pub async fn origins(&self) -> Origins {
        let state = self.state.lock().await;
        let entries = state.overrides.iter().cloned().collect();
        Origins { entries, left_out: self.report().left_out.clone(), written: state.written.clone() }
    }

    /// Keys that the file says otherwise than when the node was started, and that count from the next start on: with what
    /// is in force and what the file says.
    pub async fn waiting(&self) -> Vec<(String, Json, Json)> {
        let now = keys(&self.state.lock().await.written.shown(&[]));
        let sections = self.report().waits_for_restart.clone();
        let waits = |key: &str| {
            key != "telemetry.log_level" && sections.contains(&key.split(['.', '[']).next().unwrap_or_default())
        };
        different(&self.started, &now).into_iter().filter(|(key, ..)| waits(key)).collect()
    }

    /// How the last reload went.
    pub fn last_report(&self) -> Report {
        self.report().clone()
    }

    /// The file, if the node has one.
    pub fn source(&self) -> &Source {
        &self.source
    }

    async fn check(&self, written: &Written, overrides: &Overrides) -> Result<Changed, SetError> {
        let (written, changes) = (written.clone(), overrides.changes());
        let changed = blocking(move || written.with(&changes)).await??;
        // What the router will say, before anything is kept.
        let options = changed.config.router_options();
        RouterHandle::new(options).map_err(|error| SetError::Invalid(error.to_string()))?;
        Ok(changed)
    }

    async fn keep(&self, overrides: &Overrides) -> Result<(), SetError> {
        let (file, entries) = (self.overrides_file.clone(), overrides.all());
        blocking(move || file.write(entries)).await??;
        metrics::overrides(overrides.iter().count());
        Ok(())
    }

    /// From now on this configuration, everywhere.
    async fn put_in_force(self: &Arc<Self>, changed: Changed) -> Result<(), SetError> {
        let Changed { config, left_out } = changed;
        let before = self.services.live_now();
        let live = Live::new(in_force(&self.services.config, config), Some(&before));
        let live = Arc::new(live.map_err(|error| SetError::Invalid(error.to_string()))?);
        let answer = self.services.router_actor.send(Reconfigure(live.config.router_options())).await;
        answer.map_err(|_| SetError::Stopping)?.map_err(|error| SetError::Invalid(error.to_string()))?;
        self.services.set_live(live.clone());
        if let Some(cluster) = &self.services.cluster {
            cluster.set_exclusive(exclusive_operators(&live.config));
        }
        self.change_rules(&before, &live);
        let ending = self.links.set(&live.profiles);
        self.tell_sessions(&before, &live);
        self.tokens.store(Arc::new(live.config.http.tokens.clone()));
        logging::set_level(live.config.telemetry.log_level);
        if !ending.is_empty() {
            tokio::spawn(self.clone().reroute_after(ending));
        }
        for (key, reason) in left_out.iter().filter(|one| !self.report().left_out.contains(one)) {
            tracing::error!(event = "config.left_out", %key, reason, "a change does not fit the rest and is not in force");
        }
        self.report().left_out = left_out;
        match summary(&before.config, &live.config) {
            Some(what) => tracing::info!(event = "config.reloaded", what, "in force"),
            None => tracing::debug!(event = "config.reloaded", "nothing has changed"),
        }
        Ok(())
    }

    fn change_rules(&self, before: &Live, live: &Live) {
        let known = before.config.store_options().outboxes;
        for (outbox, rules) in live.config.store_options().outboxes {
            if !known.contains(&(outbox, rules)) {
                self.services.store.set_rules(outbox, rules);
            }
        }
    }

    /// Sessions of accounts that are gone leave in order; those of changed accounts follow.
    fn tell_sessions(&self, before: &Live, live: &Live) {
        let directory = &self.services.directory;
        for account in before.accounts() {
            match live.account(account.name) {
                Some(same) if Arc::ptr_eq(same, account) => {}
                Some(changed) => directory
                    .sessions_of(account.name)
                    .iter()
                    .for_each(|session| session.do_send(AccountChanged(changed.clone()))),
                None => {
                    let within = self.services.config.session.response;
                    let leave = Disconnect { within, why: Leave::Configuration };
                    directory.sessions_of(account.name).iter().for_each(|session| session.do_send(leave));
                }
            }
        }
    }

    /// What the links of a removed operator gave back, when they ended, is re-routed once more.
    async fn reroute_after(self: Arc<Self>, ending: Vec<Addr<OperatorLink>>) {
        let deadline = tokio::time::Instant::now() + LINKS_END_WITHIN;
        while ending.iter().any(Addr::connected) && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Alone, so that no newer tables are overwritten.
        let _state = self.state.lock().await;
        let options = self.services.live_now().config.router_options();
        // It says no only to tables that it has taken already.
        let _ = self.services.router_actor.send(Reconfigure(options)).await;
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origins {
    /// Whether the file has that entry.
    pub fn in_file(&self, key: &EntryKey) -> bool {
        self.written.has(key)
    }

    /// The override of that entry.
    pub fn of(&self, key: &EntryKey) -> Option<&Entry> {
        let key = key.clone().normalised();
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Why that override is not in force.
    pub fn left_out(&self, key: &EntryKey) -> Option<&str> {
        self.left_out.iter().find(|(left_out, _)| left_out == key).map(|(_, reason)| reason.as_str())
    }

    /// The whole configuration for people: without secrets.
    pub fn shown(&self) -> Json {
        let in_force = |entry: &&Entry| self.left_out(&entry.key).is_none();
        let changes: Vec<Change> = self.entries.iter().filter(in_force).filter_map(Entry::change).collect();
        self.written.shown(&changes)
    }
}

/// Files may lie on a network: not on this thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SetError> {
    // The work does not panic, so it can only be that the runtime ends.
    tokio::task::spawn_blocking(work).await.map_err(|_| SetError::Stopping)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
