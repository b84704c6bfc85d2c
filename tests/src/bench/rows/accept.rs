//! How fast messages are made durable, and what that costs against a journal that does nothing.
//!
//! No operator is bound: nothing but accepting goes on. Three pairs of fresh nodes, durable and not, alternate, because
//! the machine has faster and slower minutes.

use std::time::Duration;

use smsc_tests::port::Port;

use crate::bench::{Bench, Durable, median_of, text};
use crate::centre::configuration;
use crate::figure::{Figure, Unit};
use crate::loaded::Loaded;

/// All bodies stay in memory: a journal that keeps nothing could not bring one back.
const NOTHING: &str = "memory_max = \"64GiB\"\njournal = \"nothing\"";
/// The same with the journal that is measured.
const DURABLE: &str = "memory_max = \"64GiB\"";

/// Both ways of one pair.
struct Pair {
    durable: Loaded,
    nothing: Loaded,
}

/// Rate, CPU and ratio: medians of the pairs.
pub(crate) fn run(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let pairs = (0..bench.pick(3, 1))
        .map(|_| Ok(Pair { durable: accept(bench, DURABLE)?, nothing: accept(bench, NOTHING)? }))
        .collect::<Result<Vec<_>, String>>()?;
    let rate = median_of(&pairs, |pair| pair.durable.accepted_per_second())?;
    let cpu = median_of(&pairs, |pair| pair.durable.node_cpu())?;
    let ratio =
        median_of(&pairs, |pair| Ok(pair.durable.accepted_per_second()? / pair.nothing.accepted_per_second()?))?;
    let (least, aim) = match bench.durable {
        Durable::Sled => (250_000.0, Some(450_000.0)),
        Durable::Postgres => (100_000.0, None),
    };
    Ok(vec![
        Figure::at_least("submit_sm", Unit::PerSecond, least, aim, rate),
        Figure::at_most("node CPU each", Unit::Microseconds, 4.0, Some(2.5), cpu),
        Figure::at_least("of a journal that does nothing", Unit::Percent, 45.0, None, ratio * 100.0),
    ])
}

fn accept(bench: &mut Bench, keys: &str) -> Result<Loaded, String> {
    let nobody = Port::take();
    let node = configuration(&nobody, 1).section("store", keys).start();
    let seconds = text(bench.pick(Duration::from_secs(4), Duration::from_millis(500)));
    bench.load(&node, &format!("--binds 16 --window 100 --receipts off --duration {seconds}"))
}
