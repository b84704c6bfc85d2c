//! The commonest ESME: one bind that waits for each response before it submits again.

use std::time::Duration;

use smsc_tests::port::Port;

use crate::bench::{Bench, text};
use crate::centre::configuration;
use crate::figure::{Figure, Unit, median_on};

/// How many such turns a second, and how long one takes.
pub(crate) fn run(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let nobody = Port::take();
    let node = configuration(&nobody, 1).start();
    let seconds = text(bench.pick(Duration::from_secs(6), Duration::from_secs(1)));
    let loaded = bench.load(&node, &format!("--binds 1 --window 1 --receipts off --duration {seconds}"))?;
    let median = |ms| median_on(bench.fdatasync, ms);
    Ok(vec![
        Figure::at_least("submit_sm", Unit::PerSecond, 1_800.0, Some(2_500.0), loaded.accepted_per_second()?),
        Figure::at_most(
            "submit → response, p50",
            Unit::Milliseconds,
            median(0.5),
            Some(median(0.38)),
            loaded.response_ms("p50")?,
        ),
    ])
}
