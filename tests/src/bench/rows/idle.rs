//! Binds that say nothing: what they cost in memory, and that each is asked whether it is still there.

use std::time::Duration;

use smsc_tests::port::Port;

use crate::bench::{Bench, start_load, text};
use crate::centre::configuration;
use crate::figure::{Figure, Unit};
use crate::process::resident;

/// How often the size of the node is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Resident memory, binds that stay, questions that each of them is asked.
pub(crate) fn run(bench: &mut Bench) -> Result<Vec<Figure>, String> {
    let binds = bench.pick(10_000, 200);
    // Asked often, so that it is seen within the run.
    let enquire_link = bench.pick(5, 1);
    let turns = bench.pick(3, 2);
    let nobody = Port::take();
    let session = format!("enquire_link = \"{enquire_link}s\"");
    let node = configuration(&nobody, 1).section("session", &session).start();

    let held = text(Duration::from_secs(enquire_link * (turns + 1)));
    let mut load = start_load(&node, &format!("--idle --binds {binds} --duration {held}"));
    let mut size = 0.0;
    while load.is_running() {
        size = resident(node.process().id())?.max(size);
        std::thread::sleep(LOOK_EVERY);
    }
    let loaded = bench.loaded(load)?;
    let kept = loaded.number("/binds")?;
    if kept < f64::from(binds) {
        return Err(format!("{kept} of {binds} binds came about"));
    }
    let asked = loaded.number("/enquire_links")? / f64::from(binds);
    Ok(vec![
        Figure::at_most("resident", Unit::Megabytes, 100.0, Some(50.0), size / 1e6),
        Figure::at_least("binds kept", Unit::Count, f64::from(binds), None, kept),
        Figure::at_least("enquire_link answered by each", Unit::Count, turns as f64, None, asked),
    ])
}
