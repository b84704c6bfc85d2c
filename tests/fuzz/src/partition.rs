//! One partition with its journal in memory, and everybody who talks to it. What a peer can see of it is all that it is
//! judged by.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use actix::dev::ContextFut;
use actix::prelude::*;
use bytes::Bytes;
use smsc_proto::ids::{MessageId, MessageRef, OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;
use smsc_store::journal::RecordNumber;
use smsc_store::options::{Durability, JournalKind, StoreOptions};
use smsc_store::partition::{Batch, CleaningRules, Command, Partition};
use smsc_store::*;

/// Where every life begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_764_000_000_000);
/// Steps of the timers in one wait, at most.
const TURNS_MAX: usize = 2_000;
const LINK: Holder = Holder(1);

/// The names that lives and forged journals know. Names are kept for the life of the process, so no others are made.
pub(crate) const NAMES: [&str; 3] = ["demo", "op-a", "op-b"];

/// The outboxes of these names.
pub(crate) fn outboxes() -> [Outbox; 3] {
    [
        Outbox::Account(Name::intern("demo")),
        Outbox::Operator(Name::intern("op-a")),
        Outbox::Operator(Name::intern("op-b")),
    ]
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) accepted: Vec<(u32, Result<MessageId, AcceptRefusal>)>,
    pub(crate) leased: Vec<LeasedDelivery>,
    found: Vec<Found>,
}

struct Collector(Rc<RefCell<Inbox>>);

impl Actor for Collector {
    type Context = Context<Self>;
}

macro_rules! collect {
    ($($message:ty: |$inbox:ident, $it:ident| $what:expr;)*) => {$(
        impl Handler<$message> for Collector {
            type Result = ();
            fn handle(&mut self, $it: $message, _: &mut Self::Context) {
                let mut $inbox = self.0.borrow_mut();
                $what;
            }
        }
    )*};
}

collect! {
    Accepted: |inbox, it| inbox.accepted.extend(it.items);
    Leased: |inbox, it| inbox.leased.extend(it.items);
    Found: |inbox, it| inbox.found.push(it);
}

/// The one who asks. It has no thread and no runtime: its mailbox is emptied by hand.
struct Asker {
    address: Addr<Collector>,
    inbox: Rc<RefCell<Inbox>>,
    running: Pin<Box<ContextFut<Collector, Context<Collector>>>>,
}

impl Asker {
    fn new() -> Self {
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let context = Context::new();
        let address = context.address();
        let running = Box::pin(context.into_future(Collector(inbox.clone())));
        Self { address, inbox, running }
    }

    fn take(&mut self) -> Inbox {
        let mut context = std::task::Context::from_waker(Waker::noop());
        assert!(self.running.as_mut().poll(&mut context).is_pending(), "the collector has an address, so it runs");
        self.inbox.take()
    }
}

/// The node around one partition. Time stands still unless it is moved.
pub(crate) struct Node {
    asker: Asker,
    pub(crate) partition: Partition,
    /// Everything that was ever written: nothing is dropped here.
    pub(crate) journal: Vec<(RecordNumber, Bytes)>,
    /// Below this number the journal may be dropped.
    pub(crate) keep_from: RecordNumber,
    pub(crate) now: Timestamp,
    tag: u32,
}

/// What a peer can see of a partition.
#[derive(Debug, PartialEq)]
pub(crate) struct Picture {
    deliveries: Vec<Vec<DeliveryStatus>>,
    held: u64,
    parked: u64,
    retained: u64,
}

fn options() -> StoreOptions {
    StoreOptions {
        data_dir: "unused".into(),
        node_number: 0,
        partitions: 1,
        journal: JournalKind::Nothing,
        postgres: None,
        durability: Durability::ProcessCrash,
        memory_max: 1 << 30,
        messages_max: 10_000,
        retention: Duration::from_secs(24 * 3_600),
        retention_messages_max: 10_000,
        receipt_grace: Duration::from_secs(3_600),
        parked_max: Duration::from_secs(10 * 86_400),
        disk_free_min: 0,
        cdr: false,
        outboxes: Vec::new(),
    }
}

/// An empty partition whose cleaner begins early.
pub(crate) fn empty() -> Partition {
    let id = PartitionId::new(0).expect("0 is a partition");
    Partition::new(id, &options()).with_cleaning(CleaningRules { slack: 1_000, step_max: 3 })
}

/// A partition out of these records.
pub(crate) fn replayed<'a>(
    records: impl IntoIterator<Item = &'a (RecordNumber, Bytes)>,
    now: Timestamp,
) -> Result<Partition, StoreError> {
    let mut partition = empty();
    for (number, record) in records {
        partition.replay(*number, record)?;
    }
    partition.recovered(now);
    Ok(partition)
}

impl Node {
    pub(crate) fn new() -> Self {
        let mut partition = empty();
        partition.recovered(START);
        Self::around(partition, Vec::new(), START)
    }

    /// A node that has just replayed that journal.
    pub(crate) fn around(partition: Partition, journal: Vec<(RecordNumber, Bytes)>, now: Timestamp) -> Self {
        Self { asker: Asker::new(), partition, journal, keep_from: 0, now, tag: 0 }
    }

