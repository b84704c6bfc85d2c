//! The gRPC service: peers with lower numbers open their streams here.

use std::sync::Arc;

use tokio_stream::StreamExt;
use tokio_stream::adapters::Map;
use tonic::{Request, Response, Status, Streaming};

use super::Relays;
use super::outgoing::{OutgoingFrames, outgoing};
use super::stream;
use super::wire::Frame;
use super::wire::relay_server::{Relay, RelayServer};

/// Answers peers.
pub(super) struct Service(Arc<Relays>);

impl Service {
    pub(super) fn new(relays: Arc<Relays>) -> RelayServer<Self> {
        RelayServer::new(Self(relays))
    }
}

#[tonic::async_trait]
impl Relay for Service {
    type ExchangeStream = Map<OutgoingFrames, fn(Frame) -> Result<Frame, Status>>;

    async fn exchange(&self, request: Request<Streaming<Frame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        let (near, far) = outgoing();
        let relays = self.0.clone();
        let mut incoming = request.into_inner();
        // The answer's beginning must not wait for the greeting, which may wait for it.
        tokio::spawn(async move {
            match stream::greeted(&relays, &mut incoming).await {
                Ok(greeting) if greeting.number < relays.greeting().number => {
                    let number = greeting.number;
                    let own = relays.greeting();
                    // A queue that is new has room.
                    let _ = near.say(own.to_part());
                    let why = stream::run(&relays, greeting, own, incoming, near).await;
                    tracing::info!(event = "relay.closed", peer = number, "the stream has ended: {why}");
                }
                Ok(greeting) => {
                    let peer = greeting.number;
                    tracing::warn!(
                        event = "relay.refused",
                        peer,
                        "a stream is opened by the node with the lower number"
                    );
                }
                Err(why) => tracing::info!(event = "relay.refused", "a stream that is not answered: {why}"),
            }
        });
        Ok(Response::new(far.map(Ok)))
    }
}
