//! Ten minutes at half the top rate: the node's size and its journal follow what is alive, and not how long it runs.

use std::time::{Duration, Instant};

use smsc_tests::node::Node;

use crate::bench::{Bench, start_load, text};
use crate::centre::Centre;
use crate::figure::{Figure, Unit};
use crate::process::resident;

/// How often the node is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The largest, and how the means of the third and of the last fifth of the time compare. Before, what is kept of final
/// messages is filling up, and the file grows up to the slack that it is left (`store/src/journal/tidying.rs`).
pub(crate) fn run(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let (rate, duration) = bench.pick((100_000, Duration::from_secs(600)), (500, Duration::from_secs(5)));
    let centre = Centre::start(16);
    let begin = Instant::now();
    let mut load =
        start_load(&centre.node, &format!("--binds 16 --window 100 --rate {rate} --duration {}", text(duration)));
    let mut looks = Vec::new();
    while load.is_running() {
        looks.push((begin.elapsed(), look(&centre.node)?));
        std::thread::sleep(LOOK_EVERY.min(duration / 20));
    }
    let loaded = bench.loaded(load)?.with_all_receipts()?;
    let sent = loaded.accepted()? / (loaded.accepted()? + loaded.number("/not_sent")?);
    let fifth = |which: u32| {
        looks.iter().filter(move |(at, _)| (duration * which..duration * (which + 1)).contains(&(*at * 5)))
    };
    let mean = |which, size: fn(&Look) -> f64| {
        fifth(which).map(|(_, look)| size(look)).sum::<f64>() / fifth(which).count() as f64
    };
    let growth = |size| (mean(4, size) / mean(2, size) - 1.0) * 100.0;
    let largest = |size: fn(&Look) -> f64| looks.iter().map(|(_, look)| size(look)).fold(0.0, f64::max);
    Ok(vec![
        Figure::at_most("resident at most", Unit::Megabytes, 500.0, Some(350.0), largest(|look| look.resident) / 1e6),
        Figure::at_most("resident, growth", Unit::Percent, 10.0, Some(5.0), growth(|look| look.resident)),
        Figure::at_most("journal at most", Unit::Megabytes, 600.0, Some(400.0), largest(|look| look.journal) / 1e6),
        Figure::at_most("journal, growth", Unit::Percent, 10.0, Some(5.0), growth(|look| look.journal)),
        Figure::at_least("sent of what was due", Unit::Percent, 99.9, None, sent * 100.0),
    ])
}

/// The node at one moment, in octets.
struct Look {
    resident: f64,
    journal: f64,
}

fn look(node: &Node) -> Result<Look, String> {
    Ok(Look { resident: resident(node.process().id())?, journal: node.metric("smsc_store_size_bytes", &[]) })
}
