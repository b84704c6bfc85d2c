//! Which journal records still hold something, and when the oldest should be cleaned.

use std::collections::VecDeque;

use crate::journal::RecordNumber;

/// When the cleaner goes to work, and how much it does per batch.
#[derive(Clone, Copy, Debug)]
pub struct CleaningRules {
    /// Octets that the journal may hold beyond twice what is alive.
    pub slack: u64,
    /// Deliveries re-appended per batch at most.
    pub step_max: usize,
}

impl Default for CleaningRules {
    fn default() -> Self {
        Self { slack: 64 << 20, step_max: 128 }
    }
}

/// The journal's records by number, from the oldest kept to the newest.
#[derive(Debug)]
pub(crate) struct Ledger {
    first: RecordNumber,
    records: VecDeque<Kept>,
    /// Octets of all records.
    octets: u64,
    /// Octets that what is alive is worth.
    live_octets: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    octets: u32,
    /// Bases of deliveries and parked receipts in it.
    live: u32,
}

impl Default for Ledger {
    /// The first record ever is number 1.
    fn default() -> Self {
        Self { first: 1, records: VecDeque::new(), octets: 0, live_octets: 0 }
    }
}

impl Ledger {
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    pub(crate) const fn live_octets(&self) -> u64 {
        self.live_octets
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The oldest record that is kept.
    #[cfg(test)]
    pub(crate) const fn first(&self) -> RecordNumber {
        self.first
    }

    /// The number after the newest record.
    #[cfg(test)]
    pub(crate) fn end(&self) -> RecordNumber {
        self.first + self.records.len() as u64
    }

    /// On replay: the journal begins with this record.
    pub(crate) fn begin(&mut self, first: RecordNumber) {
        debug_assert!(self.records.is_empty(), "only the first record begins the ledger");
        self.first = first;
    }

    /// A record is written, or was read: so long.
    pub(crate) fn closed(&mut self, number: RecordNumber, octets: u32) {
        if let Some(kept) = self.kept(number) {
            kept.octets = octets;
            self.octets += u64::from(octets);
        }
    }

    fn kept(&mut self, number: RecordNumber) -> Option<&mut Kept> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        while self.records.len() <= index {
            self.records.push_back(Kept::default());
        }
        self.records.get_mut(index)
    }

    /// A base stands in this record now.
    pub(crate) fn add(&mut self, number: RecordNumber, octets: u32) {
        if let Some(kept) = self.kept(number) {
            kept.live += 1;
        }
        self.live_octets += u64::from(octets);
    }

    /// It does not any more.
    pub(crate) fn remove(&mut self, number: RecordNumber, octets: u32) {
        if let Some(kept) = self.kept(number) {
            kept.live = kept.live.saturating_sub(1);
        }
        self.live_octets = self.live_octets.saturating_sub(u64::from(octets));
    }

    /// What is alive has grown by a further event.
    pub(crate) fn grow(&mut self, octets: u32) {
        self.live_octets += u64::from(octets);
    }

    /// Lets go of the oldest records that hold nothing alive, and tells which is the oldest kept. The newest always
    /// stays: its head holds the highest id given.
    pub(crate) fn drop_dead(&mut self) -> RecordNumber {
        while self.records.len() > 1
            && let Some(kept) = self.records.front()
            && kept.live == 0
        {
            self.octets -= u64::from(kept.octets);
            self.first += 1;
            self.records.pop_front();
        }
        self.first
    }

    /// The oldest record, when it holds something alive and the journal is far longer than what is alive.
    pub(crate) fn wants_cleaning(&self, rules: &CleaningRules) -> Option<RecordNumber> {
        // The newest record is where the cleaner writes to.
        let live = self.records.len() > 1 && self.records.front().is_some_and(|kept| kept.live > 0);
        (live && self.octets > 2 * self.live_octets + rules.slack).then_some(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: CleaningRules = CleaningRules { slack: 0, step_max: 1 };

    #[test]
    fn only_the_oldest_dead_records_go_and_never_the_newest() {
        let mut ledger = Ledger::default();
        for number in 1..=4 {
            ledger.add(number, 10);
            ledger.closed(number, 100);
        }
        ledger.remove(1, 10);
        ledger.remove(3, 10);
        assert_eq!(ledger.drop_dead(), 2);
        ledger.remove(2, 10);
        ledger.remove(4, 10);
        assert_eq!((ledger.drop_dead(), ledger.octets(), ledger.end()), (4, 100, 5));
    }

    #[test]
    fn the_oldest_is_cleaned_when_the_journal_outgrows_what_is_alive() {
        let mut ledger = Ledger::default();
        ledger.add(1, 60);
        ledger.closed(1, 100);
        assert_eq!(ledger.wants_cleaning(&NOW), None);
        ledger.closed(2, 100);
        assert_eq!(ledger.wants_cleaning(&NOW), Some(1));
        assert_eq!(ledger.wants_cleaning(&CleaningRules { slack: 80, step_max: 1 }), None);
    }

    #[test]
    fn a_dead_record_needs_no_cleaning() {
        let mut ledger = Ledger::default();
        ledger.closed(1, 100);
        ledger.closed(2, 100);
        assert_eq!(ledger.wants_cleaning(&NOW), None);
    }
}
