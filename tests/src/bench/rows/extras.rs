//! What whole lives cost with call detail records, and with spans of one message in a thousand, against neither.
//!
//! Nodes with and without take turns, because the machine has faster and slower minutes.

use std::time::Duration;

use smsc_tests::collector::Collector;
use smsc_tests::configuration::Configuration;

use super::whole_life::FLOOD;
use crate::bench::{Bench, median_of, text};
use crate::centre::Centre;
use crate::figure::{Figure, Unit};
use crate::loaded::Loaded;

/// One turn.
struct Turn {
    neither: Loaded,
    cdr: Loaded,
    spans: Loaded,
}

/// CPU and rate: medians of the turns.
pub(crate) fn run(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let collector = Collector::start();
    let spans = format!("otlp_endpoint = \"http://{}\"", collector.address());
    let turns = (0..bench.pick(3, 1))
        .map(|_| {
            Ok(Turn {
                neither: lives(bench, |node| node)?,
                cdr: lives(bench, |node| node.section("cdr", "folder = \"cdr\""))?,
                spans: lives(bench, |node| node.section("telemetry", &spans))?,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    if collector.spans().is_empty() && bench.pick(true, false) {
        return Err("no span came".to_owned());
    }
    let cpu = |of: fn(&Turn) -> &Loaded| median_of(&turns, |turn| Ok(of(turn).node_cpu()? / turn.neither.node_cpu()?));
    let rate = |of: fn(&Turn) -> &Loaded| {
        median_of(&turns, |turn| Ok(of(turn).receipts_per_second()? / turn.neither.receipts_per_second()?))
    };
    Ok(vec![
        Figure::told("with CDRs, messages", Unit::Percent, rate(|turn| &turn.cdr)? * 100.0),
        Figure::told("with CDRs, node CPU each", Unit::Percent, cpu(|turn| &turn.cdr)? * 100.0),
        Figure::told("with spans, messages", Unit::Percent, rate(|turn| &turn.spans)? * 100.0),
        Figure::told("with spans, node CPU each", Unit::Percent, cpu(|turn| &turn.spans)? * 100.0),
    ])
}

fn lives(bench: &mut Bench, with: impl FnOnce(Configuration) -> Configuration) -> Result<Loaded, String> {
    let centre = Centre::start_with(16, with);
    let seconds = text(bench.pick(Duration::from_secs(4), Duration::from_millis(500)));
    bench.load(&centre.node, &format!("{FLOOD} --duration {seconds}"))?.with_all_receipts()
}
