//! Millions of messages that wait for an operator which is away: memory, stalls while they come, the start after a
//! kill, and how fast they leave when the operator is back.

use std::time::{Duration, Instant};

use smsc_tests::node::Node;
use smsc_tests::port::Port;

use super::whole_life::FLOOD;
use crate::bench::{Bench, start_load, text};
use crate::centre::{SimulatedOperator, configuration, expect_links};
use crate::figure::{Figure, Unit};
use crate::loaded::Loaded;
use crate::process::resident_max;

/// How long a node may take to start: longer is a trouble, not a figure.
const START_PATIENCE: Duration = Duration::from_secs(180);
/// How long the backlog may stand still while it is worked off.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);
/// How often the node is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LINKS: u32 = 16;

/// Fill, kill, start, work off, and then the normal flood for comparison.
pub(crate) fn run(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let waiting = bench.waiting();
    let port = Port::take();
    let node = configuration(&port, LINKS).section("store", "memory_max = \"256MiB\"").start();

    let parts = [waiting / 10, waiting - 2 * (waiting / 10), waiting / 10];
    let fills = parts.into_iter().map(|count| fill(bench, &node, count)).collect::<Result<Vec<_>, _>>()?;
    let empty = fills[0].accepted_per_second()?;
    let full = fills[2].accepted_per_second()?;
    let stalls = fills.iter().map(|fill| fill.response_ms("max")).collect::<Result<Vec<_>, _>>()?;
    let filled_size = resident_max(node.process().id())?;

    let place = node.kill();
    let begin = Instant::now();
    let node = place.start_again_within(START_PATIENCE);
    let start = begin.elapsed().as_secs_f64();

    let operator = SimulatedOperator::start(&port);
    let drained = work_off(bench, &node, waiting)?;
    let size = resident_max(node.process().id())?.max(filled_size);
    expect_links(&node, LINKS);
    let seconds = text(bench.pick(Duration::from_secs(5), Duration::from_secs(1)));
    let normal = bench.load(&node, &format!("{FLOOD} --duration {seconds}"))?.with_all_receipts()?;
    drop(operator);
    Ok(vec![
        Figure::at_most("resident at most", Unit::Megabytes, 1_000.0, Some(700.0), size / 1e6),
        Figure::at_least("accept rate, of the empty store's", Unit::Percent, 50.0, None, full / empty * 100.0),
        Figure::at_most(
            "longest stall while filling",
            Unit::Milliseconds,
            250.0,
            Some(50.0),
            stalls.into_iter().fold(0.0, f64::max),
        ),
        Figure::at_most("start after kill -9", Unit::Seconds, 12.0, Some(6.0), start),
        Figure::at_least(
            "work-off rate, of the normal one",
            Unit::Percent,
            50.0,
            None,
            drained / normal.receipts_per_second()? * 100.0,
        ),
    ])
}

/// Messages that ask for receipts, which cannot come yet: only the responses are waited for.
fn fill(bench: &mut Bench, node: &Node, count: u64) -> Result<Loaded, String> {
    let loaded = bench.load(node, &format!("--binds 16 --window 100 --count {count} --drain 1s"))?;
    match loaded.accepted()? {
        accepted if accepted == count as f64 => Ok(loaded),
        accepted => Err(format!("{accepted} of {count} messages were accepted")),
    }
}

/// Until every message is final and its receipt acknowledged; messages a second.
fn work_off(bench: &mut Bench, node: &Node, waiting: u64) -> Result<f64, String> {
    // Takes the receipts. Interrupted when all are there.
    let receiver = start_load(node, "--idle --binds 16 --duration 10m");
    let done = || node.metric("smsc_receipts_total", &[("account", "demo"), ("result", "delivered")]);
    let (mut begin, mut seen, mut moved) = (None, 0.0, Instant::now());
    while seen < waiting as f64 {
        std::thread::sleep(LOOK_EVERY);
        let now = done();
        if now > seen {
            begin = begin.or(Some((Instant::now(), now)));
            (seen, moved) = (now, Instant::now());
        }
        if moved.elapsed() > DRAIN_PATIENCE {
            return Err(format!("{seen} of {waiting} receipts came, and then no more"));
        }
    }
    receiver.interrupt();
    bench.loaded(receiver)?;
    node.expect_metric("smsc_messages_final_total", &[("state", "delivered")], waiting as f64);
    // From the first receipts that were seen to the last. If they all came at once, they took as long as a look.
    let (begin, first) = begin.unwrap_or((moved, 0.0));
    let elapsed = moved.duration_since(begin).max(LOOK_EVERY).as_secs_f64();
    Ok(if seen > first { seen - first } else { seen } / elapsed)
}
