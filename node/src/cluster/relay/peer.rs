//! The actor of one peer.
//!
//! Owns both sides of the relay to it, and the near end of the stream while there is one. Sessions and links reach it by
//! way of the store's handle ([`Way`]); the local store answers it as it answers any holder; the stream's reader brings
//! frames. Its mailbox is bounded by credit: pulls by windows, outcomes by leases, receipts and questions by theirs. If it
//! is lost, the node is like one whose stream to this peer is broken, until its next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use rustc_hash::FxHashMap;
use smsc_proto::ids::{MessageId, PartitionId};
use smsc_store::partition::Command;
use smsc_store::{
    Accept, AcceptRefusal, Accepted, Cancel, Cancelled, Find, Found, Gone, Holder, Leased, LeasedDelivery, Matching,
    NewMessage, NotReplaced, OperatorReceipt, Outbox, Outcome, Owned, Pull, ReceiptsRecorded, RecordReceipts, Register,
    Release, RemoteStore, Replace, Replaced, Rest, Ring, SeekReceipts, Settle, Settled, Settlement, Stray,
    StrayReceipts,
};
use tokio::sync::oneshot;

use super::error::RelayError;
use super::holder::{HolderSide, HolderStep};
use super::inquiries::Inquiries;
use super::metrics::{self, Counters, Levels};
use super::new_messages;
use super::outgoing::Outgoing;
use super::owner::{OwnerSide, OwnerStep, differing};
use super::part::{Answer, Question, Replacing, ToHolder, ToOwner};
use super::translate::{self, Greeting, Reader, Said};
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

struct ReceiptAsker {
    partition: PartitionId,
    reply: Recipient<ReceiptsRecorded>,
    /// Who gets those back that are not kept; `None`: they were to be parked, and the operator brings them again.
    strays: Option<Recipient<StrayReceipts>>,
}

/// Who has brought a new message, and is told under that tag.
struct MessageGiver {
    partition: PartitionId,
    tag: u32,
    reply: Recipient<Accepted>,
}

struct QuestionAsker {
    partition: PartitionId,
    who: WhoAsks,
}

enum WhoAsks {
    Find(u32, Recipient<Found>),
    Cancel(u32, Recipient<Cancelled>),
    Replace(u32, Recipient<Replaced>),
}

impl QuestionAsker {
    fn answer(self, answer: Answer) {
        match (self.who, answer) {
            (WhoAsks::Find(tag, reply), Answer::Found(deliveries)) => {
                reply.do_send(Found { tag, deliveries, reached: true });
            }
            (WhoAsks::Cancel(tag, reply), Answer::Cancelled { count, more }) => {
                reply.do_send(Cancelled { tag, count, more, reached: true });
            }
            (WhoAsks::Replace(tag, reply), Answer::Replaced(result)) => reply.do_send(Replaced { tag, result }),
            // An answer to something else is none.
            (who, _) => who.not_answered(),
        }
    }
}

impl WhoAsks {
    fn not_answered(self) {
        match self {
            Self::Find(tag, reply) => reply.do_send(Found::out_of_reach(tag)),
            Self::Cancel(tag, reply) => reply.do_send(Cancelled::out_of_reach(tag)),
            Self::Replace(tag, reply) => reply.do_send(Replaced::out_of_reach(tag)),
        }
    }
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

    // --- as an owner ---

