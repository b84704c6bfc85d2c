//! One partition with its journal in memory, and everybody who talks to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use smsc_proto::address::Address;
use smsc_proto::ids::{MessageId, MessageRef, OperatorMessageId};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, SmBody, SmFields};

use super::super::*;
use crate::error::StoreError;
use crate::fingerprint::Fingerprint;
use crate::name::Name;
use crate::options::{Durability, JournalKind, OutboxRules};

pub(super) const HOUR: u64 = 3_600_000;

pub(super) fn op_a() -> Outbox {
    Outbox::Operator(Name::intern("op-a"))
}

pub(super) fn op_b() -> Outbox {
    Outbox::Operator(Name::intern("op-b"))
}

pub(super) fn demo() -> Outbox {
    Outbox::Account(Name::intern("demo"))
}

pub(super) const LINK: Holder = Holder(1);
pub(super) const BIND: Holder = Holder(2);

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) accepted: Vec<(u32, Result<MessageId, AcceptRefusal>)>,
    pub(super) leased: Vec<LeasedDelivery>,
    /// What ended of the room that was asked for.
    pub(super) room: u32,
    pub(super) settled: u32,
    pub(super) receipts: Vec<(u32, bool)>,
    pub(super) rerouted: Vec<Rerouted>,
    pub(super) found: Vec<Found>,
    pub(super) cancelled: Vec<Cancelled>,
    pub(super) replaced: Vec<Replaced>,
    pub(super) searched: Vec<SearchStep>,
    pub(super) swept: Vec<Swept>,
    pub(super) hurried: Vec<Hurried>,
    pub(super) cdrs: Vec<Cdr>,
    pub(super) rings: Vec<Outbox>,
}

pub(super) struct Collector(Inbox);

impl Actor for Collector {
    type Context = Context<Self>;
}

macro_rules! collect {
    ($($message:ty: |$inbox:ident, $it:ident| $what:expr;)*) => {$(
        impl Handler<$message> for Collector {
            type Result = ();
            fn handle(&mut self, $it: $message, _: &mut Self::Context) {
                let $inbox = &mut self.0;
                $what;
            }
        }
    )*};
}

collect! {
    Accepted: |inbox, it| inbox.accepted.extend(it.items);
    Leased: |inbox, it| { inbox.room += it.room; inbox.leased.extend(it.items) };
    Settled: |inbox, it| inbox.settled += it.count;
    ReceiptsRecorded: |inbox, it| inbox.receipts.extend(it.items);
    Rerouted: |inbox, it| inbox.rerouted.push(it);
    Found: |inbox, it| inbox.found.push(it);
    Cancelled: |inbox, it| inbox.cancelled.push(it);
    Replaced: |inbox, it| inbox.replaced.push(it);
    SearchStep: |inbox, it| inbox.searched.push(it);
    Swept: |inbox, it| inbox.swept.push(it);
    Hurried: |inbox, it| inbox.hurried.push(it);
    CdrsTaken: |inbox, it| inbox.cdrs.extend(it.items);
    Ring: |inbox, it| inbox.rings.push(it.outbox);
}

struct Take;

impl Message for Take {
    type Result = Inbox;
}

impl Handler<Take> for Collector {
    type Result = MessageResult<Take>;
    fn handle(&mut self, _: Take, _: &mut Self::Context) -> Self::Result {
        MessageResult(std::mem::take(&mut self.0))
    }
}

/// The node around one partition. Time stands still unless it is moved.
pub(super) struct Node {
    system: SystemRunner,
    collector: Addr<Collector>,
    pub(super) options: StoreOptions,
    rules: CleaningRules,
    pub(super) partition: Partition,
    /// The journal's records.
    pub(super) journal: BTreeMap<RecordNumber, Bytes>,
    pub(super) now: Timestamp,
    tag: u32,
}

