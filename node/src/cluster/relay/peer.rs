//! The actor of one peer: the stream to it. [`as_holder`] has what our sessions and links ask of the peer over it,
//! [`as_owner`] what the peer's ask of our store.
//!
//! Owns both sides of the relay to it, and the near end of the stream while there is one. Sessions and links reach it by
//! way of the store's handle ([`Way`]); the local store answers it as it answers any holder; the stream's reader brings
//! frames. Its mailbox is bounded by credit: pulls by windows, outcomes by leases, receipts and questions by theirs. If it
//! is lost, the node is like one whose stream to this peer is broken, until its next start.

mod as_holder;
mod as_owner;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use rustc_hash::FxHashMap;
use smsc_proto::ids::PartitionId;
use smsc_store::partition::Command;
use smsc_store::{AcceptRefusal, Gone, Holder, Leased, Outbox, Owned, RemoteStore, Ring, Settled};
use tokio::sync::oneshot;

use self::as_holder::{MessageGiver, QuestionAsker, ReceiptAsker, answer_givers};

use super::error::RelayError;
use super::holder::HolderSide;
use super::inquiries::Inquiries;
use super::metrics::{self, Counters, Levels};
use super::outgoing::Outgoing;
use super::owner::OwnerSide;
use super::translate::{Greeting, Reader, Said};
use super::wire::{self, Frame};
use crate::services::Services;

/// How often time is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// We say something at least so often.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// A peer that says nothing for so long is stopped, or cut off.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// What an outcome may take beyond the response timer of its holder, to come here.
const WAY_MAX: Duration = Duration::from_secs(5);
/// Bodies in one part, about.
const PART_OCTETS: usize = 128 << 10;
/// Receipts in one part.
const PART_RECEIPTS: usize = 1_024;

/// The actor.
pub struct Peer {
    services: Arc<Services>,
    number: u16,
    owner: OwnerSide,
    holder: HolderSide,
    inquiries: Inquiries<ReceiptAsker, QuestionAsker, MessageGiver>,
    /// Whether there is a stream, for those who choose a way.
    up: Arc<AtomicBool>,
    /// Whom holders of this node are answered by.
    replies: FxHashMap<Holder, Replies>,
    /// What the peer has asked our store, by the tag that the store was given.
    passed: FxHashMap<u32, u32>,
    next_tag: u32,
    reader: Reader,
    stream: Option<Open>,
    streams: u64,
    owned: Vec<Owned>,
    counters: Counters,
}

/// A stream.
struct Open {
    number: u64,
    outgoing: Outgoing,
    ends: Option<oneshot::Sender<String>>,
    heard: Instant,
    said: Instant,
}

#[derive(Default)]
struct Replies {
    ring: Option<Recipient<Ring>>,
    leased: Option<Recipient<Leased>>,
    settled: Option<Recipient<Settled>>,
    outbox: Option<Outbox>,
}

/// The way to a peer's partitions, for the store's handle.
struct Way(Addr<Peer>, Arc<AtomicBool>);

impl RemoteStore for Way {
    fn send(&self, partition: Option<PartitionId>, command: Command) {
        self.0.do_send(ForPeer { partition, command });
    }

    fn is_up(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }

    fn superseded(&self, owned: Owned) {
        self.0.do_send(Superseded(owned));
    }
}

/// A partition is elsewhere, in that life.
#[derive(Message)]
#[rtype(result = "()")]
struct Superseded(Owned);

/// Something that a session or link has for the peer.
#[derive(Message)]
#[rtype(result = "()")]
struct ForPeer {
    partition: Option<PartitionId>,
    command: Command,
}

/// There is a stream; answered with its number.
#[derive(Message)]
#[rtype(result = "u64")]
pub struct StreamOpened {
    /// What the peer has said first.
    pub greeting: Greeting,
    /// What we have said first.
    pub own: Greeting,
    /// Where it is told things.
    pub outgoing: Outgoing,
    /// Ends the stream, with the reason.
    pub ends: oneshot::Sender<String>,
}

/// A frame has come.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FrameArrived {
    /// Of which stream.
    pub stream: u64,
    /// What it says.
    pub frame: Frame,
}

/// The stream of that number has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StreamEnded {
    /// Which.
    pub stream: u64,
}

impl Peer {
    /// The actor of the peer with that node number.
    pub fn new(services: Arc<Services>, number: u16) -> Self {
        Self {
            number,
            owner: OwnerSide::new(services.config.session.response + WAY_MAX),
            holder: HolderSide::default(),
            inquiries: Inquiries::default(),
            up: Arc::default(),
            replies: FxHashMap::default(),
            passed: FxHashMap::default(),
            next_tag: 0,
            reader: Reader::default(),
            stream: None,
            streams: 0,
            owned: Vec::new(),
            counters: Counters::of(number),
            services,
        }
    }

    // --- the stream ---

    fn say(&mut self, part: wire::part::Part) {
        let Some(stream) = &mut self.stream else { return };
        stream.said = Instant::now();
        if let Err(error) = stream.outgoing.say(part) {
            self.break_off(&error);
        }
    }

