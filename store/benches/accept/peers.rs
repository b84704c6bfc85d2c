//! Who stands for binds and links.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix::prelude::*;
use bytes::Bytes;
use smallvec::smallvec;
use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;
use smsc_store::handle::address_hash;
use smsc_store::*;

/// What a row is about.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) binds: u32,
    pub(crate) window: u32,
    pub(crate) links: u32,
    pub(crate) link_window: u32,
    /// Messages a second over all binds; 0 = as many as go; [`NEVER`] = none.
    pub(crate) paced: u32,
}

/// Binds take receipts only.
pub(crate) const NEVER: u32 = u32::MAX;

impl Row {
    /// Starts its binds and links.
    pub(crate) fn start(self, handle: &StoreHandle, tally: &Arc<Tally>, arbiters: &[Arbiter]) {
        for number in 0..self.links {
            let (handle, tally) = (handle.clone(), tally.clone());
            Link::start_in_arbiter(&arbiters[number as usize % arbiters.len()].handle(), move |context| {
                context.set_mailbox_capacity(1 << 16);
                let holder = Holder(1_000 + u64::from(number));
                Link { handle, tally, row: self, holder, pulling: false, sent: Vec::new() }
            });
        }
        for number in 0..self.binds {
            let (handle, tally) = (handle.clone(), tally.clone());
            let holder = Holder(u64::from(number));
            Bind::start_in_arbiter(&arbiters[number as usize % arbiters.len()].handle(), move |context| {
                context.set_mailbox_capacity(1 << 16);
                let (body, sent) = (Bytes::from(vec![b'x'; 100]), Default::default());
                Bind { handle, tally, row: self, holder, body, sent, next: u64::from(number) << 32, taking: false }
            });
        }
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

pub(crate) fn account() -> Name {
    Name::intern("demo")
}

pub(crate) fn operator() -> Name {
    Name::intern("op-a")
}

/// What all actors of a row count.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) accepted: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) operator_id: AtomicU64,
    pub(crate) latencies: std::sync::Mutex<Vec<u32>>,
}

/// Stands for a bind: submits within its window, takes receipts.
pub(crate) struct Bind {
    pub(crate) handle: StoreHandle,
    pub(crate) tally: Arc<Tally>,
    pub(crate) row: Row,
    pub(crate) holder: Holder,
    pub(crate) body: Bytes,
    pub(crate) sent: std::collections::VecDeque<(Instant, usize)>,
    pub(crate) next: u64,
    pub(crate) taking: bool,
}

impl Bind {
    fn submit(&mut self, count: usize, context: &mut Context<Self>) {
        let expires = now().plus(Duration::from_secs(3_600));
        let items = (0..count).map(|tag| {
            self.next += 1;
            NewMessage {
                tag: tag as u32,
                origin: Origin::Account(account()),
                body: self.body.clone(),
                priority: 0,
                due: Timestamp::default(),
                expires,
                receipts: ReceiptRequest(1),
                destination: self.next,
                fingerprint: Fingerprint::default(),
                aliased: false,
                replaces: false,
                deliveries: smallvec![NewDelivery {
                    outbox: Outbox::Operator(operator()),
                    body: None,
                    destination: None
                }],
                peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), bind: BindKind::Transceiver },
            }
        });
        let accept = Accept { reply: context.address().recipient(), items: items.collect() };
        let partition = self.handle.partition_for(address_hash(b"46701234567"));
        self.sent.push_back((Instant::now(), count));
        if self.handle.accept(partition, accept).is_err() {
            self.sent.pop_back();
            // As a session would answer ESME_RMSGQFUL, and its ESME try again.
            context.run_later(Duration::from_millis(5), move |bind, context| bind.submit(count, context));
        }
    }

    fn take(&mut self, context: &mut Context<Self>) {
        self.taking = true;
        let (outbox, reply) = (Outbox::Account(account()), context.address().recipient());
        let partition = self.handle.partitions().next().unwrap();
        self.handle
            .pull(partition, Pull { outbox, holder: self.holder, room: self.row.window, rest: Rest::Returns, reply });
    }
}

impl Actor for Bind {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if self.row.links > 0 {
            let (outbox, holder) = (Outbox::Account(account()), self.holder);
            self.handle.register(Register { outbox, holder, ring: context.address().recipient() });
        }
        if self.row.paced == NEVER {
            return;
        }
        if self.row.paced == 0 {
            return self.submit(self.row.window as usize, context);
        }
        let every = Duration::from_millis(2);
        let share = f64::from(self.row.paced) / f64::from(self.row.binds) * every.as_secs_f64();
        let mut owed = share * self.holder.0 as f64 % 1.0;
        let mut last = Instant::now();
        context.run_interval(every, move |bind, context| {
            owed += share * last.elapsed().as_secs_f64() / every.as_secs_f64();
            last = Instant::now();
            let count = owed as usize;
            owed -= count as f64;
            if count > 0 {
                bind.submit(count, context);
            }
        });
    }
}

impl Handler<Accepted> for Bind {
    type Result = ();

