//! A peer's holders at our partitions: what they ask our store, and what it answers.

use std::time::Instant;

use actix::prelude::*;
use smsc_proto::ids::PartitionId;
use smsc_store::partition::Command;
use smsc_store::{
    Accept, AcceptRefusal, Accepted, Cancel, Cancelled, Find, Found, Leased, LeasedDelivery, NewMessage, NotReplaced,
    OperatorReceipt, Outbox, Outcome, Pull, ReceiptsRecorded, RecordReceipts, Register, Release, Replace, Replaced,
    Rest, Ring, SeekReceipts, Settle, Settled, Settlement, Stray, StrayReceipts,
};

use super::{PART_OCTETS, Peer};
use crate::cluster::relay::error::RelayError;
use crate::cluster::relay::owner::OwnerStep;
use crate::cluster::relay::part::{Answer, Question, Replacing, ToHolder, ToOwner};
use crate::cluster::relay::translate;

impl Peer {
    pub(super) fn hear_holder(&mut self, said: ToOwner, ctx: &mut Context<Self>) -> Result<(), RelayError> {
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
    pub(super) fn keep(&mut self, partition: PartitionId, items: Vec<NewMessage>, ctx: &mut Context<Self>) {
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

    pub(super) fn carry_out_owned(&mut self, steps: Vec<OwnerStep>, ctx: &mut Context<Self>) {
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
}

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
