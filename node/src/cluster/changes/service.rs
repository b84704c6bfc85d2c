//! The gRPC service: what this node holds, for peers.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::cluster::ClusterHandle;
use crate::cluster::translate::incarnation;
use crate::cluster::wire::changes_server::{Changes, ChangesServer};
use crate::cluster::wire::{ChangeBatch, ChangesRequest};
use crate::reload::LiveConfig;

/// Changes in one batch: with entries of a few hundred octets a fraction of what a message may have.
const BATCH_MAX: usize = 500;

/// Answers peers.
pub(super) struct Service {
    cluster: ClusterHandle,
    config: watch::Receiver<Option<Arc<LiveConfig>>>,
}

impl Service {
    pub(super) fn new(cluster: ClusterHandle, config: watch::Receiver<Option<Arc<LiveConfig>>>) -> ChangesServer<Self> {
        ChangesServer::new(Self { cluster, config })
    }
}

#[tonic::async_trait]
impl Changes for Service {
    type WatchStream = ReceiverStream<Result<ChangeBatch, Status>>;

    async fn watch(&self, request: Request<ChangesRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let request = request.into_inner();
        if !incarnation(&request.incarnation).is_some_and(|watcher| self.cluster.knows(watcher)) {
            return Err(Status::failed_precondition("no handshake came before"));
        }
        let Some(config) = self.config.borrow().clone() else { return Err(Status::unavailable("it is starting")) };
        let same = incarnation(&request.from_incarnation) == Some(self.cluster.identity().incarnation);
        let (sender, batches) = mpsc::channel(1);
        tokio::spawn(tell(config, if same { request.from_version } else { 0 }, sender));
        Ok(Response::new(ReceiverStream::new(batches)))
    }
}

/// Tells one watcher, who has that version, until he is gone.
async fn tell(config: Arc<LiveConfig>, mut has: u64, sender: mpsc::Sender<Result<ChangeBatch, Status>>) {
    let mut version = config.version();
    loop {
        // A change that comes while the batch is being made wakes us once more.
        version.borrow_and_update();
        let batch = config.since(has, BATCH_MAX).await;
        has = batch.version;
        let more = batch.more;
        let entries = batch.entries.iter().filter_map(|entry| serde_json::to_string(entry).ok()).collect();
        // Also one without entries: it says that this was all.
        if sender.send(Ok(ChangeBatch { entries, version: has, more })).await.is_err() {
            return;
        }
        if more {
            continue;
        }
        tokio::select! {
            changed = version.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}
