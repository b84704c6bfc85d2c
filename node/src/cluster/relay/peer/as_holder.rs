//! Our holders at a peer's partitions: what they ask of it, and what it answers.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use smsc_proto::ids::{MessageId, PartitionId};
use smsc_store::partition::Command;
use smsc_store::{
    Accept, AcceptRefusal, Accepted, Cancelled, Found, Leased, Matching, NewMessage, OperatorReceipt, Owned, Pull,
    ReceiptsRecorded, RecordReceipts, Register, Release, Replaced, Ring, SeekReceipts, Settle, Settled, Stray,
    StrayReceipts,
};

use super::{ForPeer, PART_OCTETS, PART_RECEIPTS, Peer, Replies, Way};
use crate::cluster::relay::error::RelayError;
use crate::cluster::relay::holder::HolderStep;
use crate::cluster::relay::new_messages;
use crate::cluster::relay::owner::differing;
use crate::cluster::relay::part::{Answer, Question, ToHolder, ToOwner};
use crate::cluster::relay::translate;

pub(super) struct ReceiptAsker {
    partition: PartitionId,
    reply: Recipient<ReceiptsRecorded>,
    /// Who gets those back that are not kept; `None`: they were to be parked, and the operator brings them again.
    strays: Option<Recipient<StrayReceipts>>,
}

/// Who has brought a new message, and is told under that tag.
pub(super) struct MessageGiver {
    partition: PartitionId,
    tag: u32,
    reply: Recipient<Accepted>,
}

pub(super) struct QuestionAsker {
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
    pub(super) fn not_answered(self) {
        match self {
            Self::Find(tag, reply) => reply.do_send(Found::out_of_reach(tag)),
            Self::Cancel(tag, reply) => reply.do_send(Cancelled::out_of_reach(tag)),
            Self::Replace(tag, reply) => reply.do_send(Replaced::out_of_reach(tag)),
        }
    }
}

impl Peer {
    pub(super) fn hear_owner(&mut self, said: ToHolder, ctx: &mut Context<Self>) -> Result<(), RelayError> {
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

    pub(super) fn carry_out(&mut self, steps: Vec<HolderStep>, _: &mut Context<Self>) {
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
    pub(super) fn has_now(&mut self, owned: Vec<Owned>, ctx: &mut Context<Self>) {
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

    pub(super) fn not_answered(&self, receipts: Vec<(OperatorReceipt, ReceiptAsker)>, questions: Vec<QuestionAsker>) {
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
pub(super) fn answer_givers(answers: impl Iterator<Item = (MessageGiver, Result<MessageId, AcceptRefusal>)>) {
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