    fn handle(&mut self, accepted: Accepted, context: &mut Self::Context) {
        let (at, _) = self.sent.pop_front().unwrap();
        let count = accepted.items.len();
        self.tally.accepted.fetch_add(count as u64, Ordering::Relaxed);
        self.tally.latencies.lock().unwrap().push(at.elapsed().as_micros() as u32);
        if self.row.paced == 0 {
            self.submit(count, context);
        }
    }
}

impl Handler<Ring> for Bind {
    type Result = ();

    fn handle(&mut self, _: Ring, context: &mut Self::Context) {
        if !self.taking {
            self.take(context);
        }
    }
}

impl Handler<Leased> for Bind {
    type Result = ();

    fn handle(&mut self, leased: Leased, context: &mut Self::Context) {
        if leased.items.is_empty() {
            self.taking = false;
            return;
        }
        let settlement = |delivery: &LeasedDelivery| Settlement::new(delivery.lease, Outcome::Delivered);
        let items = leased.items.iter().map(settlement).collect();
        let reply = Some(context.address().recipient());
        self.handle.settle(leased.partition, Settle { holder: self.holder, items, reply });
    }
}

impl Handler<Settled> for Bind {
    type Result = ();

    fn handle(&mut self, settled: Settled, context: &mut Self::Context) {
        self.tally.ended.fetch_add(u64::from(settled.count), Ordering::Relaxed);
        self.take(context);
    }
}

/// Stands for a link to an operator that answers at once and sends its receipts with the answer.
pub(crate) struct Link {
    pub(crate) handle: StoreHandle,
    pub(crate) tally: Arc<Tally>,
    pub(crate) row: Row,
    pub(crate) holder: Holder,
    pub(crate) pulling: bool,
    pub(crate) sent: Vec<u64>,
}

impl Link {
    fn pull(&mut self, context: &mut Context<Self>) {
        self.pulling = true;
        let (outbox, reply) = (Outbox::Operator(operator()), context.address().recipient());
        let partition = self.handle.partitions().next().unwrap();
        self.handle.pull(
            partition,
            Pull { outbox, holder: self.holder, room: self.row.link_window, rest: Rest::Returns, reply },
        );
    }
}

impl Actor for Link {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let (outbox, holder) = (Outbox::Operator(operator()), self.holder);
        self.handle.register(Register { outbox, holder, ring: context.address().recipient() });
    }
}

impl Handler<Ring> for Link {
    type Result = ();

    fn handle(&mut self, _: Ring, context: &mut Self::Context) {
        if !self.pulling {
            self.pull(context);
        }
    }
}

impl Handler<Leased> for Link {
    type Result = ();

    fn handle(&mut self, leased: Leased, context: &mut Self::Context) {
        if leased.items.is_empty() {
            self.pulling = false;
            return;
        }
        let first = self.tally.operator_id.fetch_add(leased.items.len() as u64, Ordering::Relaxed);
        let items = (first..).zip(&leased.items).map(|(id, delivery)| {
            let operator_message_id = Some(OperatorMessageId::Decimal(id));
            Settlement::new(delivery.lease, Outcome::Sent { operator_message_id, receipt_expected: true })
        });
        let items: Vec<_> = items.collect();
        self.sent = (first..first + items.len() as u64).collect();
        let reply = Some(context.address().recipient());
        self.handle.settle(leased.partition, Settle { holder: self.holder, items, reply });
    }
}

impl Handler<Settled> for Link {
    type Result = ();

    fn handle(&mut self, _: Settled, context: &mut Self::Context) {
        let receipt = |id| OperatorReceipt {
            tag: 0,
            operator: operator(),
            operator_message_id: OperatorMessageId::Decimal(id),
            state: MessageState::Delivered,
            error: *b"000",
            done: now(),
            destination: 0,
        };
        let items = self.sent.drain(..).map(receipt).collect();
        self.handle.receipts(RecordReceipts { reply: context.address().recipient(), items });
        self.pull(context);
    }
}

impl Handler<ReceiptsRecorded> for Link {
    type Result = ();

    fn handle(&mut self, _: ReceiptsRecorded, _: &mut Self::Context) {}
}

/// Stops the process when the store fails.
pub(crate) struct Watch;

impl Actor for Watch {
    type Context = Context<Self>;
}

impl Handler<StoreFailed> for Watch {
    type Result = ();

    fn handle(&mut self, failed: StoreFailed, _: &mut Self::Context) {
        eprintln!("{}", failed.error);
        std::process::exit(1);
    }
}

pub(crate) fn options(folder: &Path, journal: JournalKind) -> StoreOptions {
    StoreOptions {
        data_dir: folder.to_owned(),
        node_number: 0,
        partitions: 1,
        journal,
        postgres: None,
        durability: Durability::PowerLoss,
        memory_max: 256 << 20,
        messages_max: 10_000_000,
        retention: Duration::from_secs(86_400),
        retention_messages_max: 1_000_000,
        receipt_grace: Duration::from_secs(3_600),
        parked_max: Duration::from_secs(864_000),
        disk_free_min: 1 << 30,
        cdr: false,
        outboxes: Vec::new(),
    }
}
