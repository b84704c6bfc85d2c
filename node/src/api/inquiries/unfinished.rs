//! How far sweeps have come that one request did not end: the next one goes on there. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use smsc_proto::ids::PartitionId;
use smsc_store::SweepPlace;

use super::SweepMessages;

/// Sweeps that are remembered at a time.
const KEPT_MAX: usize = 32;
/// How long whoever asked may take to ask again; a sweep that was forgotten begins anew.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Where each partition is to go on.
pub(super) type Places = HashMap<PartitionId, SweepPlace>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unfinished(HashMap<SweepMessages, (Instant, Places)>);

impl Unfinished {
    /// Where a sweep that is asked for again goes on; `None`: it begins.
    pub(super) fn take(&mut self, sweep: &SweepMessages) -> Option<Places> {
        self.0.remove(sweep).map(|(_, places)| places)
    }

    /// It has come so far.
    pub(super) fn keep(&mut self, now: Instant, sweep: SweepMessages, places: Places) {
        self.0.retain(|_, (since, _)| now.saturating_duration_since(*since) < KEPT_FOR);
        if self.0.len() < KEPT_MAX {
            self.0.insert(sweep, (now, places));
        }
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::timestamp::Timestamp;
    use smsc_store::{Name, Outbox, Sweeping};

    use super::*;

    fn sweep(accepted_until: u64) -> SweepMessages {
        let outbox = Outbox::Operator(Name::intern("op-a"));
        SweepMessages { outbox, accepted_until: Timestamp::from_millis(accepted_until), what: Sweeping::End }
    }

    #[test]
    fn a_sweep_goes_on_once_where_it_was_and_another_one_begins() {
        let (mut unfinished, now) = (Unfinished::default(), Instant::now());
        unfinished.keep(now, sweep(7), Places::new());
        assert!(unfinished.take(&sweep(8)).is_none());
        assert!(unfinished.take(&SweepMessages { what: Sweeping::CountEnds, ..sweep(7) }).is_none());
        assert!(unfinished.take(&sweep(7)).is_some());
        assert!(unfinished.take(&sweep(7)).is_none());
    }

    #[test]
    fn what_nobody_goes_on_with_is_forgotten_and_there_are_never_too_many() {
        let (mut unfinished, now) = (Unfinished::default(), Instant::now());
        (0..100).for_each(|number| unfinished.keep(now, sweep(number), Places::new()));
        assert_eq!(unfinished.0.len(), KEPT_MAX);
        unfinished.keep(now + KEPT_FOR, sweep(100), Places::new());
        assert!(unfinished.take(&sweep(0)).is_none() && unfinished.take(&sweep(100)).is_some());
    }
}
