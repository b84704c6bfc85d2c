//! What one message costs in the state machine alone, in CPU time: no thread, no journal, no socket.
//!
//! `cargo bench -p smsc-store --bench partition [-- messages per row]`

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use smallvec::smallvec;
use smsc_proto::ids::{OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;
use smsc_store::options::{Durability, JournalKind, StoreOptions};
use smsc_store::partition::{Batch, Command, Partition};
use smsc_store::*;

const BATCH: usize = 256;
const NOW: u64 = 1_764_000_000_000;

#[derive(Default)]
struct Peers {
    leased: Vec<LeasedDelivery>,
}

impl Actor for Peers {
    type Context = Context<Self>;
}

fn ignored<M: Message<Result = ()>>(_: M) {}

impl Handler<Accepted> for Peers {
    type Result = ();
    fn handle(&mut self, answer: Accepted, _: &mut Self::Context) {
        ignored(answer);
    }
}

impl Handler<Settled> for Peers {
    type Result = ();
    fn handle(&mut self, answer: Settled, _: &mut Self::Context) {
        ignored(answer);
    }
}

impl Handler<Cancelled> for Peers {
    type Result = ();
    fn handle(&mut self, answer: Cancelled, _: &mut Self::Context) {
        ignored(answer);
    }
}

impl Handler<ReceiptsRecorded> for Peers {
    type Result = ();
    fn handle(&mut self, answer: ReceiptsRecorded, _: &mut Self::Context) {
        ignored(answer);
    }
}

impl Handler<Leased> for Peers {
    type Result = ();
    fn handle(&mut self, answer: Leased, _: &mut Self::Context) {
        self.leased = answer.items;
    }
}

struct TakeLeased;

impl Message for TakeLeased {
    type Result = Vec<LeasedDelivery>;
}

impl Handler<TakeLeased> for Peers {
    type Result = Vec<LeasedDelivery>;
    fn handle(&mut self, _: TakeLeased, _: &mut Self::Context) -> Self::Result {
        std::mem::take(&mut self.leased)
    }
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

/// CPU time of this thread: others use the machine too.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

struct Bench {
    system: SystemRunner,
    peers: Addr<Peers>,
    partition: Partition,
    octets: usize,
    longest: Duration,
    clock: u64,
    /// How long each batch took, by kind.
    took: [Vec<Duration>; KINDS.len()],
}

/// What a batch did.
const KINDS: [&str; 7] = ["accept", "pull", "sent", "receipt", "pull receipt", "delivered", "cancel (each)"];

impl Bench {
    /// One batch.
    fn turn(&mut self, kind: usize, command: impl FnOnce(&Addr<Peers>) -> Command) {
        self.clock += 1;
        let now = Timestamp::from_millis(NOW + self.clock);
        let command = command(&self.peers);
        let began = busy();
        let mut batch: Batch = self.partition.begin();
        self.partition.apply(now, command, false, &mut batch);
        let records = self.partition.seal(&mut batch);
        self.octets += records.records.iter().map(Bytes::len).sum::<usize>();
        self.partition.release(now, batch);
        let took = busy() - began;
        self.longest = self.longest.max(took);
        self.took[kind].push(took);
    }

    fn leased(&mut self) -> Vec<LeasedDelivery> {
        self.system.block_on(self.peers.send(TakeLeased)).unwrap()
    }

    /// Medians: now and then a batch pays for growth.
    fn report(&mut self, what: &str) {
        let mut sum = 0;
        print!("{what}:");
        for (kind, took) in KINDS.iter().zip(&mut self.took) {
            took.sort_unstable();
            if let Some(median) = took.get(took.len() / 2) {
                let nanos = median.as_nanos() as usize / BATCH;
                sum += nanos;
                print!(" {kind} {nanos},");
            }
        }
        let messages = self.took.iter().map(Vec::len).max().unwrap_or_default() * BATCH;
        let octets = self.octets / messages.max(1);
        println!(" together {sum} ns a message; {octets} octets; longest batch {:?}", self.longest);
        (self.octets, self.longest) = (0, Duration::ZERO);
        self.took.iter_mut().for_each(Vec::clear);
    }
}

fn accept(addr: &Addr<Peers>, body: &Bytes, clock: u64) -> Command {
    let now = Timestamp::from_millis(NOW + clock);
    let message = |tag| NewMessage {
        tag,
        origin: Origin::Account(Name::intern("demo")),
        body: body.clone(),
        priority: 0,
        due: now,
        expires: now.plus(Duration::from_secs(172_800)),
        receipts: ReceiptRequest(1),
        destination: u64::from(tag),
        fingerprint: Fingerprint::default(),
        aliased: false,
        replaces: false,
        deliveries: smallvec![NewDelivery {
            outbox: Outbox::Operator(Name::intern("op-a")),
            body: None,
            destination: None
        }],
        peer: Peer { address: [127, 0, 0, 1].into(), bind: BindKind::Transceiver },
    };
    let items = (0..BATCH as u32).map(message).collect();
    Command::Accept(Accept { reply: addr.clone().recipient(), items })
}

fn pull(addr: &Addr<Peers>, outbox: Outbox) -> Command {
    Command::Pull(Pull {
        outbox,
        holder: Holder(1),
        room: BATCH as u32,
        rest: Rest::Returns,
        reply: addr.clone().recipient(),
    })
}

fn settle(addr: &Addr<Peers>, items: Vec<Settlement>) -> Command {
    Command::Settle(Settle { holder: Holder(1), items, reply: Some(addr.clone().recipient()) })
}

fn lives(bench: &mut Bench, body: &Bytes, messages: usize) {
    let mut next_id = bench.clock << 32;
    for _ in 0..messages / BATCH {
        let clock = bench.clock;
        bench.turn(0, |addr| accept(addr, body, clock));
        bench.turn(1, |addr| pull(addr, Outbox::Operator(Name::intern("op-a"))));
        let leased = bench.leased();
        assert_eq!(leased.len(), BATCH);
        let first = next_id;
        let items = leased
            .iter()
            .map(|leased| {
                next_id += 1;
                let operator_message_id = Some(OperatorMessageId::Decimal(next_id));
                Settlement::new(leased.lease, Outcome::Sent { operator_message_id, receipt_expected: true })
            })
            .collect();
        bench.turn(2, |addr| settle(addr, items));
        let items = (0..BATCH as u32)
            .map(|tag| OperatorReceipt {
                tag,
                operator: Name::intern("op-a"),
                operator_message_id: OperatorMessageId::Decimal(first + 1 + u64::from(tag)),
                state: MessageState::Delivered,
                error: *b"000",
                done: Timestamp::from_millis(NOW),
                destination: u64::from(tag),
            })
            .collect();
        bench.turn(3, |addr| Command::Receipts(RecordReceipts { reply: addr.clone().recipient(), items }));
        bench.turn(4, |addr| pull(addr, Outbox::Account(Name::intern("demo"))));
        let leased = bench.leased();
        assert_eq!(leased.len(), BATCH);
        let items = leased.iter().map(|leased| Settlement::new(leased.lease, Outcome::Delivered)).collect();
        bench.turn(5, |addr| settle(addr, items));
    }
    bench.report("whole life");
}

fn main() {
    let messages = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(400_000);
    let system = System::new();
    let peers = system.block_on(async { Peers::default().start() });
    let partition = Partition::new(PartitionId::new(0).unwrap(), &options());
    let mut bench =
        Bench { system, peers, partition, octets: 0, longest: Duration::ZERO, clock: 0, took: Default::default() };
    let body = Bytes::from(vec![7; 90]);
    for _ in 0..3 {
        lives(&mut bench, &body, messages);
    }
    for round in 0..messages * 5 / BATCH {
        let clock = bench.clock;
        bench.turn(0, |addr| accept(addr, &body, clock));
        if round % 64 == 0 {
            bench.leased();
        }
    }
    bench.report("five times as many that wait");
    // The account's first cancellation by address looks through all of them; from then on each of its messages is kept
    // by address too.
    bench.turn(6, cancel);
    println!("the first cancellation by address: {:?}", bench.longest);
    bench.report("found and ended");
    for _ in 0..messages / BATCH {
        let clock = bench.clock;
        bench.turn(0, |addr| accept(addr, &body, clock));
    }
    bench.report("more, of an account that cancels by address");
}

/// One step: what waits between two addresses.
fn cancel(addr: &Addr<Peers>) -> Command {
    Command::Cancel(Cancel {
        tag: 1,
        account: Name::intern("demo"),
        like: Fingerprint::default(),
        what: Cancelling::Between { destination: 7 },
        reply: addr.clone().recipient(),
    })
}
