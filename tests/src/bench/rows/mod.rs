//! The rows, in the order of the table. What each is to reach stands in its file.

mod accept;
mod backlog;
mod cluster;
mod elsewhere;
mod extras;
mod idle;
mod neighbours;
mod one_bind;
mod paced;
mod soak;
mod whole_life;

use crate::bench::Bench;
use crate::figure::Figure;

/// One row: a scene, and the figures that it gives.
pub(crate) struct Row {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What is measured, in words.
    pub(crate) what: &'static str,
    /// Measures it; fails when the scene does not come about, or something was lost.
    pub(crate) run: fn(&mut Bench) -> Result<Vec<Figure>, String>,
}

/// Those that run when none is named.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "accept", what: "accept, durable, 16 binds × window 100", run: accept::run },
    Row { name: "life-16", what: "whole life, flood, 16 links × 100", run: whole_life::over_16_links },
    Row { name: "life-4", what: "whole life, flood, 4 links × 100", run: whole_life::over_4_links },
    Row { name: "extras", what: "whole life with CDRs, with spans, against neither", run: extras::run },
    Row { name: "paced-100k", what: "whole life, paced at 100,000/s for 30 s", run: paced::at_100_000 },
    Row { name: "paced-5k", what: "whole life, paced at 5,000/s", run: paced::at_5_000 },
    Row { name: "window-1", what: "accept, durable, one bind, window 1", run: one_bind::run },
    Row { name: "idle", what: "10,000 idle binds", run: idle::run },
    Row { name: "neighbours", what: "a good client at 500/s beside a hostile crowd", run: neighbours::run },
    Row { name: "backlog", what: "5 million messages waiting, memory_max 256 MiB", run: backlog::run },
    Row { name: "cluster-1k", what: "three nodes against one, paced at 1,000/s", run: cluster::at_1_000 },
    Row { name: "cluster-5k", what: "three nodes against one, paced at 5,000/s", run: cluster::at_5_000 },
    Row { name: "cluster-cpu", what: "three nodes against one, paced at 20,000/s", run: cluster::at_20_000 },
    Row { name: "kills", what: "100 × kill -9 under load", run: elsewhere::kills },
    Row { name: "fuzz", what: "hostile bytes", run: elsewhere::fuzzed },
];

/// Those that take so long that they run only when they are named, or short.
pub(crate) const LONG_ROWS: &[Row] =
    &[Row { name: "soak", what: "ten minutes of whole lives at 100,000/s", run: soak::run }];
