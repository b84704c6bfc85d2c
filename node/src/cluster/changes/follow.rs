//! Hears what peers hold, and takes it in.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::cluster::wire::changes_client::ChangesClient;
use crate::cluster::wire::{ChangeBatch, ChangesRequest};
use crate::cluster::{ClusterHandle, Peer};
use crate::operator::reconnect::Backoff;
use crate::overrides::Entry;
use crate::reload::{LiveConfig, SetError};

/// How long a peer may take to answer the call.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The longest wait between attempts: what is changed is to act within a second.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// How long we wait for a peer that does not know the call: it is of the release before.
const UNKNOWN_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// When what was not taken, because of a clock, is asked for again.
const REFUSED_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Batches are taken in together, up to so many entries: each time costs a file that is written whole.
const TOGETHER_MAX: usize = 20_000;
/// The largest batch that is read.
const BATCH_SIZE_MAX: usize = 64 << 20;
/// The largest entry that is taken: what the API takes, and some.
const ENTRY_SIZE_MAX: usize = 128 << 10;

/// How far we are with each peer: which version of which incarnation's changes we have.
type Has = Arc<Mutex<HashMap<u16, (Uuid, u64)>>>;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{:?}: {}", .0.code(), .0.message())]
    Failed(Box<Status>),
    #[error("no answer")]
    Silent,
    #[error("the peer has ended it")]
    Closed,
    #[error("the connection is another one now")]
    Disconnected,
    #[error("what came cannot be taken in: {0}")]
    NotTaken(#[from] SetError),
    #[error("what was not taken is asked for again")]
    Again,
}

/// Hears all peers that are connected, for as long as the node lives.
pub(super) async fn all(cluster: ClusterHandle, config: Arc<LiveConfig>) {
    let (heard, has) = (Arc::new(Mutex::new(HashSet::new())), Has::default());
    let mut changed = cluster.changed();
    loop {
        for peer in &cluster.view().peers {
            if peer.channel.is_some() && lock(&heard).insert(peer.number) {
                let (cluster, config, heard, has) = (cluster.clone(), config.clone(), heard.clone(), has.clone());
                let number = peer.number;
                tokio::spawn(async move {
                    keep(&cluster, &config, number, &has).await;
                    lock(&heard).remove(&number);
                });
            }
        }
        // A peer whose stream was given up meanwhile is looked at again soon, changed or not.
        let _ = timeout(WAIT_MAX, changed.changed()).await;
    }
}

/// Keeps a stream from that peer, for as long as it is connected.
async fn keep(cluster: &ClusterHandle, config: &Arc<LiveConfig>, number: u16, has: &Has) {
    let mut backoff = Backoff::default();
    loop {
        let peer = cluster.view().peer(number).cloned();
        let Some((peer, channel)) = peer.and_then(|peer| Some((peer.clone(), peer.channel?))) else { return };
        let started = Instant::now();
        let stream = Stream { cluster, config, peer, has };
        let ended = tokio::select! {
            ended = stream.hear(channel) => ended,
            () = until_disconnected(cluster, stream.peer.incarnation) => Ended::Disconnected,
        };
        let name = &*stream.peer.name;
        let wait = match &ended {
            Ended::Failed(status) if status.code() == Code::Unimplemented => {
                let text = "it is of an earlier release: what is changed at run time is not shared with it";
                tracing::warn!(event = "changes.unknown", peer = name, number, "{text}");
                UNKNOWN_AGAIN_AFTER
            }
            Ended::NotTaken(error) => {
                tracing::error!(event = "changes.not_kept", peer = name, number, %error, "changes of other nodes cannot be taken in; tried again");
                backoff.next(Duration::ZERO, rand::random())
            }
            Ended::Again => Duration::ZERO,
            Ended::Failed(_) | Ended::Silent | Ended::Closed | Ended::Disconnected => {
                tracing::debug!(event = "changes.closed", peer = name, number, "the stream has ended: {ended}");
                backoff.next(started.elapsed(), rand::random()).min(WAIT_MAX)
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = until_disconnected(cluster, stream.peer.incarnation) => {}
        }
    }
}

/// One stream from one peer.
struct Stream<'a> {
    cluster: &'a ClusterHandle,
    config: &'a Arc<LiveConfig>,
    peer: Peer,
    has: &'a Has,
}