pub(super) fn options() -> StoreOptions {
    StoreOptions {
        data_dir: "unused".into(),
        node_number: 0,
        partitions: 1,
        journal: JournalKind::Nothing,
        postgres: None,
        durability: Durability::ProcessCrash,
        memory_max: super::MEMORY_MAX,
        messages_max: 1_000_000,
        retention: Duration::from_secs(24 * 3_600),
        retention_messages_max: 1_000_000,
        receipt_grace: Duration::from_secs(3_600),
        parked_max: Duration::from_secs(10 * 86_400),
        disk_free_min: 0,
        cdr: false,
        outboxes: Vec::new(),
    }
}

/// A message as a test wants it; the rest is usual.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) origin: Origin,
    pub(super) outboxes: Vec<Outbox>,
    pub(super) body: Bytes,
    pub(super) priority: u8,
    /// Milliseconds from now.
    pub(super) due: u64,
    pub(super) validity: u64,
    pub(super) receipts: u8,
    pub(super) destination: u64,
    pub(super) fingerprint: Fingerprint,
    pub(super) aliased: bool,
    pub(super) replaces: bool,
}

/// An MT message for op-a, a receipt asked for, valid for 48 hours.
pub(super) fn mt() -> Draft {
    Draft {
        origin: Origin::Account(Name::intern("demo")),
        outboxes: vec![op_a()],
        body: Bytes::from_static(b"submit_sm"),
        priority: 0,
        due: 0,
        validity: 48 * HOUR,
        receipts: 1,
        destination: 4_670,
        fingerprint: from("46700000000"),
        aliased: false,
        replaces: false,
    }
}

/// The fingerprint of a message from that number.
pub(super) fn from(number: &str) -> Fingerprint {
    Fingerprint::of(Address::new(1, 1, number.as_bytes()), b"")
}

/// An MO message for the account.
pub(super) fn mo() -> Draft {
    Draft { origin: Origin::Operator(Name::intern("op-a")), outboxes: vec![demo()], receipts: 0, ..mt() }
}

impl Node {
    pub(super) fn new() -> Self {
        Self::with(options())
    }

    pub(super) fn with(options: StoreOptions) -> Self {
        Self::cleaning(options, CleaningRules::default())
    }

    pub(super) fn cleaning(options: StoreOptions, rules: CleaningRules) -> Self {
        let system = System::new();
        let collector = system.block_on(async { Collector(Inbox::default()).start() });
        let partition = Partition::new(PartitionId::new(0).unwrap(), &options).with_cleaning(rules);
        let now = Timestamp::from_millis(1_764_000_000_000);
        let mut node = Self { system, collector, options, rules, partition, journal: BTreeMap::new(), now, tag: 0 };
        node.partition.recovered(now);
        node
    }

    pub(super) fn with_rules(outbox: Outbox, rules: OutboxRules) -> Self {
        Self::with(StoreOptions { outboxes: vec![(outbox, rules)], ..options() })
    }

    pub(super) fn to<M>(&self) -> Recipient<M>
    where
        M: Message<Result = ()> + Send + 'static,
        Collector: Handler<M>,
    {
        self.collector.clone().recipient()
    }

    pub(super) fn inbox(&mut self) -> Inbox {
        self.system.block_on(self.collector.send(Take)).unwrap()
    }

    pub(super) fn pass(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
    }

    /// Time passes and the timers run, until nothing is due.
    pub(super) fn wait(&mut self, millis: u64) {
        self.pass(millis);
        for _ in 0..10_000 {
            if self.partition.poll_timeout().is_some_and(|due| due <= self.now) {
                let now = self.now;
                self.turn(|partition, batch| partition.handle_timeout(now, batch));
            } else if !self.read() {
                return;
            }
        }
        panic!("the timers never come to an end");
    }

    /// One batch, made durable and released.
    pub(super) fn turn(&mut self, turn: impl FnOnce(&mut Partition, &mut Batch)) {
        let mut batch = self.partition.begin();
        turn(&mut self.partition, &mut batch);
        let records = self.partition.seal(&mut batch);
        self.append(records);
        self.partition.release(self.now, batch);
        self.check_counts();
    }

