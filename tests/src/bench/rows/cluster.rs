//! What it costs that a message's transmitter, its receiver and its operator's link are on three nodes, against one node
//! that has all three.
//!
//! The same load on both, alternating, each time on fresh nodes: figures are medians of the pairs. The nodes share this
//! machine's cores with each other and with the generators, so that of their latencies only the ratio tells something; and
//! CPU per message counts where work and not the waking of threads makes the most of it.

use std::time::Duration;

use crate::bench::{Bench, text};
use crate::centre::Centre;
use crate::figure::{Figure, Unit};
use crate::loaded::Loaded;
use crate::trio::Trio;

/// Links and binds of each kind.
const LINKS: u32 = 4;

/// Both ways of one pair.
struct Pair {
    one: Loaded,
    three: Loaded,
}

/// What is said of a run.
type Value = fn(&Loaded) -> Result<f64, String>;

/// At 1,000/s: what a cluster may cost in latency.
pub(crate) fn at_1_000(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let pairs = pairs(bench, (1_000, Duration::from_secs(8)))?;
    let mut figures = vec![of_one(&pairs, "response p99, of one node's", 200.0, |run| run.response_ms("p99"))?];
    figures.extend(told(&pairs)?);
    Ok(figures)
}

/// At 5,000/s.
pub(crate) fn at_5_000(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    told(&pairs(bench, (5_000, Duration::from_secs(8)))?)
}

/// At 20,000/s: what a relayed message costs in CPU.
pub(crate) fn at_20_000(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let pairs = pairs(bench, (20_000, Duration::from_secs(6)))?;
    let mut figures = vec![of_one(&pairs, "CPU each, of one node's", 200.0, Loaded::node_cpu)?];
    figures.extend(told(&pairs)?);
    Ok(figures)
}

/// What both ways took and cost.
fn told(pairs: &[Pair]) -> Result<Vec<Figure>, String> {
    let cpu: Value = Loaded::node_cpu;
    let times: [(&str, &str, Value); 4] = [
        ("one node: response p50", "three: response p50", |run| run.response_ms("p50")),
        ("one node: response p99", "three: response p99", |run| run.response_ms("p99")),
        ("one node: receipt p50", "three: receipt p50", |run| run.receipt_ms("p50")),
        ("one node: receipt p99", "three: receipt p99", |run| run.receipt_ms("p99")),
    ];
    let all = times.into_iter().map(|(one, three, value)| (one, three, Unit::Milliseconds, value));
    let all = all.chain([("one node: CPU each", "three: CPU each", Unit::Microseconds, cpu)]);
    let both = all.map(|(one, three, unit, value)| {
        let one = Figure::told(one, unit, median(pairs, |pair| value(&pair.one))?);
        Ok([one, Figure::told(three, unit, median(pairs, |pair| value(&pair.three))?)])
    });
    Ok(both.collect::<Result<Vec<_>, String>>()?.into_iter().flatten().collect())
}

/// The median of the pairs' ratios, in per cent.
fn of_one(pairs: &[Pair], name: &'static str, reach: f64, value: Value) -> Result<Figure, String> {
    let ratio = median(pairs, |pair| Ok(value(&pair.three)? / value(&pair.one)?))?;
    Ok(Figure::at_most(name, Unit::Percent, reach, None, ratio * 100.0))
}

fn pairs(bench: &mut Bench, (rate, duration): (u32, Duration)) -> Result<Vec<Pair>, String> {
    let (rate, duration) = bench.pick((rate, duration), (200, Duration::from_secs(1)));
    let load = format!("--binds {LINKS} --window 100 --rate {rate} --duration {}", text(duration));
    (0..bench.pick(3, 1)).map(|_| Ok(Pair { one: on_one(bench, &load)?, three: on_three(bench, &load)? })).collect()
}

fn on_one(bench: &mut Bench, load: &str) -> Result<Loaded, String> {
    let centre = Centre::start(LINKS);
    bench.load(&centre.node, load)?.with_all_receipts()
}

fn on_three(bench: &mut Bench, load: &str) -> Result<Loaded, String> {
    let trio = Trio::start(LINKS);
    bench.load_with(&format!("{} {load}", trio.arguments()))?.with_all_receipts()
}

fn median(pairs: &[Pair], value: impl Fn(&Pair) -> Result<f64, String>) -> Result<f64, String> {
    let mut values = pairs.iter().map(value).collect::<Result<Vec<f64>, String>>()?;
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().ok_or_else(|| "there was no pair".to_owned())
}
