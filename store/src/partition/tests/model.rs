//! Random life with crashes: whatever happens, an accepted message ends in exactly one final state, and its receipt
//! arrives exactly once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use smsc_proto::ids::{MessageId, MessageRef};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;

use super::cast::*;
use crate::messages::*;
use crate::options::StoreOptions;
use crate::partition::{Batch, CleaningRules, Command, Partition};

#[derive(Clone, Debug)]
enum Step {
    Accept {
        receipts: u8,
        to: u8,
        priority: u8,
        due: u64,
        validity: u64,
        body: usize,
    },
    Pull {
        from: u8,
        room: u32,
    },
    Settle {
        lease: usize,
        outcome: u8,
    },
    /// An outcome again, or after its lease has ended.
    SettleLate {
        lease: usize,
        outcome: u8,
    },
    Receipt {
        id: u64,
        state: u8,
        destination: u64,
    },
    Reroute,
    /// By its id, one of those that were accepted.
    Cancel {
        message: usize,
    },
    CancelBetween {
        destination: u64,
    },
    Replace {
        message: usize,
    },
    Wait {
        millis: u64,
    },
    Clean,
    /// Call detail records are taken, and written if the writer does not fail.
    TakeCdrs {
        max: usize,
        written: bool,
    },
    Release,
    Crash,
    /// A crash while a batch is written: so many of its records reach the disk.
    CrashInAppend {
        records: usize,
        settle: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..4_u8, 0..5_u8, 0..4_u8, 0..3_u64, 1..4_u64, 0..30_usize).prop_map(
            |(receipts, to, priority, due, validity, body)| Step::Accept {
                receipts, to, priority,
                due: due * 40_000,
                validity: validity * 200_000,
                // Now and then one that fills records.
                body: if body == 29 { 60_000 } else { body },
            }
        ),
        6 => (0..3_u8, 1..5_u32).prop_map(|(from, room)| Step::Pull { from, room }),
        8 => (0..50_usize, 0..8_u8).prop_map(|(lease, outcome)| Step::Settle { lease, outcome }),
        2 => (0..50_usize, 0..8_u8).prop_map(|(lease, outcome)| Step::SettleLate { lease, outcome }),
        5 => (0..40_u64, 0..4_u8, 0..3_u64).prop_map(|(id, state, destination)| Step::Receipt { id, state, destination }),
        1 => Just(Step::Reroute),
        1 => (0..50_usize).prop_map(|message| Step::Cancel { message }),
        1 => (0..3_u64).prop_map(|destination| Step::CancelBetween { destination }),
        2 => (0..50_usize).prop_map(|message| Step::Replace { message }),
        3 => (1..100_000_u64).prop_map(|millis| Step::Wait { millis }),
        2 => Just(Step::Clean),
        3 => (1..4_usize, any::<bool>()).prop_map(|(max, written)| Step::TakeCdrs { max, written }),
        1 => Just(Step::Release),
        1 => Just(Step::Crash),
        1 => (0..6_usize, any::<bool>()).prop_map(|(records, settle)| Step::CrashInAppend { records, settle }),
    ];
    proptest::collection::vec(step, 1..120)
}

/// What a naive observer knows.
struct World {
    node: Node,
    /// Messages that were acknowledged, with the receipts asked for. MO messages ask for none.
    accepted: BTreeMap<MessageId, u8>,
    /// Messages of batches whose answers never came, but which were written as a whole.
    unanswered: BTreeSet<MessageId>,
    finals: BTreeMap<MessageId, MessageState>,
    /// Receipts that an ESME has taken or refused for good, and those whose confirmation may not be durable.
    receipts: BTreeMap<MessageId, u32>,
    unsure: BTreeSet<MessageId>,
    /// Call detail records by their names, as they were offered.
    cdrs: HashMap<CdrKey, Cdr>,
    leases: Vec<LeasedDelivery>,
    ended: Vec<LeasedDelivery>,
    next_id: u64,
    highest: Option<MessageId>,
}

fn outbox(number: u8) -> Outbox {
    [op_a(), op_b(), demo()][usize::from(number % 3)]
}

impl World {
    /// With room in memory for so many octets of bodies, with or without CDRs.
    fn new(memory_max: u64, cdr: bool) -> Self {
        // What is retained can be asked for till the end, so that every message is accounted for.
        let options = StoreOptions { retention: std::time::Duration::from_secs(1 << 40), memory_max, cdr, ..options() };
        let node = Node::cleaning(options, CleaningRules { slack: 2_000, step_max: 3 });
        Self {
            node,
            accepted: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            finals: BTreeMap::new(),
            receipts: BTreeMap::new(),
            unsure: BTreeSet::new(),
            cdrs: HashMap::new(),
            leases: Vec::new(),
            ended: Vec::new(),
            next_id: 0,
            highest: None,
        }
    }