    /// Whatever the partition wants to read is read. Whether that was anything.
    pub(super) fn read(&mut self) -> bool {
        let requests = self.partition.take_reads();
        let any = !requests.is_empty();
        for request in requests {
            let read_back = request.carry_out(&mut |number| Ok(self.journal.get(&number).cloned()));
            let now = self.now;
            self.turn(|partition, batch| partition.apply(now, Command::ReadBack(read_back), false, batch));
        }
        if self.partition.has_reroutes_to_resume() {
            let now = self.now;
            self.turn(|partition, batch| partition.handle_timeout(now, batch));
        }
        assert!(self.partition.take_failure().is_none(), "every body is where it should be");
        any
    }

    pub(super) fn append(&mut self, records: Records) {
        if records.records.is_empty() {
            return;
        }
        self.journal.extend((records.first..).zip(records.records));
        self.journal = self.journal.split_off(&records.keep_from);
        assert!(!self.journal.is_empty(), "the newest record is never dropped");
    }

    pub(super) fn apply(&mut self, command: Command) {
        let now = self.now;
        self.turn(|partition, batch| partition.apply(now, command, false, batch));
        while self.read() {}
    }

    /// The cleaner works until it has nothing more to do.
    pub(super) fn clean(&mut self) -> usize {
        let mut calls = 0;
        while self.clean_once() {
            calls += 1;
            assert!(calls < 100_000, "the cleaner never comes to an end");
        }
        calls
    }

    /// One step of the cleaner, or of what it waits for; false when it has nothing to do.
    pub(super) fn clean_once(&mut self) -> bool {
        let Some(number) = self.partition.wants_cleaning() else { return self.read() };
        let record = self.journal[&number].clone();
        self.turn(|partition, batch| partition.clean(number, &record, batch));
        true
    }

    pub(super) fn message(&mut self, draft: &Draft) -> NewMessage {
        self.tag += 1;
        NewMessage {
            tag: self.tag,
            origin: draft.origin,
            body: draft.body.clone(),
            priority: draft.priority,
            due: self.now.plus(Duration::from_millis(draft.due)),
            expires: self.now.plus(Duration::from_millis(draft.validity)),
            receipts: ReceiptRequest(draft.receipts),
            destination: draft.destination,
            fingerprint: draft.fingerprint,
            aliased: draft.aliased,
            replaces: draft.replaces,
            deliveries: draft
                .outboxes
                .iter()
                .map(|outbox| NewDelivery { outbox: *outbox, body: None, destination: None })
                .collect(),
            peer: Peer { address: [127, 0, 0, 1].into(), bind: BindKind::Transceiver },
        }
    }

    pub(super) fn accept_all(&mut self, drafts: &[Draft]) -> Command {
        let items = drafts.iter().map(|draft| self.message(draft)).collect();
        Command::Accept(Accept { reply: self.to(), items })
    }

    /// Accepts a message and returns its id.
    pub(super) fn accept(&mut self, draft: &Draft) -> MessageId {
        self.try_accept(draft).unwrap()
    }

    pub(super) fn try_accept(&mut self, draft: &Draft) -> Result<MessageId, AcceptRefusal> {
        let command = self.accept_all(std::slice::from_ref(draft));
        self.apply(command);
        self.inbox().accepted.remove(0).1
    }

    pub(super) fn pull_command(&self, outbox: Outbox, holder: Holder, room: u32) -> Command {
        Command::Pull(Pull { outbox, holder, room, rest: Rest::Returns, reply: self.to() })
    }

