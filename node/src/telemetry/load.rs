//! What the process takes of its machine, and how much of what the node can take that is: `process_*` and
//! `smsc_load_ratio`, from which balancers get their weights.

use std::time::{Duration, Instant};

use metrics::{Gauge, gauge};
use metrics_process::{Collector, collector};

use super::health::NodeState;

/// How often it is looked at: over so long the CPU is averaged.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Load {
    state: NodeState,
    process: Collector,
    ratio: Gauge,
    cores: f64,
    /// CPU seconds so far, and when they were.
    before: Option<(f64, Instant)>,
}

impl Load {
    /// Of a node with that state; one for the process.
    pub(super) fn new(state: NodeState) -> Self {
        let process = Collector::default();
        process.describe();
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        Self { state, process, ratio: gauge!("smsc_load_ratio"), cores, before: None }
    }

    /// Looks once.
    pub(super) fn look(&mut self, now: Instant) {
        self.process.collect();
        let process = collector::collect();
        let descriptors = match (process.open_fds, process.max_fds) {
            (Some(open), Some(max)) if max > 0 => open as f64 / max as f64,
            // No limit, or nobody says: then it is none.
            _ => 0.0,
        };
        let cpu = process.cpu_seconds_total.unwrap_or_default();
        let busy = self.before.replace((cpu, now)).map_or(0.0, |(before, since)| {
            let seconds = now.saturating_duration_since(since).as_secs_f64();
            if seconds > 0.0 { (cpu - before) / seconds / self.cores } else { 0.0 }
        });
        self.ratio.set(fullest([1.0 - self.state.store_room(), descriptors, busy]));
        // What the store has left is asked when it is wanted.
        self.state.set_process_load(fullest([0.0, descriptors, busy]));
    }
}

/// The node is as full as what is fullest of it.
fn fullest(parts: [f64; 3]) -> f64 {
    parts.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_as_full_as_what_is_fullest_of_it() {
        assert_eq!(fullest([0.1, 0.7, 0.3]), 0.7);
        assert_eq!(fullest([0.0, 0.0, -0.1]), 0.0);
    }

    #[test]
    fn a_process_that_works_is_seen_to() {
        let mut load = Load::new(NodeState::default());
        let begin = Instant::now();
        load.look(begin);
        let mut sum = 0_u64;
        while begin.elapsed() < Duration::from_millis(300) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        load.look(Instant::now());
        let (cpu, _) = load.before.expect("it was looked at");
        assert!(cpu > 0.0, "{cpu}");
    }
}