    fn draft(receipts: u8, to: u8, priority: u8, due: u64, validity: u64, body: usize) -> Draft {
        let draft = if to == 4 { mo() } else { Draft { receipts, ..several(&[outbox(to % 2)]) } };
        let draft = if to == 3 { Draft { outboxes: vec![op_a(), op_b()], ..draft } } else { draft };
        Draft { priority, due, validity, body: vec![to; body].into(), destination: u64::from(to) % 3, ..draft }
    }

    fn outcome(&mut self, outcome: u8) -> Outcome {
        let later = self.node.now.plus(std::time::Duration::from_secs(5));
        match outcome {
            0..=2 => {
                // Ids are reused now and then.
                self.next_id = (self.next_id + 1) % 30;
                sent(self.next_id)
            }
            3 => Outcome::Delivered,
            4 => refused(),
            5 => Outcome::Retry { at: later, status: CommandStatus(88) },
            6 => Outcome::LinkLost { retry_at: later },
            _ => Outcome::Unanswered { retry_at: later },
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Accept { receipts, to, priority, due, validity, body } => {
                let draft = Self::draft(receipts, to, priority, due, validity, body);
                let id = self.node.accept(&draft);
                assert!(self.highest < Some(id), "ids rise");
                self.highest = Some(id);
                self.accepted.insert(id, draft.receipts);
            }
            Step::Pull { from, room } => {
                let leased = self.node.pull(outbox(from), room);
                assert!(leased.len() <= room as usize);
                self.leases.extend(leased);
            }
            Step::Settle { lease, outcome } if !self.leases.is_empty() => {
                let leased = self.leases.swap_remove(lease % self.leases.len());
                let outcome = self.outcome(outcome);
                let before = self.node.stats().counters;
                self.node.settle(leased.lease, outcome);
                let after = self.node.stats().counters;
                if after.receipts_delivered + after.receipts_refused
                    > before.receipts_delivered + before.receipts_refused
                {
                    *self.receipts.entry(leased.message_id).or_default() += 1;
                }
                self.ended.push(leased);
            }
            Step::SettleLate { lease, outcome } if !self.ended.is_empty() => {
                let lease = self.ended[lease % self.ended.len()].lease;
                let outcome = self.outcome(outcome);
                self.node.settle(lease, outcome);
            }
            Step::Settle { .. } | Step::SettleLate { .. } => {}
            Step::Receipt { id, state, destination } => {
                let state = [
                    MessageState::Delivered,
                    MessageState::Undeliverable,
                    MessageState::Enroute,
                    MessageState::Expired,
                ][usize::from(state)];
                assert!(self.node.receipt(OperatorReceipt { state, destination, ..delivrd(id) }));
            }
            Step::Reroute => {
                let reply = self.node.to();
                self.node.apply(Command::Reroute(Reroute { from: op_a(), step_max: 3, choose: always(op_b()), reply }));
            }
            Step::Cancel { message } => {
                if let Some(id) = self.nth(message) {
                    self.node.cancel(mt().fingerprint, Cancelling::Message(MessageRef::Id(id)));
                }
            }
            Step::CancelBetween { destination } => {
                self.node.cancel(mt().fingerprint, Cancelling::Between { destination });
            }
            Step::Replace { message } => {
                if let Some(id) = self.nth(message) {
                    let receipts = ReceiptRequest(self.accepted[&id]);
                    let _ = self.node.replace(Replace { receipts, ..self.node.new_text(id, b"another text") });
                }
            }
            Step::Wait { millis } => self.node.wait(millis),
            Step::Clean => {
                self.node.clean();
            }
            Step::TakeCdrs { max, written } => self.take_cdrs(max, written),
            Step::Release => {
                for holder in [LINK, BIND] {
                    self.node.apply(Command::Release(Release { holder }));
                }
                self.ended.append(&mut self.leases);
            }
            Step::Crash => self.crash(),
            Step::CrashInAppend { records, settle } => self.crash_in_append(records, settle),
        }
        self.check();
    }

    fn nth(&self, message: usize) -> Option<MessageId> {
        self.accepted.keys().nth(message % self.accepted.len().max(1)).copied()
    }

    fn take_cdrs(&mut self, max: usize, written: bool) {
        let cdrs = self.node.take_cdrs(max);
        let keys: Vec<CdrKey> = cdrs.iter().map(|cdr| cdr.key).collect();
        for cdr in cdrs {
            if let Some(before) = self.cdrs.get(&cdr.key) {
                let facts = |cdr: &Cdr| (cdr.message_id, cdr.state, cdr.at, cdr.done, cdr.attempts, cdr.body.clone());
                assert_eq!(facts(before), facts(&cdr), "a record that is offered again is the same");
            }
            self.cdrs.insert(cdr.key, cdr);
        }
        if written {
            self.node.write_cdrs(keys);
        }
    }

    /// A clean crash brings back exactly what was there.
    fn crash(&mut self) {
        let before = picture(&self.node);
        self.node.crash();
        assert_eq!(picture(&self.node), before);
        self.forget_leases();
    }

    fn forget_leases(&mut self) {
        self.leases.clear();
        self.ended.clear();
    }