    pub(super) fn pull(&mut self, outbox: Outbox, room: u32) -> Vec<LeasedDelivery> {
        let holder = if matches!(outbox, Outbox::Operator(_)) { LINK } else { BIND };
        let mut leased = Vec::new();
        for _ in 0..10_000 {
            let missing = self.spilled_in(outbox);
            let command = self.pull_command(outbox, holder, room - leased.len() as u32);
            self.apply(command);
            leased.extend(self.inbox().leased);
            // As a holder does that is rung: what was missing may be there now.
            if leased.len() == room as usize || missing == 0 {
                return leased;
            }
        }
        panic!("bodies that are missing never come");
    }

    /// How many deliveries could be pulled if their bodies were there.
    fn spilled_in(&self, outbox: Outbox) -> u64 {
        self.partition.outboxes.iter().filter(|state| state.outbox == outbox).map(|state| state.spilled).sum()
    }

    /// Pulls exactly one.
    pub(super) fn pull_one(&mut self, outbox: Outbox) -> LeasedDelivery {
        let mut leased = self.pull(outbox, 10);
        assert_eq!(leased.len(), 1, "one delivery is due in {outbox:?}");
        leased.remove(0)
    }

    pub(super) fn settle(&mut self, lease: Lease, outcome: Outcome) {
        let reply = Some(self.to());
        self.apply(Command::Settle(Settle { holder: LINK, items: vec![Settlement::new(lease, outcome)], reply }));
        assert_eq!(self.inbox().settled, 1);
    }

    pub(super) fn receipt(&mut self, receipt: OperatorReceipt) -> bool {
        self.apply(Command::Receipts(RecordReceipts { reply: self.to(), items: vec![receipt] }));
        self.inbox().receipts.remove(0).1
    }

    pub(super) fn find(&mut self, message_id: MessageId) -> Vec<DeliveryStatus> {
        self.find_by(MessageRef::Id(message_id))
    }

    pub(super) fn find_by(&mut self, message: MessageRef) -> Vec<DeliveryStatus> {
        self.apply(Command::Find(Find { tag: 1, message, reply: self.to() }));
        self.inbox().found.remove(0).deliveries
    }

    pub(super) fn search(&mut self, what: Searching) -> SearchStep {
        self.apply(Command::Search(Search { tag: 1, what, reply: self.to() }));
        self.inbox().searched.remove(0)
    }

    /// All steps of a sweep through op-a's messages: to how many it was done.
    pub(super) fn sweep(&mut self, what: Sweeping, accepted_until: Timestamp) -> u32 {
        let (mut count, mut after) = (0, None);
        loop {
            let sweep = Sweep { tag: 1, outbox: op_a(), accepted_until, what, after, reply: self.to() };
            self.apply(Command::Sweep(sweep));
            let swept = self.inbox().swept.remove(0);
            count += swept.count;
            after = swept.next;
            if after.is_none() {
                return count;
            }
        }
    }

    /// How many deliveries of a message are tried at once.
    pub(super) fn hurry(&mut self, id: MessageId) -> u32 {
        self.apply(Command::Hurry(Hurry { tag: 1, message: MessageRef::Id(id), reply: self.to() }));
        self.inbox().hurried.remove(0).count
    }

    /// The account cancels, in as many steps as it takes: how many deliveries were ended.
    pub(super) fn cancel(&mut self, like: Fingerprint, what: Cancelling) -> u32 {
        let account = Name::intern("demo");
        let mut count = 0;
        loop {
            self.apply(Command::Cancel(Cancel { tag: 1, account, like, what, reply: self.to() }));
            let cancelled = self.inbox().cancelled.remove(0);
            count += cancelled.count;
            if !cancelled.more {
                return count;
            }
        }
    }

    pub(super) fn replace(&mut self, replace: Replace) -> Result<(), NotReplaced> {
        self.apply(Command::Replace(replace));
        self.inbox().replaced.remove(0).result
    }

