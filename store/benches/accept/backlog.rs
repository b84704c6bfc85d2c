//! Millions of messages that wait: how fast and how evenly they come in, what they take in memory, how long a start takes
//! after the process was killed, and how fast they leave. A second process fills the store, so that it can be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actix::prelude::*;
use smsc_store::*;

use crate::peers::*;

/// A rate is given for each of so many parts.
const PARTS: u64 = 10;

const FILLING: Row = Row { binds: 16, window: 100, links: 0, link_window: 0, paced: 0 };
const DRAINING: Row = Row { binds: 16, window: 100, links: 16, link_window: 100, paced: NEVER };

/// The whole story, for so many messages and MiB of memory.
pub(crate) fn measure(words: &[String]) {
    let messages: u64 = words.first().and_then(|word| word.parse().ok()).unwrap_or(5_000_000);
    let memory: u64 = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(256);
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut filler = Command::new(std::env::current_exe().unwrap())
        .arg("fill")
        .arg(folder.path())
        .args([messages.to_string(), memory.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for line in BufReader::new(filler.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if line == "filled" {
            break;
        }
        println!("{line}");
    }
    filler.kill().unwrap();
    filler.wait().unwrap();
    System::new().block_on(drain(folder.path(), messages, memory));
}

/// The process that is killed.
pub(crate) fn fill(words: &[String]) {
    let [folder, messages, memory] = words else { panic!("a folder, messages, and MiB") };
    let (messages, memory) = (messages.parse().unwrap(), memory.parse().unwrap());
    System::new().block_on(async {
        let watch = Watch.start();
        let (handle, threads) = Store::open(sized(folder.as_ref(), memory), watch.recipient()).unwrap();
        let tally = Arc::new(Tally::default());
        let arbiters = [Arbiter::new(), Arbiter::new()];
        FILLING.start(&handle, &tally, &arbiters);
        let progress = follow(tally.clone(), |tally| &tally.accepted, messages);
        progress.report("filling");
        stop(&arbiters);
        actix::clock::sleep(Duration::from_secs(1)).await;
        let stats = &handle.stats()[0].stats;
        println!(
            "full: {} MB resident ({} MB at most), {} MB of bodies, {} of {} spilled",
            memory_of("VmRSS"),
            memory_of("VmHWM"),
            stats.body_octets >> 20,
            stats.spilled,
            stats.held,
        );
        println!("filled");
        thread::park();
        drop(threads);
    });
}

async fn drain(folder: &Path, messages: u64, memory: u64) {
    let watch = Watch.start();
    let started = Instant::now();
    let (handle, threads) = Store::open(sized(folder, memory), watch.recipient()).unwrap();
    let took = started.elapsed().as_secs_f64();
    println!("start: {took:.2} s, {} MB resident ({} MB at most)", memory_of("VmRSS"), memory_of("VmHWM"));
    let tally = Arc::new(Tally::default());
    let arbiters = [Arbiter::new(), Arbiter::new()];
    DRAINING.start(&handle, &tally, &arbiters);
    follow(tally, |tally| &tally.ended, messages).report("draining");
    let stats = &handle.stats()[0].stats;
    let read = stats.counters.read_back;
    println!("empty: {} MB resident, {read} records read back", memory_of("VmRSS"));
    stop(&arbiters);
    threads.close(Duration::from_secs(60)).unwrap();
}

fn sized(folder: &Path, memory: u64) -> StoreOptions {
    let operator = (Outbox::Operator(operator()), OutboxRules { waiting_max: u64::MAX, ..OutboxRules::default() });
    StoreOptions { memory_max: memory << 20, outboxes: vec![operator], ..options(folder, JournalKind::Sled) }
}

fn stop(arbiters: &[Arbiter]) {
    for arbiter in arbiters {
        arbiter.stop();
    }
}

/// How a count went.
struct Progress {
    /// Per second, in each part.
    rates: Vec<f64>,
    /// The longest time in which nothing happened.
    stall: Duration,
    stall_at: u64,
    took: Duration,
    reached: u64,
}

/// Looks at a count until it is reached. Blocks.
fn follow(tally: Arc<Tally>, count: fn(&Tally) -> &AtomicU64, until: u64) -> Progress {
    let started = Instant::now();
    let (mut changed, mut before, mut part, mut part_began) = (started, 0, (0, started), 0);
    let mut progress =
        Progress { rates: Vec::new(), stall: Duration::ZERO, stall_at: 0, took: Duration::ZERO, reached: 0 };
    while before < until {
        thread::sleep(Duration::from_millis(1));
        let (now, seen) = (Instant::now(), count(&tally).load(Ordering::Relaxed));
        if seen == before {
            continue;
        }
        if now - changed > progress.stall {
            (progress.stall, progress.stall_at) = (now - changed, seen);
        }
        (changed, before) = (now, seen);
        if seen >= (part.0 + 1) * until / PARTS {
            progress.rates.push((seen - part_began) as f64 / (now - part.1).as_secs_f64());
            (part, part_began) = ((seen * PARTS / until, now), seen);
        }
    }
    (progress.took, progress.reached) = (started.elapsed(), before);
    progress
}

impl Progress {
    fn report(&self, what: &str) {
        let Self { rates, stall, stall_at, took, reached } = self;
        let rates: Vec<_> = rates.iter().map(|rate| format!("{:.0}", rate / 1e3)).collect();
        let seconds = took.as_secs_f64();
        println!(
            "{what}: {reached} in {seconds:.1} s, {:.0} a second (thousands by tenths: {}); longest stall {} ms at {stall_at}",
            *reached as f64 / seconds,
            rates.join(" "),
            stall.as_millis(),
        );
    }
}

/// Megabytes, as the system counts them.
fn memory_of(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap() * 1_024 / 1_000_000
}
