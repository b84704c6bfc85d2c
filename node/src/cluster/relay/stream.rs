//! One stream: opened by the node with the lower number, greeted, read until it ends; and opened again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::Relays;
use super::outgoing::{Outgoing, outgoing};
use super::peer::{FrameArrived, StreamEnded, StreamOpened};
use super::translate::Greeting;
use super::wire::Frame;
use super::wire::relay_client::RelayClient;
use crate::operator::reconnect::Backoff;

/// How long a peer may take to answer a call, and to greet.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The longest wait between attempts: messages wait meanwhile.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Keeps a stream to every peer with a higher number than ours that is connected.
pub(super) async fn open_all(relays: Arc<Relays>) {
    let open = Arc::new(Mutex::new(HashSet::new()));
    let mut changed = relays.cluster.changed();
    loop {
        let own = relays.cluster.identity().number;
        for peer in &relays.cluster.view().peers {
            let claim = || open.lock().unwrap_or_else(PoisonError::into_inner).insert(peer.number);
            if peer.number > own && peer.channel.is_some() && claim() {
                let (relays, open, number) = (relays.clone(), open.clone(), peer.number);
                tokio::spawn(async move {
                    keep(&relays, number).await;
                    open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                });
            }
        }
        // A peer whose stream was given up meanwhile is looked at again soon, changed or not.
        let _ = tokio::time::timeout(WAIT_MAX, changed.changed()).await;
    }
}

/// Keeps a stream to that peer, for as long as it is connected.
async fn keep(relays: &Arc<Relays>, number: u16) {
    let mut backoff = Backoff::default();
    loop {
        let channel = relays.cluster.view().peer(number).and_then(|peer| peer.channel.clone());
        let Some(channel) = channel else { return };
        let started = Instant::now();
        let why = open(relays, number, channel).await;
        tracing::info!(event = "relay.closed", peer = number, "the stream has ended: {why}");
        tokio::time::sleep(backoff.next(started.elapsed(), rand::random()).min(WAIT_MAX)).await;
    }
}

/// Opens a stream and reads it; returns why it ended.
async fn open(relays: &Arc<Relays>, number: u16, channel: Channel) -> String {
    let (near, far) = outgoing();
    let own = relays.greeting();
    // A queue that is new has room.
    let _ = near.say(own.to_part());
    let mut client = RelayClient::new(channel);
    let mut incoming = match tokio::time::timeout(ANSWER_WITHIN, client.exchange(far)).await {
        Ok(Ok(incoming)) => incoming.into_inner(),
        Ok(Err(status)) => return reason(&status),
        Err(_) => return "no answer".to_owned(),
    };
    match greeted(relays, &mut incoming).await {
        Ok(greeting) if greeting.number == number => run(relays, greeting, own, incoming, near).await,
        Ok(greeting) => format!("it says that it is node {}", greeting.number),
        Err(why) => why,
    }
}

/// Waits for the greeting of a peer that has shaken hands with us.
pub(super) async fn greeted(relays: &Relays, incoming: &mut Streaming<Frame>) -> Result<Greeting, String> {
    let frame = match tokio::time::timeout(ANSWER_WITHIN, incoming.message()).await {
        Ok(Ok(Some(frame))) => frame,
        Ok(Ok(None)) => return Err("it has ended the stream without a greeting".to_owned()),
        Ok(Err(status)) => return Err(reason(&status)),
        Err(_) => return Err("no greeting".to_owned()),
    };
    let greeting = Greeting::of(frame).map_err(|error| error.to_string())?;
    let view = relays.cluster.view();
    if view.peer(greeting.number).is_some_and(|peer| peer.incarnation == greeting.incarnation) {
        Ok(greeting)
    } else {
        Err(format!("node {} has not shaken hands with us", greeting.number))
    }
}

/// Gives a stream to the actor of its peer, and reads it for that; returns why it ended. `own`: what we have said first.
pub(super) async fn run(
    relays: &Arc<Relays>,
    greeting: Greeting,
    own: Greeting,
    mut incoming: Streaming<Frame>,
    near: Outgoing,
) -> String {
    let peer = relays.peer(greeting.number);
    let (ends, mut ended) = oneshot::channel();
    let Ok(stream) = peer.send(StreamOpened { greeting, own, outgoing: near, ends }).await else {
        return "this node stops".to_owned();
    };
    let why = loop {
        tokio::select! {
            message = incoming.message() => match message {
                // Its mailbox is bounded by what was asked for: reading waits for nothing.
                Ok(Some(frame)) => peer.do_send(FrameArrived { stream, frame }),
                Ok(None) => break "the peer has ended it".to_owned(),
                Err(status) => break reason(&status),
            },
            why = &mut ended => break why.unwrap_or_else(|_| "another one took its place".to_owned()),
        }
    };
    peer.do_send(StreamEnded { stream });
    why
}

fn reason(status: &Status) -> String {
    let behind = std::error::Error::source(status).map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{:?}: {}{behind}", status.code(), status.message())
}