    /// Another text for the message, everything else as it was.
    pub(super) fn new_text(&self, message_id: MessageId, text: &'static [u8]) -> Replace {
        Replace {
            tag: 1,
            account: Name::intern("demo"),
            like: mt().fingerprint,
            message: MessageRef::Id(message_id),
            due: None,
            expires: None,
            receipts: ReceiptRequest(1),
            text: NewText { octets: Bytes::from_static(text), payload: false },
            reply: self.to(),
        }
    }

    /// The state of a message with one delivery.
    pub(super) fn state(&mut self, message_id: MessageId) -> Option<MessageState> {
        self.find(message_id).first().map(|status| status.state)
    }

    /// Takes so many call detail records, as a writer does that asks again and again.
    pub(super) fn take_cdrs(&mut self, max: usize) -> Vec<Cdr> {
        let mut cdrs = Vec::new();
        for _ in 0..4 {
            let take = TakeCdrs { written: Vec::new(), max: max - cdrs.len(), reply: self.to() };
            self.apply(Command::TakeCdrs(take));
            cdrs.extend(self.inbox().cdrs);
        }
        cdrs
    }

    /// These are in their file.
    pub(super) fn write_cdrs(&mut self, written: Vec<CdrKey>) {
        self.apply(Command::TakeCdrs(TakeCdrs { written, max: 0, reply: self.to() }));
    }

    /// A message that the operator has taken under this id.
    pub(super) fn send(&mut self, draft: &Draft, id: u64) -> MessageId {
        let message = self.accept(draft);
        let lease = self.pull_one(draft.outboxes[0]).lease;
        self.settle(lease, sent(id));
        message
    }

    /// kill -9: the state is gone, the journal is replayed. The receipts' grace after a start is not waited for.
    pub(super) fn crash(&mut self) {
        self.try_crash().unwrap();
    }

    pub(super) fn try_crash(&mut self) -> Result<(), StoreError> {
        let mut partition = Partition::new(self.partition.id(), &self.options).with_cleaning(self.rules);
        for (number, record) in &self.journal {
            partition.replay(*number, record)?;
        }
        partition.recovered(self.now);
        self.partition = partition;
        self.check_counts();
        Ok(())
    }

    pub(super) fn stats(&self) -> PartitionStats {
        self.partition.stats(self.now)
    }

    pub(super) fn outbox(&self, outbox: Outbox) -> OutboxStats {
        self.stats().outboxes.into_iter().find(|stats| stats.outbox == outbox).unwrap()
    }

    /// The counters say what a look at every delivery says.
    pub(super) fn check_counts(&self) {
        let mut counts: BTreeMap<(OutboxIndex, u8), u64> = BTreeMap::new();
        let (mut live, mut body_octets, mut spilled) = (0, 0, 0);
        for chunk in self.partition.slab.chunks() {
            for (_, delivery) in self.partition.slab.chunk(chunk) {
                *counts.entry((delivery.place(), delivery.stage as u8)).or_default() += 1;
                live += u64::from(delivery.octets);
                body_octets += delivery.body.octets();
                spilled += u64::from(delivery.is_spilled());
                assert!(self.partition.ledger.first() <= delivery.record, "a base was dropped");
            }
        }
        live += self.partition.parked.iter().map(|(_, entry)| u64::from(entry.octets)).sum::<u64>();
        for (index, state) in self.partition.outboxes.iter().enumerate() {
            for (stage, count) in state.counts.iter().enumerate() {
                let seen = counts.get(&(index as OutboxIndex, stage as u8)).copied().unwrap_or_default();
                assert_eq!(*count, seen, "{:?}, stage {stage}", state.outbox);
            }
        }
        assert_eq!(self.partition.ledger.live_octets(), live);
        assert_eq!((self.partition.outboxes.body_octets, self.partition.outboxes.spilled), (body_octets, spilled));
    }
}

pub(super) fn sent(id: u64) -> Outcome {
    Outcome::Sent { operator_message_id: Some(OperatorMessageId::Decimal(id)), receipt_expected: true }
}

pub(super) fn refused() -> Outcome {
    Outcome::Refused { status: CommandStatus(11), state: MessageState::Rejected, error: *b"011" }
}