    fn hear_holder(&mut self, said: ToOwner, ctx: &mut Context<Self>) -> Result<(), RelayError> {
        let mut steps = Vec::new();
        match said {
            ToOwner::Register { holder, outbox } => {
                let services = &self.services;
                self.owner.register(holder, outbox, || services.new_holder(), &mut steps);
            }
            ToOwner::Release { holder } => self.owner.release(holder, &mut steps),
            ToOwner::Holding { leases } => self.owner.holding(leases),
            ToOwner::Resumed => self.owner.resumed(&mut steps),
            ToOwner::Pull { partition, holder, room } => self.owner.pull(partition, holder, room, &mut steps),
            ToOwner::Outcomes { batch, partition, holder, items } => {
                self.owner.settle(batch, partition, holder, items, &mut steps);
            }
            ToOwner::Heard { number } => self.owner.heard(number),
            // The peer hears that it has gone, and takes back what it asked.
            ToOwner::Receipts { partition, .. } | ToOwner::Question { partition, .. }
                if !self.owner.is_meant(partition) => {}
            ToOwner::Receipts { partition, matching, park, items } => {
                let items = items.into_iter().map(|item| OperatorReceipt { tag: self.pass(item.tag), ..item });
                let receipts = RecordReceipts { items: items.collect(), reply: ctx.address().recipient() };
                let command = match park {
                    true => Command::Receipts(receipts),
                    false => Command::Seek(SeekReceipts { receipts, matching, strays: ctx.address().recipient() }),
                };
                self.services.store.send_local(partition, command);
            }
            ToOwner::Question { number, partition, question } => {
                let command = self.question(number, question, ctx);
                self.services.store.send_local(partition, command);
            }
        }
        self.carry_out_owned(steps, ctx);
        Ok(())
    }

    /// Keeps new messages of a peer that has no partition.
    fn keep(&mut self, partition: PartitionId, items: Vec<NewMessage>, ctx: &mut Context<Self>) {
        if !self.owner.is_meant(partition) {
            // It hears that the partition has gone, and answers whoever brought them.
            return;
        }
        let items = items.into_iter().map(|item| NewMessage { tag: self.pass(item.tag), ..item });
        let accept = Accept { items: items.collect(), reply: ctx.address().recipient() };
        if let Err(Accept { items, .. }) = self.services.store.accept_local(partition, accept) {
            let items = items.into_iter().filter_map(|item| self.passed(item.tag));
            let items = items.map(|tag| (tag, Err(AcceptRefusal::StoreFull))).collect();
            self.say(translate::to_holder(ToHolder::Kept { items }));
        }
    }

    /// The tag under which the store is asked what the peer asks under that one.
    fn pass(&mut self, theirs: u32) -> u32 {
        let tag = self.next_tag;
        self.next_tag = tag.wrapping_add(1);
        self.passed.insert(tag, theirs);
        tag
    }

    /// Gives back the peer's tag; `None`: it asked over an earlier stream.
    fn passed(&mut self, tag: u32) -> Option<u32> {
        self.passed.remove(&tag)
    }

    fn question(&mut self, number: u32, question: Question, ctx: &mut Context<Self>) -> Command {
        let tag = self.pass(number);
        match question {
            Question::Find(message) => Command::Find(Find { tag, message, reply: ctx.address().recipient() }),
            Question::Cancel { account, like, what } => {
                Command::Cancel(Cancel { tag, account, like, what, reply: ctx.address().recipient() })
            }
            Question::Replace(replacing) => {
                let Replacing { account, like, message, due, expires, receipts, text } = *replacing;
                let reply = ctx.address().recipient();
                Command::Replace(Replace { tag, account, like, message, due, expires, receipts, text, reply })
            }
        }
    }

    fn answer(&mut self, tag: u32, answer: Answer) {
        if let Some(number) = self.passed(tag) {
            self.say(translate::to_holder(ToHolder::Answer { number, answer }));
        }
    }

