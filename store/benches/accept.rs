//! How many messages a second the store accepts, and carries through their whole life, with a journal on the disk and
//! with one that does nothing. No sockets: actors stand for binds and links and keep their windows full.
//!
//! `cargo bench -p smsc-store [-- SECONDS_PER_ROW]`; with 0 only the restart is measured.

#![allow(clippy::unwrap_used, missing_docs)]

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
struct Row {
    binds: u32,
    window: u32,
    links: u32,
    link_window: u32,
    /// Messages a second over all binds; 0 = as many as go.
    paced: u32,
}

const ROWS: [Row; 9] = [
    accepts(1, 1),
    accepts(1, 10),
    accepts(1, 100),
    accepts(16, 10),
    accepts(16, 100),
    lives(4, 100, 0),
    lives(16, 100, 0),
    lives(4, 100, 5_000),
    lives(16, 100, 50_000),
];

const fn accepts(binds: u32, window: u32) -> Row {
    Row { binds, window, links: 0, link_window: 0, paced: 0 }
}

const fn lives(links: u32, link_window: u32, paced: u32) -> Row {
    Row { binds: 16, window: 100, links, link_window, paced }
}

fn now() -> Timestamp {
    Timestamp::from_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

fn account() -> Name {
    Name::intern("demo")
}

fn operator() -> Name {
    Name::intern("op-a")
}

/// What all actors of a row count.
#[derive(Default)]
struct Tally {
    accepted: AtomicU64,
    ended: AtomicU64,
    operator_id: AtomicU64,
    latencies: std::sync::Mutex<Vec<u32>>,
}

/// Stands for a bind: submits within its window, takes receipts.
struct Bind {
    handle: StoreHandle,
    tally: Arc<Tally>,
    row: Row,
    holder: Holder,
    body: Bytes,
    sent: std::collections::VecDeque<(Instant, usize)>,
    next: u64,
    taking: bool,
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
        self.handle.pull(partition, Pull { outbox, holder: self.holder, room: self.row.window, reply });
    }
}

