//! Who takes part in the store's tests: an ear that hears every answer, a store in a folder, journals that misbehave.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix::prelude::*;
use bytes::Bytes;
use smallvec::smallvec;
use smsc_proto::ids::{MessageId, MessageRef, OperatorMessageId, PartitionId};
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;
use smsc_store::free_space::Space;
use smsc_store::handle::address_hash;
use smsc_store::journal::{EachRecord, Journal, JournalReader, RecordNumber, Tenure};
use smsc_store::*;

pub const LONG: Duration = Duration::from_secs(30);
pub const A_WHILE: Duration = Duration::from_millis(250);

/// Whatever the store says.
#[derive(Debug)]
pub enum Heard {
    Accepted(Accepted),
    Leased(Leased),
    Settled(Settled),
    Receipts(ReceiptsRecorded),
    Rerouted(Rerouted),
    Found(Found),
    Ring(Ring),
    Failed(StoreFailed),
    Closed(StoreClosed),
}

/// Hears all answers, in order.
pub struct Ear {
    pub addr: Addr<Listener>,
    heard: Receiver<Heard>,
}

pub struct Listener(Sender<Heard>);

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(1 << 20);
    }
}

macro_rules! hears {
    ($($message:ident as $heard:ident),*) => {$(
        impl Handler<$message> for Listener {
            type Result = ();
            fn handle(&mut self, message: $message, _: &mut Self::Context) {
                let _ = self.0.send(Heard::$heard(message));
            }
        }
    )*};
}
hears!(Accepted as Accepted, Leased as Leased, Settled as Settled, ReceiptsRecorded as Receipts, Rerouted as Rerouted);
hears!(Found as Found, Ring as Ring, StoreFailed as Failed, StoreClosed as Closed);

/// One actix system for all tests of the process.
pub fn arbiter() -> ArbiterHandle {
    static ARBITER: OnceLock<ArbiterHandle> = OnceLock::new();
    let start = || {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let system = System::new();
            system.block_on(async { sender.send(System::current().arbiter().clone()).unwrap() });
            system.run().unwrap();
        });
        receiver.recv().unwrap()
    };
    ARBITER.get_or_init(start).clone()
}

impl Ear {
    pub fn new() -> Self {
        let (sender, heard) = channel();
        let addr = Listener::start_in_arbiter(&arbiter(), move |_| Listener(sender));
        Self { addr, heard }
    }

    pub fn next(&self) -> Heard {
        self.heard.recv_timeout(LONG).expect("an answer comes")
    }

    pub fn hears_nothing(&self) -> bool {
        self.heard.recv_timeout(A_WHILE).is_err()
    }

    pub fn accepted(&self) -> Vec<(u32, Result<MessageId, AcceptRefusal>)> {
        match self.next() {
            Heard::Accepted(accepted) => accepted.items,
            other => panic!("expected Accepted, heard {other:?}"),
        }
    }

    /// The id of the one message that was accepted.
    pub fn accepted_one(&self) -> MessageId {
        match self.accepted()[..] {
            [(_, Ok(id))] => id,
            ref other => panic!("expected one accepted message, heard {other:?}"),
        }
    }

    pub fn leased(&self) -> Vec<LeasedDelivery> {
        match self.next() {
            Heard::Leased(leased) => leased.items,
            other => panic!("expected Leased, heard {other:?}"),
        }
    }

    pub fn settled(&self) -> u32 {
        match self.next() {
            Heard::Settled(settled) => settled.count,
            other => panic!("expected Settled, heard {other:?}"),
        }
    }

    pub fn found(&self) -> Vec<DeliveryStatus> {
        match self.next() {
            Heard::Found(found) => found.deliveries,
            other => panic!("expected Found, heard {other:?}"),
        }
    }

    pub fn failed(&self) -> StoreFailed {
        match self.next() {
            Heard::Failed(failed) => failed,
            other => panic!("expected StoreFailed, heard {other:?}"),
        }
    }
}

pub fn now() -> Timestamp {
    Timestamp::from_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

pub fn options(folder: &Path) -> StoreOptions {
    StoreOptions {
        data_dir: folder.to_owned(),
        node_number: 3,
        partitions: 1,
        journal: JournalKind::Sled,
        postgres: None,
        durability: Durability::PowerLoss,
        memory_max: 256 << 20,
        messages_max: 10_000_000,
        retention: Duration::from_secs(86_400),
        retention_messages_max: 1_000_000,
        receipt_grace: Duration::from_secs(3_600),
        parked_max: Duration::from_secs(864_000),
        disk_free_min: 0,
        cdr: false,
        outboxes: Vec::new(),
    }
}

pub fn operator(name: &str) -> Outbox {
    Outbox::Operator(Name::intern(name))
}

/// A message to that number for operator `op-a`.
pub fn message(tag: u32, destination: &str, body: &Bytes) -> NewMessage {
    message_for(operator("op-a"), tag, destination, body)
}

pub fn message_for(outbox: Outbox, tag: u32, destination: &str, body: &Bytes) -> NewMessage {
    NewMessage {
        tag,
        origin: Origin::Account(Name::intern("demo")),
        body: body.clone(),
        priority: 0,
        due: Timestamp::default(),
        expires: now().plus(Duration::from_secs(3_600)),
        receipts: ReceiptRequest(1),
        destination: address_hash(destination.as_bytes()),
        fingerprint: Fingerprint::default(),
        aliased: false,
        replaces: false,
        deliveries: smallvec![NewDelivery { outbox, body: None, destination: None }],
        peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), bind: BindKind::Transceiver },
    }
}