impl Stream<'_> {
    async fn hear(&self, channel: Channel) -> Ended {
        let mut client = ChangesClient::new(channel).max_decoding_message_size(BATCH_SIZE_MAX);
        let (from_incarnation, from_version) = lock(self.has).get(&self.peer.number).copied().unwrap_or_default();
        let request = ChangesRequest {
            incarnation: self.cluster.identity().incarnation.as_bytes().to_vec().into(),
            from_incarnation: from_incarnation.as_bytes().to_vec().into(),
            from_version,
        };
        let mut batches = match timeout(ANSWER_WITHIN, client.watch(request)).await {
            Ok(Ok(batches)) => batches.into_inner(),
            Ok(Err(status)) => return Ended::Failed(Box::new(status)),
            Err(_) => return Ended::Silent,
        };
        let mut ask_again: Option<tokio::time::Instant> = None;
        loop {
            let next = async {
                match ask_again {
                    Some(at) => tokio::time::timeout_at(at, together(&mut batches)).await.unwrap_or(Err(Ended::Again)),
                    None => together(&mut batches).await,
                }
            };
            let (entries, version) = match next.await {
                Ok(came) => came,
                Err(ended) => return ended,
            };
            match self.take(entries).await {
                Ok(true) => {}
                Ok(false) => _ = ask_again.get_or_insert_with(|| tokio::time::Instant::now() + REFUSED_AGAIN_AFTER),
                Err(error) => return error.into(),
            }
            // What was not taken comes again with the next stream.
            if ask_again.is_none() {
                lock(self.has).insert(self.peer.number, (self.peer.incarnation, version));
            }
        }
    }

    /// Returns whether all of them were taken.
    async fn take(&self, entries: Vec<Entry>) -> Result<bool, SetError> {
        if entries.is_empty() {
            return Ok(true);
        }
        let merged = self.config.merge(entries).await?;
        let (peer, number) = (&*self.peer.name, self.peer.number);
        if !merged.keys.is_empty() {
            let (count, first) = (merged.keys.len(), merged.keys[0].to_string());
            tracing::info!(event = "changes.merged", peer, number, count, first, "changes of other nodes");
        }
        if let Some(ahead) = merged.ahead.first() {
            let (key, on, count) = (ahead.key.to_string(), &ahead.on, merged.ahead.len());
            let hours = ahead.by.as_secs() / 3_600;
            tracing::error!(
                event = "changes.clock",
                peer,
                number,
                count,
                on,
                key,
                "a change is dated {hours} hours ahead of this node's clock and is not taken: set the clock of {on}, or of this node"
            );
        }
        if merged.no_room > 0 {
            let count = merged.no_room;
            tracing::error!(event = "changes.full", peer, number, count, "changes are not taken: there are too many");
        }
        Ok(merged.ahead.is_empty() && merged.no_room == 0)
    }
}

/// The entries of batches that belong together, and the version that we have with them.
async fn together(batches: &mut Streaming<ChangeBatch>) -> Result<(Vec<Entry>, u64), Ended> {
    let mut entries = Vec::new();
    loop {
        let batch = match batches.message().await {
            Ok(Some(batch)) => batch,
            Ok(None) => return Err(Ended::Closed),
            Err(status) => return Err(Ended::Failed(Box::new(status))),
        };
        entries.extend(batch.entries.iter().filter_map(|text| read(text)));
        if !batch.more || entries.len() >= TOGETHER_MAX {
            return Ok((entries, batch.version));
        }
    }
}

/// An entry as it came. What a later release says and we do not understand comes again when we are that release.
fn read(text: &str) -> Option<Entry> {
    let read = match text.len() {
        ..=ENTRY_SIZE_MAX => serde_json::from_str(text).map_err(|error| error.to_string()),
        length => Err(format!("{length} octets long")),
    };
    let unread = |error: &String| tracing::warn!(event = "changes.unread", error, "a change that is not understood");
    read.inspect_err(unread).ok()
}

/// Waits until there is no connection to that incarnation any more.
async fn until_disconnected(cluster: &ClusterHandle, incarnation: Uuid) {
    let mut changed = cluster.changed();
    let connected = || {
        let view = cluster.view();
        view.peers.iter().any(|peer| peer.incarnation == incarnation && peer.channel.is_some())
    };
    while connected() {
        if changed.changed().await.is_err() {
            return;
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_left_out() {
        for bad in ["", "{}", "{\"key\":{\"kind\":\"later\"}}", &" ".repeat(ENTRY_SIZE_MAX + 1)] {
            assert_eq!(read(bad), None);
        }
    }
}