    fn carry_out_owned(&mut self, steps: Vec<OwnerStep>, ctx: &mut Context<Self>) {
        for step in steps {
            let store = &self.services.store;
            match step {
                OwnerStep::Send(ToHolder::Leased { partition, holder, items, more: _ }) => {
                    self.counters.given.increment(items.len() as u64);
                    self.say_leased(partition, holder, items);
                }
                OwnerStep::Send(said) => self.say(translate::to_holder(said)),
                OwnerStep::Register { outbox, holder } => {
                    for partition in store.partitions() {
                        let ring = ctx.address().recipient();
                        store.send_local(partition, Command::Register(Register { outbox, holder, ring }));
                    }
                }
                OwnerStep::Release { holder } => {
                    for partition in store.partitions() {
                        store.send_local(partition, Command::Release(Release { holder }));
                    }
                }
                OwnerStep::Pull { partition, outbox, holder, room } => {
                    let reply = ctx.address().recipient();
                    let pull = Pull { outbox, holder, room, rest: Rest::Returns, reply };
                    store.send_local(partition, Command::Pull(pull));
                }
                OwnerStep::Settle { partition, holder, items } => {
                    let reply = Some(ctx.address().recipient());
                    store.send_local(partition, Command::Settle(Settle { holder, items, reply }));
                }
                OwnerStep::GiveBack { partition, holder, leases } => {
                    self.counters.returned.increment(leases.len() as u64);
                    let items = leases.into_iter().map(|lease| Settlement::new(lease, Outcome::NotSent)).collect();
                    store.send_local(partition, Command::Settle(Settle { holder, items, reply: None }));
                }
                OwnerStep::Lost { partition, holder, outbox, lease, attempt } => {
                    self.counters.lost.increment(1);
                    let now = self.services.now();
                    let live = self.services.live();
                    let operator = live.profiles.iter().find(|profile| outbox == Outbox::Operator(profile.name));
                    let schedule = operator.map_or(&self.services.offer_again, |profile| &profile.retry);
                    let retry_at = schedule.next(attempt, now);
                    let items = vec![Settlement::new(lease, Outcome::LinkLost { retry_at })];
                    store.send_local(partition, Command::Settle(Settle { holder, items, reply: None }));
                }
            }
        }
    }

    /// In parts of a size that a frame can hold.
    fn say_leased(&mut self, partition: PartitionId, holder: u64, items: Vec<LeasedDelivery>) {
        let mut items = items.into_iter().peekable();
        loop {
            let (mut part, mut octets) = (Vec::new(), 0);
            while let Some(item) = items.next_if(|_| octets < PART_OCTETS) {
                octets += item.body.len();
                part.push(item);
            }
            let more = items.peek().is_some();
            self.say(translate::to_holder(ToHolder::Leased { partition, holder, items: part, more }));
            if !more {
                return;
            }
        }
    }

    // --- as a holder ---

    fn hear_owner(&mut self, said: ToHolder, ctx: &mut Context<Self>) -> Result<(), RelayError> {
        let mut steps = Vec::new();
        match said {
            ToHolder::Ring { holder, partition } => self.holder.ring(holder, partition, &mut steps),
            ToHolder::Leased { partition, holder, items, more } => {
                self.counters.taken.increment(items.len() as u64);
                self.holder.leased(partition, holder, items, more, &mut steps)?;
            }
            ToHolder::Confirmed { batch } => self.holder.confirmed(batch, &mut steps),
            ToHolder::Owned { number, owned } => {
                self.holder.owned(number, owned.clone(), &mut steps);
                self.carry_out(std::mem::take(&mut steps), ctx);
                self.has_now(owned, ctx);
            }
            ToHolder::Kept { items } => {
                let known = items.into_iter();
                let known: Vec<_> =
                    known.filter_map(|(number, result)| Some((self.inquiries.take_message(number)?, result))).collect();
                answer_givers(known.into_iter());
            }
            ToHolder::Receipts { recorded, unmatched } => self.receipts_answered(recorded, unmatched),
            ToHolder::Answer { number, answer } => {
                if let Some(asker) = self.inquiries.take_question(number) {
                    asker.answer(answer);
                }
            }
        }
        self.carry_out(steps, ctx);
        Ok(())
    }

    fn carry_out(&mut self, steps: Vec<HolderStep>, _: &mut Context<Self>) {
        for step in steps {
            match step {
                HolderStep::Send(said) => self.say(translate::to_owner(said)),
                HolderStep::Ring { holder, partition } => {
                    let Some(Replies { ring: Some(ring), outbox: Some(outbox), .. }) = self.replies.get(&holder) else {
                        continue;
                    };
                    ring.do_send(Ring { outbox: *outbox, partition, holder });
                }
                HolderStep::Leased { holder, partition, room, items } => {
                    let Some(Replies { leased: Some(leased), outbox: Some(outbox), .. }) = self.replies.get(&holder)
                    else {
                        continue;
                    };
                    leased.do_send(Leased { outbox: *outbox, partition, holder, room, items });
                }
                HolderStep::Elsewhere { holder, partition, items } => {
                    self.services.store.settle(partition, Settle { holder, items, reply: None });
                }
                HolderStep::Settled { holder, partition, count } => {
                    if let Some(Replies { settled: Some(settled), .. }) = self.replies.get(&holder) {
                        settled.do_send(Settled { partition, holder, count });
                    }
                }
            }
        }
    }

