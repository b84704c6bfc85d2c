//! The whole life at a steady rate: how long messages and their receipts take. Latencies count from when a message was due.

use std::time::Duration;

use crate::bench::{Bench, text};
use crate::centre::Centre;
use crate::figure::{Figure, Unit, median_on};
use crate::loaded::Loaded;

/// At 100,000/s.
pub(crate) fn at_100_000(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let (rate, duration) = bench.pick((100_000, Duration::from_secs(30)), (1_000, Duration::from_secs(2)));
    let loaded = paced(bench, rate, duration)?;
    let sent = loaded.accepted()? / (loaded.accepted()? + loaded.number("/not_sent")?);
    Ok(vec![
        Figure::at_most("submit → response, p99", Unit::Milliseconds, 10.0, Some(5.0), loaded.response_ms("p99")?),
        Figure::at_most("submit → receipt, p99", Unit::Milliseconds, 20.0, Some(10.0), loaded.receipt_ms("p99")?),
        Figure::at_least("sent of what was due", Unit::Percent, 99.9, None, sent * 100.0),
    ])
}

/// At 5,000/s.
pub(crate) fn at_5_000(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let (rate, duration) = bench.pick((5_000, Duration::from_secs(10)), (500, Duration::from_secs(2)));
    let loaded = paced(bench, rate, duration)?;
    let cores = loaded.node_cpu()? * loaded.accepted_per_second()? / 1e6;
    let median = |ms| median_on(bench.fdatasync, ms);
    let ms = |name, reach, aim, value| Figure::at_most(name, Unit::Milliseconds, reach, Some(aim), value);
    Ok(vec![
        ms("submit → response, p50", median(1.0), median(0.6), loaded.response_ms("p50")?),
        ms("submit → response, p99", 4.0, 2.0, loaded.response_ms("p99")?),
        ms("submit → receipt, p50", median(2.0), median(1.3), loaded.receipt_ms("p50")?),
        ms("submit → receipt, p99", 8.0, 4.0, loaded.receipt_ms("p99")?),
        Figure::at_most("node", Unit::Cores, 1.0, Some(0.7), cores),
    ])
}

fn paced(bench: &mut Bench, rate: u32, duration: Duration) -> Result<Loaded, String> {
    let centre = Centre::start(16);
    let seconds = text(duration);
    let run = format!("--binds 16 --window 100 --rate {rate} --duration {seconds}");
    bench.load(&centre.node, &run)?.with_all_receipts()
}