/// The wire body of a submit_sm with that text.
pub(super) fn submit_sm(text: &[u8]) -> Bytes {
    let fields = SmFields { short_message: text, ..SmFields::decode(&[0; 17]).unwrap() };
    SmBody::from_fields(&fields, &[]).unwrap().octets().clone()
}

/// What op-a reports about the message that it knows by this id.
pub(super) fn delivrd(id: u64) -> OperatorReceipt {
    OperatorReceipt {
        tag: 1,
        operator: Name::intern("op-a"),
        operator_message_id: OperatorMessageId::Decimal(id),
        state: MessageState::Delivered,
        error: *b"000",
        done: Timestamp::from_millis(1_764_000_000_777),
        destination: 4_670,
    }
}

impl Node {
    /// The body of a delivery, wherever it is.
    fn body(&self, slot: u64, delivery: &delivery::Delivery) -> Option<u32> {
        match &delivery.body {
            delivery::Body::Memory(body) => Some(crc32fast::hash(body)),
            delivery::Body::None if delivery.is_spilled() => {
                let request = ReadRequest { number: delivery.record, slots: vec![slot] };
                let read_back = request.carry_out(&mut |number| Ok(self.journal.get(&number).cloned()));
                Some(crc32fast::hash(&read_back.bodies.unwrap()[0].1))
            }
            delivery::Body::None => None,
        }
    }
}

/// Everything of a partition that a restart must bring back. What is on lease counts as waiting.
pub(super) fn picture(node: &Node) -> BTreeMap<u64, String> {
    let mut picture = BTreeMap::new();
    let partition = &node.partition;
    for chunk in partition.slab.chunks() {
        for (slot, d) in partition.slab.chunk(chunk) {
            let stage = match d.stage {
                Stage::Staged | Stage::Scheduled | Stage::Retry | Stage::Ready | Stage::Leased if d.taken => "enroute",
                Stage::Staged | Stage::Scheduled | Stage::Retry | Stage::Ready | Stage::Leased => "waits",
                Stage::Enroute => "enroute",
                Stage::Retained => "retained",
                Stage::Owed => "owed",
                Stage::Gone => "gone",
            };
            let retained = d.stage == Stage::Retained;
            let mut ids: Vec<String> = partition.ids_of(slot, d).iter().map(|id| format!("{id:?}")).collect();
            ids.sort();
            let body = node.body(slot, d);
            // A text that was replaced counts as the body's.
            let body = body.map(|hash| (hash, partition.replacements.text(slot)));
            let waiting = (!retained).then_some((d.due, d.expires, d.priority, d.receipts, d.unanswered, body));
            let marks = (d.fingerprint, d.marks.aliased(), partition.owed.of(slot, d));
            let rest = (marks, d.tick, d.accepted, d.destination, d.state, d.error, d.done, d.attempts, ids);
            // With an operator, its name stands beside the id; where a copy was on lease meanwhile is forgotten.
            let waits = (stage == "waits" && !d.is_receipt()).then(|| partition.outboxes.get(d.outbox).outbox);
            let places = (partition.outboxes.get(d.origin).outbox, waits);
            picture.insert(slot, format!("{stage} {waiting:?} {rest:?} {places:?}"));
        }
    }
    for (number, entry) in partition.parked.iter() {
        picture.insert(1 << 63 | number, format!("{:?}", entry.receipt));
    }
    picture
}

/// A choice for re-routing.
#[allow(clippy::type_complexity)]
pub(super) fn always(to: Outbox) -> Arc<dyn Fn(Origin, &[u8]) -> Option<Outbox> + Send + Sync> {
    Arc::new(move |_, _| Some(to))
}

/// Deliveries of one message to several outboxes.
pub(super) fn several(outboxes: &[Outbox]) -> Draft {
    Draft { outboxes: outboxes.to_vec(), ..mt() }
}
