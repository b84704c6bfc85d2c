//! How many messages a second the store accepts, and carries through their whole life, with a journal on the disk and
//! with one that does nothing. No sockets: actors stand for binds and links and keep their windows full.
//!
//! `cargo bench --bench accept [-- SECONDS_PER_ROW]`; with 0 only the restart is measured.
//! `cargo bench --bench accept -- backlog MESSAGES MEMORY_MAX_MIB`: what millions that wait take and cost.

#![allow(clippy::unwrap_used, missing_docs)]

mod backlog;
mod peers;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use peers::*;
use smsc_store::*;

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
        row.start(&handle, &tally, &arbiters);
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
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "backlog" || word == "fill") {
        Some(place) if words[place] == "fill" => return backlog::fill(&words[place + 1..]),
        Some(place) => return backlog::measure(&words[place + 1..]),
        None => {}
    }
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