pub fn body() -> Bytes {
    Bytes::from_static(b"a message of some forty octets, as usual")
}

/// An open store and who hears its answers.
pub struct Opened {
    pub handle: StoreHandle,
    pub threads: StoreThreads,
    pub ear: Ear,
}

pub fn open(options: StoreOptions) -> Opened {
    open_with(options, StoreParts::default())
}

pub fn open_with(options: StoreOptions, parts: StoreParts) -> Opened {
    let ear = Ear::new();
    let (handle, threads) = Store::open_with(options, ear.addr.clone().recipient(), parts).unwrap();
    Opened { handle, threads, ear }
}

impl Opened {
    pub fn partition(&self) -> PartitionId {
        self.handle.partitions().next().unwrap()
    }

    pub fn accept(&self, items: Vec<NewMessage>) -> Result<(), Accept> {
        let reply = self.ear.addr.clone().recipient();
        self.handle.accept(self.partition(), Accept { reply, items })
    }

    pub fn pull(&self, outbox: Outbox, room: u32) {
        let reply = self.ear.addr.clone().recipient();
        self.handle.pull(self.partition(), Pull { outbox, holder: Holder(1), room, rest: Rest::Returns, reply });
    }

    pub fn register(&self, outbox: Outbox) {
        let ring = self.ear.addr.clone().recipient();
        self.handle.register(Register { outbox, holder: Holder(1), ring });
    }

    /// Pulls until so many have come, as a holder does: whenever it is rung, and again after a pull that was filled.
    pub fn pull_all(&self, outbox: Outbox, count: usize) -> Vec<LeasedDelivery> {
        let mut leased = Vec::new();
        self.register(outbox);
        while leased.len() < count {
            match self.ear.next() {
                Heard::Ring(_) => self.pull(outbox, 100),
                Heard::Leased(more) => {
                    if more.items.len() == 100 {
                        self.pull(outbox, 100);
                    }
                    leased.extend(more.items);
                }
                _ => {}
            }
        }
        leased
    }

    pub fn settle(&self, items: Vec<Settlement>) {
        let reply = Some(self.ear.addr.clone().recipient());
        self.handle.settle(self.partition(), Settle { holder: Holder(1), items, reply });
    }

    pub fn find(&self, message_id: MessageId) -> Vec<DeliveryStatus> {
        let message = MessageRef::Id(message_id);
        self.handle.find(Find { tag: 1, message, reply: self.ear.addr.clone().recipient() });
        self.ear.found()
    }

    pub fn close(self) {
        self.threads.close(LONG).unwrap();
    }
}

pub fn sent(lease: Lease, operator_message_id: u64) -> Settlement {
    let operator_message_id = Some(OperatorMessageId::Decimal(operator_message_id));
    Settlement::new(lease, Outcome::Sent { operator_message_id, receipt_expected: true })
}

/// Ends the message at once: the operator sends no receipts.
pub fn sent_for_good(lease: Lease) -> Settlement {
    Settlement::new(lease, Outcome::Sent { operator_message_id: None, receipt_expected: false })
}

/// Lets appends through one permit at a time.
#[derive(Clone)]
pub struct Gate {
    permits: Sender<()>,
}

impl Gate {
    /// A closed gate, and the parts of a store with it.
    pub fn closed() -> (Self, StoreParts) {
        let (permits, queue) = channel();
        let queue = Arc::new(std::sync::Mutex::new(queue));
        let before = move || {
            // When the gate is gone the way is free.
            let _ = queue.lock().unwrap().recv();
            Ok(())
        };
        (Self { permits }, parts_with(before))
    }

    pub fn let_through(&self, appends: usize) {
        (0..appends).for_each(|_| self.permits.send(()).unwrap());
    }
}

/// Parts whose journals do that before each append.
pub fn parts_with(before: impl Fn() -> Result<(), StoreError> + Send + Sync + 'static) -> StoreParts {
    let before = Arc::new(before);
    let around_journal = Arc::new(move |_: PartitionId, journal: Box<dyn Journal>| {
        Box::new(Watched { journal, before: before.clone() }) as Box<dyn Journal>
    });
    StoreParts { around_journal, ..StoreParts::default() }
}

/// Parts of a store on a disk that is as full as you say.
pub fn disk(free: &Arc<AtomicU64>) -> StoreParts {
    let free = free.clone();
    let free_space = Arc::new(move |_: &Path| Ok(Space { free: free.load(Ordering::Relaxed), capacity: 1 << 40 }));
    StoreParts { free_space, ..StoreParts::default() }
}

struct Watched<F> {
    journal: Box<dyn Journal>,
    before: Arc<F>,
}

impl<F: Fn() -> Result<(), StoreError> + Send + Sync> Journal for Watched<F> {
    fn append(&mut self, first: RecordNumber, records: &[Bytes], keep_from: RecordNumber) -> Result<(), StoreError> {
        (self.before)()?;
        self.journal.append(first, records, keep_from)
    }

    fn replay(&mut self, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        self.journal.replay(each)
    }

    fn reader(&self) -> Option<Box<dyn JournalReader>> {
        self.journal.reader()
    }

    fn lease(&self) -> Option<Arc<Tenure>> {
        self.journal.lease()
    }

    fn tend(&mut self) -> Result<Option<Instant>, StoreError> {
        self.journal.tend()
    }

    fn size(&self) -> u64 {
        self.journal.size()
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.journal.close()
    }
}