    /// The peer has these partitions: what it was asked about others it will not answer.
    fn has_now(&mut self, owned: Vec<Owned>, ctx: &mut Context<Self>) {
        if self.owned == owned {
            return;
        }
        let changed = differing(&self.owned, &owned);
        let (receipts, questions) = self
            .inquiries
            .take_of(|asker| changed.contains(&asker.partition), |asker| changed.contains(&asker.partition));
        self.not_answered(receipts, questions);
        let lost = self.inquiries.take_messages(Instant::now(), |giver| changed.contains(&giver.partition));
        answer_givers(lost.into_iter().map(|giver| (giver, Err(AcceptRefusal::PartitionLost))));
        self.owned.clone_from(&owned);
        // Holders are registered by this, once it is handled.
        self.services.store.set_remote(self.number, &owned, Arc::new(Way(ctx.address(), self.up.clone())));
        self.services.store.try_parked_again();
    }

    fn receipts_answered(&mut self, recorded: Vec<u32>, unmatched: Vec<u32>) {
        self.counters.recorded.increment(recorded.len() as u64);
        self.counters.unmatched.increment(unmatched.len() as u64);
        for number in recorded {
            if let Some((receipt, asker)) = self.inquiries.take_receipt(number) {
                asker.reply.do_send(ReceiptsRecorded::one(receipt.tag, true));
            }
        }
        let unmatched = unmatched.into_iter().filter_map(|number| self.inquiries.take_receipt(number));
        give_back(unmatched.collect(), Stray::Unmatched);
    }

    fn not_answered(&self, receipts: Vec<(OperatorReceipt, ReceiptAsker)>, questions: Vec<QuestionAsker>) {
        self.counters.unanswered.increment(receipts.len() as u64);
        give_back(receipts, Stray::OutOfReach);
        for asker in questions {
            asker.who.not_answered();
        }
    }

    /// Whether there is a stream, and the peer has that partition by what it said last.
    fn reaches(&self, partition: PartitionId) -> bool {
        self.stream.is_some() && self.owned.iter().any(|owned| owned.partition == partition)
    }

    /// Gives new messages to the peer. `Err` in the answer is never a promise that they are not kept.
    fn give(&mut self, partition: PartitionId, accept: Accept) {
        let Accept { reply, items } = accept;
        let now = Instant::now();
        let (mut given, mut refused, mut octets) = (Vec::with_capacity(items.len()), Vec::new(), 0);
        for item in items {
            let giver = MessageGiver { partition, tag: item.tag, reply: reply.clone() };
            let number = match self.reaches(partition) {
                true => self.inquiries.give_message(now, giver),
                false => Err(giver),
            };
            match number {
                Ok(tag) => {
                    octets += item.body.len();
                    given.push(NewMessage { tag, ..item });
                }
                Err(giver) => refused.push((giver, Err(AcceptRefusal::OwnerOutOfReach))),
            }
            if octets >= PART_OCTETS {
                octets = 0;
                self.say(new_messages::to_part(partition, std::mem::take(&mut given)));
            }
        }
        if !given.is_empty() {
            self.say(new_messages::to_part(partition, given));
        }
        answer_givers(refused.into_iter());
    }