    /// One batch, made durable and released.
    pub(crate) fn turn(&mut self, turn: impl FnOnce(&mut Partition, &mut Batch)) {
        let mut batch = self.partition.begin();
        turn(&mut self.partition, &mut batch);
        let records = self.partition.seal(&mut batch);
        self.journal.extend((records.first..).zip(records.records));
        self.keep_from = self.keep_from.max(records.keep_from);
        self.partition.release(self.now, batch);
    }

    pub(crate) fn apply(&mut self, command: Command) {
        let now = self.now;
        self.turn(|partition, batch| partition.apply(now, command, false, batch));
    }

    /// Accepts messages with these bodies in one batch: their ids.
    pub(crate) fn accept(&mut self, to: &[Outbox], receipts: u8, bodies: &[Bytes]) -> Vec<MessageId> {
        let items = bodies.iter().map(|body| self.message(to, receipts, body)).collect();
        self.apply(Command::Accept(Accept { reply: self.asker.address.clone().recipient(), items }));
        self.asker.take().accepted.into_iter().filter_map(|(_, accepted)| accepted.ok()).collect()
    }

    fn message(&mut self, to: &[Outbox], receipts: u8, body: &Bytes) -> NewMessage {
        self.tag += 1;
        NewMessage {
            tag: self.tag,
            origin: match to {
                [Outbox::Account(_), ..] => Origin::Operator(Name::intern("op-a")),
                _ => Origin::Account(Name::intern("demo")),
            },
            body: body.clone(),
            priority: receipts >> 2 & 3,
            due: self.now,
            expires: self.now.plus(Duration::from_secs(3_600)),
            receipts: ReceiptRequest(receipts),
            destination: 4_670,
            fingerprint: Fingerprint::default(),
            aliased: false,
            replaces: false,
            deliveries: to
                .iter()
                .map(|outbox| NewDelivery { outbox: *outbox, body: None, destination: None })
                .collect(),
            peer: Peer { address: [127, 0, 0, 1].into(), bind: BindKind::Transceiver },
        }
    }

    pub(crate) fn pull(&mut self, outbox: Outbox, room: u32) -> Vec<LeasedDelivery> {
        let reply = self.asker.address.clone().recipient();
        self.apply(Command::Pull(Pull { outbox, holder: LINK, room, rest: Rest::Returns, reply }));
        self.asker.take().leased
    }

    pub(crate) fn settle(&mut self, lease: Lease, outcome: Outcome) {
        self.apply(Command::Settle(Settle { holder: LINK, items: vec![Settlement::new(lease, outcome)], reply: None }));
    }

    pub(crate) fn release(&mut self) {
        self.apply(Command::Release(Release { holder: LINK }));
    }

    pub(crate) fn receipt(&mut self, id: u64, state: MessageState) {
        let item = OperatorReceipt {
            tag: 1,
            operator: Name::intern("op-a"),
            operator_message_id: OperatorMessageId::Decimal(id),
            state,
            error: *b"000",
            done: self.now,
            destination: 4_670,
        };
        // Whether there was room is of no interest here: the address is that of somebody who does not listen.
        let reply = Context::<Deaf>::new().address().recipient();
        self.apply(Command::Receipts(RecordReceipts { reply, items: vec![item] }));
    }

    /// Time passes and the timers run, until nothing is due.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        for _ in 0..TURNS_MAX {
            if self.partition.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
            let now = self.now;
            self.turn(|partition, batch| partition.handle_timeout(now, batch));
        }
        panic!("the timers never come to an end");
    }

    /// The cleaner works until it has nothing more to do.
    pub(crate) fn clean(&mut self) {
        for _ in 0..TURNS_MAX {
            let Some(number) = self.partition.wants_cleaning() else { return };
            let record = self.journal.iter().find(|(other, _)| *other == number).map(|(_, record)| record.clone());
            let record = record.expect("the cleaner asks for records that are there");
            self.turn(|partition, batch| partition.clean(number, &record, batch));
        }
        panic!("the cleaner never comes to an end");
    }

    /// What is known of these messages, and how much of everything there is.
    pub(crate) fn picture(&mut self, ids: &[MessageId]) -> Picture {
        for (tag, message_id) in (0..).zip(ids) {
            let reply = self.asker.address.clone().recipient();
            self.apply(Command::Find(Find { tag, message: MessageRef::Id(*message_id), reply }));
        }
        let found = self.asker.take().found;
        let stats = self.partition.stats(self.now);
        Picture {
            deliveries: found.into_iter().map(|found| found.deliveries).collect(),
            held: stats.held,
            parked: stats.parked,
            retained: stats.retained,
        }
    }

    /// Everything that is due, as those who pull it see it. It is on lease afterwards.
    pub(crate) fn due(&mut self) -> Vec<(Outbox, MessageId, Content, u32, Bytes)> {
        let mut due = Vec::new();
        for outbox in outboxes() {
            for leased in self.pull(outbox, 10_000) {
                let body = Bytes::copy_from_slice(&leased.body);
                due.push((outbox, leased.message_id, leased.content, leased.attempt, body));
            }
        }
        due
    }
}

struct Deaf;

impl Actor for Deaf {
    type Context = Context<Self>;
}

impl Handler<ReceiptsRecorded> for Deaf {
    type Result = ();
    fn handle(&mut self, _: ReceiptsRecorded, _: &mut Self::Context) {}
}