impl Actor for Bind {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if self.row.links > 0 {
            let (outbox, holder) = (Outbox::Account(account()), self.holder);
            self.handle.register(Register { outbox, holder, ring: context.address().recipient() });
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
        let settlement = |delivery: &LeasedDelivery| Settlement { lease: delivery.lease, outcome: Outcome::Delivered };
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
struct Link {
    handle: StoreHandle,
    tally: Arc<Tally>,
    row: Row,
    holder: Holder,
    pulling: bool,
    sent: Vec<u64>,
}

impl Link {
    fn pull(&mut self, context: &mut Context<Self>) {
        self.pulling = true;
        let (outbox, reply) = (Outbox::Operator(operator()), context.address().recipient());
        let partition = self.handle.partitions().next().unwrap();
        self.handle.pull(partition, Pull { outbox, holder: self.holder, room: self.row.link_window, reply });
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
            Settlement { lease: delivery.lease, outcome: Outcome::Sent { operator_message_id, receipt_expected: true } }
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
struct Watch;

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

fn options(folder: &Path, journal: JournalKind) -> StoreOptions {
    StoreOptions {
        data_dir: folder.to_owned(),
        node_number: 0,
        partitions: 1,
        journal,
        durability: Durability::PowerLoss,
        memory_max: 256 << 20,
        messages_max: 10_000_000,
        retention: Duration::from_secs(86_400),
        retention_messages_max: 1_000_000,
        receipt_grace: Duration::from_secs(3_600),
        parked_max: Duration::from_secs(864_000),
        disk_free_min: 1 << 30,
        outboxes: Vec::new(),
    }
}

/// Seconds of processor that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // In ticks of 10 ms, on all machines that matter.
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) as f64 / 100.0
}

fn written() -> u64 {
    let counts = std::fs::read_to_string("/proc/self/io").unwrap();
    counts.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap()
}

fn run(row: Row, journal: JournalKind, seconds: u64) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let system = System::new();
    let (rate, micros, octets, p50, p99) = system.block_on(async {
        let watch = Watch.start();
        let (handle, threads) = Store::open(options(folder.path(), journal), watch.recipient()).unwrap();
        let tally = Arc::new(Tally::default());
        let arbiters = [Arbiter::new(), Arbiter::new()];
        for number in 0..row.links {
            let (handle, tally) = (handle.clone(), tally.clone());
            Link::start_in_arbiter(&arbiters[number as usize % 2].handle(), move |context| {
                context.set_mailbox_capacity(1 << 16);
                Link { handle, tally, row, holder: Holder(1_000 + u64::from(number)), pulling: false, sent: Vec::new() }
            });
        }
        for number in 0..row.binds {
            let (handle, tally) = (handle.clone(), tally.clone());
            let holder = Holder(u64::from(number));
            Bind::start_in_arbiter(&arbiters[number as usize % 2].handle(), move |context| {
                context.set_mailbox_capacity(1 << 16);
                let (body, sent) = (Bytes::from(vec![b'x'; 100]), Default::default());
                Bind { handle, tally, row, holder, body, sent, next: u64::from(number) << 32, taking: false }
            });
        }
        let count = || if row.links > 0 { &tally.ended } else { &tally.accepted }.load(Ordering::Relaxed);
        actix::clock::sleep(Duration::from_millis(500)).await;
        tally.latencies.lock().unwrap().clear();
        let (started, before, cpu_before, written_before) = (Instant::now(), count(), cpu(), written());
        actix::clock::sleep(Duration::from_secs(seconds)).await;
        let messages = (count() - before) as f64;
        let micros = (cpu() - cpu_before) * 1e6 / messages;
        let octets = (written() - written_before) as f64 / messages;
        let rate = messages / started.elapsed().as_secs_f64();
        let mut latencies = std::mem::take(&mut *tally.latencies.lock().unwrap());
        latencies.sort_unstable();
        let at = |part: f64| f64::from(latencies[((latencies.len() - 1) as f64 * part) as usize]) / 1e3;
        let result = (rate, micros, octets, at(0.5), at(0.99));
        for arbiter in &arbiters {
            arbiter.stop();
        }
        threads.close(Duration::from_secs(60)).unwrap();
        result
    });
    let what = if row.links > 0 { "lives" } else { "accepts" };
    let load = format!("{} x {}", row.binds, row.window);
    let links = if row.links > 0 { format!("{} x {}", row.links, row.link_window) } else { String::new() };
    let paced = if row.paced > 0 { row.paced.to_string() } else { "flood".into() };
    println!(
        "| {what:7} | {load:8} | {links:8} | {paced:>6} | {:7} | {rate:9.0} | {p50:6.2} / {p99:6.2} | {micros:6.2} | {octets:6.0} |",
        journal.as_str()
    );
}

fn main() {
    let seconds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(3);
    if seconds == 0 {
        return restart(1_000_000);
    }
    println!("| what    | binds    | links    | paced  | journal |       a s | accept p50/p99 ms | CPU µs | octets |");
    println!("|---------|----------|----------|--------|---------|-----------|-------------------|--------|--------|");
    for row in ROWS {
        for journal in [JournalKind::Sled, JournalKind::Nothing] {
            run(row, journal, seconds);
        }
    }
    restart(1_000_000);
}

/// How long a start takes with so many messages waiting.
fn restart(waiting: u64) {
    let folder = tempfile::tempdir_in(".").unwrap();
    System::new().block_on(async {
        let watch = Watch.start();
        let (handle, threads) =
            Store::open(options(folder.path(), JournalKind::Sled), watch.clone().recipient()).unwrap();
        let tally = Arc::new(Tally::default());
        let row = accepts(1, 4_000);
        let (body, sent) = (Bytes::from(vec![b'x'; 100]), Default::default());
        let of_bind = tally.clone();
        Bind { handle, tally: of_bind, row, holder: Holder(1), body, sent, next: 0, taking: false }.start();
        while tally.accepted.load(Ordering::Relaxed) < waiting {
            actix::clock::sleep(Duration::from_millis(5)).await;
        }
        threads.close(Duration::from_secs(60)).unwrap();
        let (started, cpu_before) = (Instant::now(), cpu());
        let (_, threads) = Store::open(options(folder.path(), JournalKind::Sled), watch.recipient()).unwrap();
        let messages = tally.accepted.load(Ordering::Relaxed);
        let (took, cpu) = (started.elapsed().as_secs_f64(), cpu() - cpu_before);
        println!("a start with {messages} messages waiting takes {took:.2} s ({cpu:.2} s of CPU)");
        threads.close(Duration::from_secs(60)).unwrap();
    });
}
