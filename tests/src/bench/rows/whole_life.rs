//! submit → stored → operator → receipt stored → ESME → acknowledged, as fast as it goes.
//!
//! ESMEs submit faster than the operator is served, so that a backlog grows and is worked off at the end: the rate is
//! that of the receipts, from the first message to the last receipt.

use std::time::Duration;

use crate::bench::{Bench, Durable, text};
use crate::centre::Centre;
use crate::figure::{Figure, Unit};
use crate::loaded::Loaded;

/// What a generator may take of the machine that it measures: it must not measure itself.
const GENERATOR_US: f64 = 1.5;

/// The flood of a run, also for other rows.
pub(crate) const FLOOD: &str = "--binds 16 --window 100 --drain 60s";

/// Over 16 links; what the generators cost stands here too.
pub(crate) fn over_16_links(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let centre = Centre::start(16);
    let before = centre.operator.cpu()?;
    let loaded = flood(bench, &centre)?;
    let (least, aim) = match bench.durable {
        Durable::Sled => (120_000.0, Some(220_000.0)),
        Durable::Postgres => (40_000.0, None),
    };
    let operator = (centre.operator.cpu()? - before).as_secs_f64() * 1e6 / loaded.accepted()?;
    Ok(vec![
        Figure::at_least("messages", Unit::PerSecond, least, aim, loaded.receipts_per_second()?),
        Figure::at_most("node CPU each", Unit::Microseconds, 10.0, Some(6.0), loaded.node_cpu()?),
        Figure::at_most("smsc load, CPU each", Unit::Microseconds, GENERATOR_US, None, loaded.own_cpu()?),
        Figure::at_most("simulate-operator, CPU each", Unit::Microseconds, GENERATOR_US, None, operator),
    ])
}

/// Over 4 links.
pub(crate) fn over_4_links(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let loaded = flood(bench, &Centre::start(4))?;
    Ok(vec![
        Figure::at_least("messages", Unit::PerSecond, 80_000.0, Some(150_000.0), loaded.receipts_per_second()?),
        Figure::at_most("node CPU each", Unit::Microseconds, 14.0, Some(8.0), loaded.node_cpu()?),
    ])
}

fn flood(bench: &mut Bench, centre: &Centre) -> Result<Loaded, String> {
    let seconds = text(bench.pick(Duration::from_secs(8), Duration::from_secs(1)));
    bench.load(&centre.node, &format!("{FLOOD} --duration {seconds}"))?.with_all_receipts()
}