    /// Ends the stream from here; the reader's end of it comes back as [`StreamEnded`].
    fn break_off(&mut self, error: &RelayError) {
        if let Some(ends) = self.stream.as_mut().and_then(|stream| stream.ends.take()) {
            tracing::warn!(event = "relay.broken", peer = self.number, "{error}");
            let _ = ends.send(error.to_string());
        }
    }

    fn close(&mut self, ctx: &mut Context<Self>) {
        if self.stream.take().is_none() {
            return;
        }
        self.up.store(false, Ordering::Relaxed);
        self.passed.clear();
        self.owner.closed();
        let mut steps = Vec::new();
        self.holder.closed(&mut steps);
        self.carry_out(steps, ctx);
        let (receipts, questions) = self.inquiries.take_all();
        self.not_answered(receipts, questions);
        let lost = self.inquiries.take_messages(Instant::now(), |_| true);
        answer_givers(lost.into_iter().map(|giver| (giver, Err(AcceptRefusal::PartitionLost))));
    }

    fn hear(&mut self, said: Said, ctx: &mut Context<Self>) -> Result<(), RelayError> {
        match said {
            Said::Beat => Ok(()),
            Said::ToOwner(said) => self.hear_holder(said, ctx),
            Said::ToHolder(said) => self.hear_owner(said, ctx),
            Said::NewMessages { partition, items } => {
                self.keep(partition, items, ctx);
                Ok(())
            }
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        if self.owner.poll_timeout().is_some_and(|due| due <= now) {
            let mut steps = Vec::new();
            self.owner.handle_timeout(now, &mut steps);
            self.carry_out_owned(steps, ctx);
        }
        let (receipts, questions) = self.inquiries.take_expired(now);
        self.not_answered(receipts, questions);
        let overdue = self.inquiries.take_messages(now, |_| false);
        answer_givers(overdue.into_iter().map(|giver| (giver, Err(AcceptRefusal::PartitionLost))));
        if let Some(stream) = &self.stream {
            let (heard, said) = (stream.heard, stream.said);
            if now.saturating_duration_since(heard) > SILENCE_MAX {
                self.break_off(&RelayError::Silent { seconds: SILENCE_MAX.as_secs() });
            } else if now.saturating_duration_since(said) >= BEAT_EVERY {
                self.say(wire::part::Part::Beat(wire::Beat {}));
            }
        }
        let (held, unconfirmed) = self.holder.load();
        let levels = Levels { up: self.stream.is_some(), given: self.owner.given(), held, unconfirmed };
        metrics::record(self.number, levels);
    }
}

impl Actor for Peer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK_EVERY, Self::look);
        // It lives as long as the node.
        self.services.store.watch(self.services.new_holder(), ctx.address().recipient());
    }
}

impl Handler<StreamOpened> for Peer {
    type Result = u64;

    fn handle(&mut self, opened: StreamOpened, ctx: &mut Context<Self>) -> u64 {
        let StreamOpened { greeting, own, outgoing, ends } = opened;
        self.close(ctx);
        self.streams += 1;
        let now = Instant::now();
        self.stream = Some(Open { number: self.streams, outgoing, ends: Some(ends), heard: now, said: now });
        let Greeting { incarnation, owned: theirs, .. } = greeting;
        let shown = incarnation.to_string();
        tracing::info!(event = "relay.open", peer = self.number, incarnation = shown, "a stream to the peer is open");
        let mut owned = Vec::new();
        self.owner.opened(incarnation, &own.owned, &mut owned);
        self.owner.owns(self.services.store.owned(), &mut owned);
        self.carry_out_owned(owned, ctx);
        let mut steps = Vec::new();
        self.holder.opened(incarnation, theirs.clone(), &mut steps);
        self.carry_out(steps, ctx);
        self.up.store(true, Ordering::Relaxed);
        self.has_now(theirs, ctx);
        self.services.store.try_parked_again();
        self.streams
    }
}

impl Handler<FrameArrived> for Peer {
    type Result = ();

    fn handle(&mut self, arrived: FrameArrived, ctx: &mut Context<Self>) {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.number == arrived.stream) else { return };
        stream.heard = Instant::now();
        for part in arrived.frame.parts {
            let heard = self.reader.read(part).and_then(|said| self.hear(said, ctx));
            if let Err(error) = heard {
                return self.break_off(&error);
            }
        }
    }
}

impl Handler<Gone> for Peer {
    type Result = ();

    /// A partition has come to this node, or left it.
    fn handle(&mut self, _: Gone, ctx: &mut Context<Self>) {
        let mut steps = Vec::new();
        self.owner.owns(self.services.store.owned(), &mut steps);
        self.carry_out_owned(steps, ctx);
    }
}

impl Handler<Superseded> for Peer {
    type Result = ();

    fn handle(&mut self, Superseded(owned): Superseded, ctx: &mut Context<Self>) {
        let mut steps = Vec::new();
        self.holder.superseded(owned, &mut steps);
        self.carry_out(steps, ctx);
    }
}

impl Handler<StreamEnded> for Peer {
    type Result = ();

    fn handle(&mut self, ended: StreamEnded, ctx: &mut Context<Self>) {
        if self.stream.as_ref().is_some_and(|stream| stream.number == ended.stream) {
            self.close(ctx);
        }
    }
}
