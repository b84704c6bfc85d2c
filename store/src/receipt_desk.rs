//! The actor that brings receipts to the partition of their message when that is not where they came first.
//!
//! Owns the searches that are under way. Links never send to it: the partitions and the ways to other nodes give it what
//! they have no message for, and what is parked and due to be looked for. Its mailbox is bounded by the operators'
//! windows, and by the bound of the search for what is parked. If it is lost, receipts that it held are not answered:
//! operators bring them again.

use std::time::Instant;

use actix::prelude::*;
use smsc_proto::ids::PartitionId;

use crate::handle::StoreHandle;
use crate::messages::*;
use crate::partition::Command;
use crate::receipt_index::{Search, Step};

/// The desk. One for the node.
pub struct ReceiptDesk {
    store: StoreHandle,
    search: Search<Recipient<ReceiptsRecorded>>,
    steps: Vec<Step<Recipient<ReceiptsRecorded>>>,
    timer: Option<SpawnHandle>,
}

impl ReceiptDesk {
    /// Starts it on the current thread. From then on receipts are looked for in all partitions, those of other nodes
    /// included; without a desk each is parked where its destination says.
    pub fn start_for(store: StoreHandle) -> Addr<Self> {
        let desk = Self { store: store.clone(), search: Search::default(), steps: Vec::new(), timer: None }.start();
        store.has_desk(desk.clone());
        desk
    }

    /// Carries out what the search asks for, and arms its timer.
    fn carry_out(&mut self, ctx: &mut Context<Self>) {
        let desk = ctx.address();
        let mut asks: Vec<(PartitionId, Matching, Vec<OperatorReceipt>)> = Vec::new();
        let mut ends: Vec<(PartitionId, Vec<EndParked>)> = Vec::new();
        let mut parks: Vec<(PartitionId, Vec<OperatorReceipt>)> = Vec::new();
        for step in self.steps.drain(..) {
            match step {
                Step::Ask { partition, matching, receipt } => {
                    match asks.iter_mut().find(|(to, how, _)| (*to, *how) == (partition, matching)) {
                        Some((_, _, items)) => items.push(receipt),
                        None => asks.push((partition, matching, vec![receipt])),
                    }
                }
                Step::Park { receipt } => gather(&mut parks, self.store.partition_for(receipt.destination), receipt),
                Step::Answer { reply, tag, kept } => reply.do_send(ReceiptsRecorded::one(tag, kept)),
                Step::End { partition, end } => gather(&mut ends, partition, end),
            }
        }
        for (partition, matching, items) in asks {
            let receipts = RecordReceipts { reply: desk.clone().recipient(), items };
            self.store.seek(partition, SeekReceipts { receipts, matching, strays: desk.clone().recipient() });
        }
        for (partition, items) in parks {
            let receipts = RecordReceipts { reply: desk.clone().recipient(), items };
            self.store.park(partition, receipts);
        }
        for (partition, ends) in ends {
            self.store.send_local(partition, Command::EndParked(ends));
        }
        if let (None, Some(deadline)) = (self.timer, self.search.poll_timeout()) {
            let wait = deadline.saturating_duration_since(Instant::now());
            self.timer = Some(ctx.run_later(wait, |desk, ctx| {
                desk.timer = None;
                desk.search.handle_timeout(Instant::now(), &mut desk.steps);
                desk.carry_out(ctx);
            }));
        }
    }
}

fn gather<T>(batches: &mut Vec<(PartitionId, Vec<T>)>, partition: PartitionId, item: T) {
    match batches.iter_mut().find(|(to, _)| *to == partition) {
        Some((_, items)) => items.push(item),
        None => batches.push((partition, vec![item])),
    }
}

impl Actor for ReceiptDesk {
    type Context = Context<Self>;
}

impl Handler<StrayReceipts> for ReceiptDesk {
    type Result = ();

    fn handle(&mut self, strays: StrayReceipts, ctx: &mut Context<Self>) {
        let StrayReceipts { why, receipts: RecordReceipts { reply, items }, .. } = strays;
        let (now, partitions) = (Instant::now(), self.store.partitions_everywhere());
        let asked_by_us = reply == ctx.address().recipient();
        for receipt in items {
            if asked_by_us {
                self.search.unmatched(receipt.tag, why, &mut self.steps);
            } else {
                self.search.seek(now, receipt, reply.clone(), why, &partitions, &mut self.steps);
            }
        }
        self.carry_out(ctx);
    }
}

impl Handler<ReceiptsRecorded> for ReceiptDesk {
    type Result = ();

    fn handle(&mut self, recorded: ReceiptsRecorded, ctx: &mut Context<Self>) {
        for (tag, kept) in recorded.items {
            self.search.recorded(tag, kept, &mut self.steps);
        }
        self.carry_out(ctx);
    }
}

impl Handler<SeekParked> for ReceiptDesk {
    type Result = ();

    fn handle(&mut self, seek: SeekParked, ctx: &mut Context<Self>) {
        let partitions = self.store.partitions_everywhere();
        for parked in seek.items {
            self.search.seek_parked(seek.partition, parked, &partitions, &mut self.steps);
        }
        self.carry_out(ctx);
    }
}