    fn seek(
        &mut self,
        partition: PartitionId,
        RecordReceipts { reply, items }: RecordReceipts,
        matching: Matching,
        strays: Option<Recipient<StrayReceipts>>,
    ) {
        let now = Instant::now();
        let (mut asked, mut refused) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            let asker = ReceiptAsker { partition, reply: reply.clone(), strays: strays.clone() };
            if !self.reaches(partition) {
                refused.push((item, asker));
                continue;
            }
            match self.inquiries.ask_receipt(now, item, asker) {
                Ok(receipt) => asked.push(receipt),
                Err(back) => refused.push(back),
            }
        }
        self.not_answered(refused, Vec::new());
        for items in asked.chunks(PART_RECEIPTS) {
            let items = items.to_vec();
            let park = strays.is_none();
            self.say(translate::to_owner(ToOwner::Receipts { partition, matching, park, items }));
        }
    }

    fn ask(&mut self, partition: PartitionId, question: Question, who: WhoAsks) {
        if !self.reaches(partition) {
            return who.not_answered();
        }
        match self.inquiries.ask_question(Instant::now(), QuestionAsker { partition, who }) {
            Ok(number) => self.say(translate::to_owner(ToOwner::Question { number, partition, question })),
            Err(asker) => asker.who.not_answered(),
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

/// Gives receipts back to who asked, a batch for each.
fn give_back(receipts: Vec<(OperatorReceipt, ReceiptAsker)>, why: Stray) {
    let mut batches: Vec<(ReceiptAsker, Vec<OperatorReceipt>)> = Vec::new();
    for (receipt, asker) in receipts {
        let same = |(known, _): &&mut (ReceiptAsker, _)| {
            known.partition == asker.partition
                && known.reply == asker.reply
                && known.strays.is_some() == asker.strays.is_some()
        };
        match batches.iter_mut().find(same) {
            Some((_, items)) => items.push(receipt),
            None => batches.push((asker, vec![receipt])),
        }
    }
    for (ReceiptAsker { partition, reply, strays }, items) in batches {
        match strays {
            Some(strays) => {
                let receipts = RecordReceipts { reply, items };
                strays.do_send(StrayReceipts { partition: Some(partition), why, receipts });
            }
            None => {
                let items = items.into_iter().map(|receipt| (receipt.tag, false)).collect();
                reply.do_send(ReceiptsRecorded { items });
            }
        }
    }
}

/// Tells those who have brought new messages, a batch for each.
fn answer_givers(answers: impl Iterator<Item = (MessageGiver, Result<MessageId, AcceptRefusal>)>) {
    let mut batches: Vec<(Recipient<Accepted>, Vec<_>)> = Vec::new();
    for (MessageGiver { tag, reply, .. }, result) in answers {
        match batches.iter_mut().find(|(known, _)| *known == reply) {
            Some((_, items)) => items.push((tag, result)),
            None => batches.push((reply, vec![(tag, result)])),
        }
    }
    for (reply, items) in batches {
        reply.do_send(Accepted { items });
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

impl Handler<ForPeer> for Peer {
    type Result = ();

    fn handle(&mut self, ForPeer { partition, command }: ForPeer, ctx: &mut Context<Self>) {
        let mut steps = Vec::new();
        match (partition, command) {
            (_, Command::Register(Register { outbox, holder, ring })) => {
                let replies = self.replies.entry(holder).or_default();
                (replies.ring, replies.outbox) = (Some(ring), Some(outbox));
                self.holder.register(holder, outbox, &mut steps);
            }
            (_, Command::Release(Release { holder })) => {
                self.holder.release(holder, &mut steps);
                self.replies.remove(&holder);
            }
            (Some(partition), Command::Pull(Pull { holder, room, reply, .. })) => {
                if let Some(replies) = self.replies.get_mut(&holder) {
                    replies.leased = Some(reply);
                    self.holder.pull(partition, holder, room, &mut steps);
                }
            }
            (Some(partition), Command::Settle(Settle { holder, items, reply })) => {
                if let (Some(reply), Some(replies)) = (reply, self.replies.get_mut(&holder)) {
                    replies.settled = Some(reply);
                }
                self.holder.settle(partition, holder, items, &mut steps);
            }
            (Some(partition), Command::Seek(SeekReceipts { receipts, matching, strays })) => {
                self.seek(partition, receipts, matching, Some(strays));
            }
            (Some(partition), Command::Receipts(receipts)) => self.seek(partition, receipts, Matching::Exact, None),
            (Some(partition), Command::Accept(accept)) => self.give(partition, accept),
            (Some(partition), Command::Find(find)) => {
                let question = Question::of_find(&find);
                self.ask(partition, question, WhoAsks::Find(find.tag, find.reply));
            }
            (Some(partition), Command::Cancel(cancel)) => {
                let question = Question::of_cancel(&cancel);
                self.ask(partition, question, WhoAsks::Cancel(cancel.tag, cancel.reply));
            }
            (Some(partition), Command::Replace(replace)) => {
                let asker = WhoAsks::Replace(replace.tag, replace.reply.clone());
                self.ask(partition, Question::of_replace(replace), asker);
            }
            // Never handed over: the store's handle keeps them here.
            (_, _) => tracing::error!(peer = self.number, "a command that no other node takes was handed over"),
        }
        self.carry_out(steps, ctx);
    }
}

// --- answers of the local store ---

impl Handler<Ring> for Peer {
    type Result = ();

    fn handle(&mut self, ring: Ring, ctx: &mut Context<Self>) {
        let mut steps = Vec::new();
        self.owner.ring(ring, &mut steps);
        self.carry_out_owned(steps, ctx);
    }
}

impl Handler<Leased> for Peer {
    type Result = ();

    fn handle(&mut self, leased: Leased, ctx: &mut Context<Self>) {
        let mut steps = Vec::new();
        self.owner.leased(Instant::now(), leased, &mut steps);
        self.carry_out_owned(steps, ctx);
    }
}

impl Handler<Settled> for Peer {
    type Result = ();

    fn handle(&mut self, settled: Settled, ctx: &mut Context<Self>) {
        let mut steps = Vec::new();
        self.owner.settled(settled, &mut steps);
        self.carry_out_owned(steps, ctx);
    }
}

impl Handler<Accepted> for Peer {
    type Result = ();

    fn handle(&mut self, accepted: Accepted, _: &mut Context<Self>) {
        let items = accepted.items.into_iter();
        let items: Vec<_> = items.filter_map(|(tag, result)| Some((self.passed(tag)?, result))).collect();
        if !items.is_empty() {
            self.say(translate::to_holder(ToHolder::Kept { items }));
        }
    }
}

impl Handler<ReceiptsRecorded> for Peer {
    type Result = ();

    fn handle(&mut self, answer: ReceiptsRecorded, _: &mut Context<Self>) {
        // Of what is not kept the peer hears nothing: it asks again.
        let answered = answer.items.into_iter().filter_map(|(tag, kept)| self.passed(tag).filter(|_| kept));
        let recorded = answered.collect::<Vec<_>>();
        if !recorded.is_empty() {
            self.say(translate::to_holder(ToHolder::Receipts { recorded, unmatched: Vec::new() }));
        }
    }
}

impl Handler<StrayReceipts> for Peer {
    type Result = ();

    fn handle(&mut self, strays: StrayReceipts, _: &mut Context<Self>) {
        let unmatched = strays.why == Stray::Unmatched;
        let items = strays.receipts.items.into_iter();
        let unmatched = items.filter_map(|receipt| self.passed(receipt.tag).filter(|_| unmatched)).collect::<Vec<_>>();
        if !unmatched.is_empty() {
            self.say(translate::to_holder(ToHolder::Receipts { recorded: Vec::new(), unmatched }));
        }
    }
}

impl Handler<Found> for Peer {
    type Result = ();

    fn handle(&mut self, found: Found, _: &mut Context<Self>) {
        // Of what was not reached the peer hears soon that it has gone.
        if found.reached {
            self.answer(found.tag, Answer::Found(found.deliveries));
        }
    }
}

impl Handler<Cancelled> for Peer {
    type Result = ();

    fn handle(&mut self, cancelled: Cancelled, _: &mut Context<Self>) {
        if cancelled.reached {
            self.answer(cancelled.tag, cancelled.into());
        }
    }
}

impl Handler<Replaced> for Peer {
    type Result = ();

    fn handle(&mut self, replaced: Replaced, _: &mut Context<Self>) {
        if replaced.result != Err(NotReplaced::OutOfReach) {
            self.answer(replaced.tag, Answer::Replaced(replaced.result));
        }
    }
}