    fn crash_in_append(&mut self, records: usize, settle: bool) {
        let draft = Self::draft(1, 0, 0, 0, 400_000, 30_000);
        let accept = self.node.accept_all(&vec![draft; 3]);
        let leased = self.leases.pop().filter(|_| settle);
        let outcome = self.outcome(3);
        let before = picture(&self.node);
        let now = self.node.now;
        let apply = |partition: &mut Partition, batch: &mut Batch| {
            partition.apply(now, accept, false, batch);
            if let Some(leased) = &leased {
                let items = vec![Settlement::new(leased.lease, outcome)];
                partition.apply(now, Command::Settle(Settle { holder: LINK, items, reply: None }), false, batch);
            }
        };
        let mut batch = self.node.partition.begin();
        apply(&mut self.node.partition, &mut batch);
        let mut sealed = self.node.partition.seal(&mut batch);
        let after = picture(&self.node);
        let whole = records >= sealed.records.len();
        sealed.records.truncate(records);
        if !whole {
            // A journal drops old records only behind the new ones that take their place.
            sealed.keep_from = 0;
        }
        self.node.append(sealed);
        drop(batch);
        self.node.crash();
        let recovered = picture(&self.node);
        assert_eq!(recovered, if whole { after } else { before }, "all of a batch, or nothing");
        assert!(self.node.inbox().accepted.is_empty(), "nobody was answered");
        if whole {
            let new = self.node.partition.slab.next_slot() - 3;
            for slot in new..new + 3 {
                let tick = self.node.partition.slab.get(slot).unwrap().tick;
                self.unanswered.insert(MessageId::from_tick(tick, self.node.partition.id()));
            }
            if let Some(leased) = leased.filter(|leased| leased.content != Content::Message) {
                self.unsure.insert(leased.message_id);
            }
        }
        self.forget_leases();
    }

    /// Every acknowledged message is there, and a final state never changes.
    fn check(&mut self) {
        let ids: Vec<MessageId> = self.accepted.keys().copied().collect();
        for id in ids {
            let deliveries = self.node.find(id);
            assert!(!deliveries.is_empty(), "{id} was lost");
            // A message with two deliveries has two states; the first stands for it here.
            let state = deliveries[0].state;
            match self.finals.get(&id) {
                Some(before) => assert_eq!(*before, state, "{id} changed its final state"),
                None if state.is_final() => {
                    self.finals.insert(id, state);
                }
                None => {}
            }
        }
    }

    /// Time runs out for everything, and the account takes all that is left.
    fn finish(mut self) {
        for holder in [LINK, BIND] {
            self.node.apply(Command::Release(Release { holder }));
        }
        self.crash();
        self.node.wait(100 * HOUR);
        self.check();
        loop {
            let leased = self.node.pull(demo(), 100);
            if leased.is_empty() {
                break;
            }
            for leased in leased {
                assert!(matches!(leased.content, Content::Receipt { .. }), "MO messages have expired");
                self.node.settle(leased.lease, Outcome::Delivered);
                *self.receipts.entry(leased.message_id).or_default() += 1;
            }
        }
        if self.node.options.cdr {
            // What was taken and never written is offered again.
            self.node.crash();
            while self.node.stats().cdrs_owed > 0 {
                self.take_cdrs(100, true);
            }
        }
        let accepted = std::mem::take(&mut self.accepted);
        for (id, request) in &accepted {
            let deliveries = self.node.find(*id);
            assert!(deliveries.iter().all(|delivery| delivery.state.is_final()), "{id} never ended");
            let mut states: Vec<MessageState> = deliveries.iter().map(|delivery| delivery.state).collect();
            let of_it = self.cdrs.values().filter(|cdr| cdr.message_id == *id && cdr.key.kind == CdrKind::Final);
            let mut written: Vec<MessageState> = of_it.map(|cdr| cdr.state).collect();
            states.sort_unstable_by_key(|state| *state as u8);
            written.sort_unstable_by_key(|state| *state as u8);
            assert!(!self.node.options.cdr || written == states, "{id}: CDRs say {written:?}, and it is {states:?}");
            let wanted = deliveries.iter().filter(|delivery| ReceiptRequest(*request).wants(delivery.state)).count();
            let arrived = self.receipts.remove(id).unwrap_or_default() as usize;
            assert!(
                arrived == wanted || self.unsure.contains(id) && arrived < wanted,
                "{id}: {arrived} of {wanted} receipts"
            );
        }
        assert!(
            self.receipts.keys().all(|id| self.unanswered.contains(id)),
            "a receipt about a message that never was"
        );
        assert_eq!(self.node.stats().held, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_accepted_message_ends_once_and_its_receipt_arrives_once_whatever_crashes(
        steps in steps(),
        // As this telling has it, or so little that some bodies stay and some do not.
        memory_max in prop_oneof![Just(options().memory_max), Just(1_000)],
        cdr in any::<bool>(),
    ) {
        let mut world = World::new(memory_max, cdr);
        for step in &steps {
            world.take(step);
        }
        world.finish();
    }
}
