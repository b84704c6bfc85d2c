//! How what an account submits, or what a link sends, ends: totals since the start, for whoever looks from elsewhere.
//!
//! What goes well is one atomic addition a turn; what fails takes a lock, and is rare or a flood that is refused anyway.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// The upper ends of the buckets of durations, in milliseconds; one more bucket takes what is longer.
pub const BUCKETS_MS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// How many ended, by bucket of how long they took.
pub type Durations = [u64; BUCKETS_MS.len() + 1];

/// The totals of one account or one link.
#[derive(Debug, Default)]
pub struct Tally {
    well: AtomicU64,
    failed: AtomicU64,
    durations: [AtomicU64; BUCKETS_MS.len() + 1],
    kinds: Mutex<BTreeMap<&'static str, Failed>>,
    last: AtomicU64,
}

/// Failures of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// How many.
    pub count: u64,
    /// When the last one was.
    pub last: SystemTime,
}

/// A [`Tally`] at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What ended well.
    pub well: u64,
    /// What did not.
    pub failed: u64,
    /// How long what was answered took.
    pub durations: Durations,
    /// Failures by the name of their status: a fixed set.
    pub kinds: Vec<(&'static str, Failed)>,
    /// When anything ended well last.
    pub last: Option<SystemTime>,
}

impl Tally {
    /// So many ended well.
    pub fn well(&self, count: u64) {
        if count > 0 {
            self.well.fetch_add(count, Ordering::Relaxed);
            self.last.store(millis_of(SystemTime::now()), Ordering::Relaxed);
        }
    }

    /// One failed; `kind` is the name of a status, from a fixed set.
    pub fn failed(&self, kind: &'static str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let last = SystemTime::now();
        self.kinds()
            .entry(kind)
            .and_modify(|failed| *failed = Failed { count: failed.count + 1, last })
            .or_insert(Failed { count: 1, last });
    }

    /// An answer took so long: one sample a turn is enough.
    pub fn took(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MS.iter().position(|end| millis < *end).unwrap_or(BUCKETS_MS.len());
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// The totals as of now.
    pub fn totals(&self) -> Totals {
        let last = self.last.load(Ordering::Relaxed);
        Totals {
            well: self.well.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            durations: std::array::from_fn(|bucket| self.durations[bucket].load(Ordering::Relaxed)),
            kinds: self.kinds().iter().map(|(kind, failed)| (*kind, *failed)).collect(),
            last: (last > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_millis(last)),
        }
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<&'static str, Failed>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tally of what an account submits, over all of its sessions here. Of configured accounts only: there are as many
/// as were ever configured.
pub fn of_account(system_id: &str) -> Arc<Tally> {
    static ACCOUNTS: OnceLock<Mutex<HashMap<Box<str>, Arc<Tally>>>> = OnceLock::new();
    let accounts = ACCOUNTS.get_or_init(Mutex::default);
    let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
    match accounts.get(system_id) {
        Some(known) => known.clone(),
        None => accounts.entry(system_id.into()).or_default().clone(),
    }
}

/// The end of the bucket below which a share of the durations lies, in milliseconds. `None`: there are none;
/// `u64::MAX`: beyond the last bucket.
pub fn quantile(durations: &Durations, share: f64) -> Option<u64> {
    let all: u64 = durations.iter().sum();
    let wanted = (all as f64 * share).ceil() as u64;
    let mut seen = 0;
    let mut ends = BUCKETS_MS.into_iter().chain([u64::MAX]).zip(durations);
    ends.find_map(|(end, count)| {
        seen += count;
        (all > 0 && seen >= wanted).then_some(end)
    })
}

fn millis_of(moment: SystemTime) -> u64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_well_and_what_fails_is_counted_apart_and_failures_by_status() {
        let tally = Tally::default();
        tally.well(3);
        tally.failed("ESME_RTHROTTLED");
        tally.failed("ESME_RTHROTTLED");
        tally.failed("ESME_RINVDSTADR");
        let totals = tally.totals();
        assert_eq!((totals.well, totals.failed), (3, 3));
        let kinds: Vec<_> = totals.kinds.iter().map(|(kind, failed)| (*kind, failed.count)).collect();
        assert_eq!(kinds, [("ESME_RINVDSTADR", 1), ("ESME_RTHROTTLED", 2)]);
        assert!(totals.last.is_some());
    }

    #[test]
    fn nothing_has_no_quantile_and_what_is_too_long_lies_beyond_all_buckets() {
        let tally = Tally::default();
        assert_eq!(quantile(&tally.totals().durations, 0.99), None);
        (0..99).for_each(|_| tally.took(Duration::from_millis(3)));
        assert_eq!(quantile(&tally.totals().durations, 0.99), Some(5));
        (0..5).for_each(|_| tally.took(Duration::from_secs(60)));
        assert_eq!(quantile(&tally.totals().durations, 0.99), Some(u64::MAX));
        assert_eq!(quantile(&tally.totals().durations, 0.5), Some(5));
    }

    #[test]
    fn all_sessions_of_an_account_share_its_tally() {
        of_account("ex-tally").well(1);
        of_account("ex-tally").well(1);
        assert_eq!(of_account("ex-tally").totals().well, 2);
    }
}
