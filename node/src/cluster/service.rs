//! The gRPC service: what peers ask of this node.
//!
//! A watcher that reads slowly makes nothing grow: while one update waits for it, what is newer only grows in versions,
//! and the next update holds the last word on every key.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::handle::ClusterHandle;
use super::peers::BEAT_EVERY;
use super::translate::incarnation;
use super::wire::cluster_server::{Cluster, ClusterServer};
use super::wire::{Answer, Hello, Update, WatchRequest};

/// Answers peers.
pub(super) struct Service(ClusterHandle);

impl Service {
    pub(super) fn new(handle: ClusterHandle) -> ClusterServer<Self> {
        ClusterServer::new(Self(handle))
    }
}

#[tonic::async_trait]
impl Cluster for Service {
    type WatchStream = ReceiverStream<Result<Update, Status>>;

    async fn handshake(&self, request: Request<Hello>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(self.0.greet(request.get_ref())))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let request = request.into_inner();
        let watcher = incarnation(&request.incarnation).filter(|watcher| self.0.knows(*watcher));
        let watcher = watcher.ok_or_else(|| Status::failed_precondition("no handshake came before"))?;
        let same = incarnation(&request.from_incarnation) == Some(self.0.identity().incarnation);
        let (sender, updates) = mpsc::channel(1);
        tokio::spawn(tell(self.0.clone(), watcher, same.then_some(request.from_version), sender));
        Ok(Response::new(ReceiverStream::new(updates)))
    }
}

/// Tells one watcher until it is gone, or replaced.
async fn tell(
    handle: ClusterHandle,
    watcher: Uuid,
    mut has: Option<u64>,
    sender: mpsc::Sender<Result<Update, Status>>,
) {
    let mut published = handle.published();
    loop {
        // A change that comes while the update is being made wakes us once more.
        published.borrow_and_update();
        let last = handle.has_left();
        let Some(update) = handle.update_for(watcher, has) else { return };
        has = Some(update.version);
        if sender.send(Ok(update)).await.is_err() || last {
            return;
        }
        tokio::select! {
            changed = published.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(BEAT_EVERY) => {}
            () = sender.closed() => return,
        }
    }
}
