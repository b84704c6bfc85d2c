//! How much room the disk has left, and whether that is enough for new messages.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the system is asked at least, while something is written.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// After how many octets it is asked again at the latest: what the fastest disk takes in a fraction of a second.
const SAMPLE_OCTETS: u64 = 64 << 20;

/// And after which part of the minimum, from this many octets on: what is kept free for settlements is not used up
/// between two looks.
const SAMPLE_PART: u64 = 16;
const SAMPLE_OCTETS_MIN: u64 = 1 << 20;

/// The room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Octets that an unprivileged process may still use.
    pub free: u64,
    /// Octets in all.
    pub capacity: u64,
}

/// Asks how much room a folder's disk has.
pub type FreeSpaceProbe = Arc<dyn Fn(&Path) -> io::Result<Space> + Send + Sync>;

/// The probe that asks the operating system.
pub fn system_probe() -> FreeSpaceProbe {
    Arc::new(|folder| {
        let disk = rustix::fs::statvfs(folder)?;
        let octets = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Space { free: octets(disk.f_bavail), capacity: octets(disk.f_blocks) })
    })
}

/// Watches the room on one disk.
pub(crate) struct FreeSpace {
    folder: PathBuf,
    probe: FreeSpaceProbe,
    min: u64,
    space: Option<Space>,
    low: bool,
    sampled: Option<Instant>,
    written: u64,
}

impl FreeSpace {
    pub(crate) fn new(folder: PathBuf, probe: FreeSpaceProbe, min: u64) -> Self {
        let mut space = Self { folder, probe, min, space: None, low: false, sampled: None, written: 0 };
        space.sample(Instant::now(), 0, || 0);
        space
    }

    /// Asks the system again if it is time to, and says whether the disk is low. `reusable`: what the journal can take
    /// without asking the disk for more. A journal that does not shrink would keep a disk low for ever.
    pub(crate) fn sample(&mut self, now: Instant, written: u64, reusable: impl FnOnce() -> u64) -> bool {
        self.written += written;
        let due = self.sampled.is_none_or(|sampled| now.saturating_duration_since(sampled) >= SAMPLE_EVERY);
        let enough_written = (self.min / SAMPLE_PART).clamp(SAMPLE_OCTETS_MIN, SAMPLE_OCTETS);
        if due || self.written >= enough_written {
            self.sampled = Some(now);
            self.written = 0;
            match (self.probe)(&self.folder) {
                Ok(space) => self.take(space, reusable()),
                Err(error) => tracing::warn!(folder = %self.folder.display(), %error, "cannot ask for free disk space"),
            }
        }
        self.low
    }

    pub(crate) const fn is_low(&self) -> bool {
        self.low
    }

    /// What the system said last; `None` before it said anything.
    pub(crate) const fn space(&self) -> Option<Space> {
        self.space
    }

    /// A tenth above the minimum it is enough again: a disk at the edge does not flap.
    fn take(&mut self, space: Space, reusable: u64) {
        self.space = Some(space);
        let free = space.free.saturating_add(reusable);
        let enough = if self.low { self.min.saturating_add(self.min / 10) } else { self.min };
        let low = free < enough;
        if low != self.low {
            self.low = low;
            let folder = self.folder.display();
            if low {
                tracing::warn!(%folder, free, min = self.min, "the disk is low: new messages are refused until there is room");
            } else {
                tracing::info!(%folder, free, "the disk has room again: new messages are taken");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn disk(free: &Arc<AtomicU64>) -> FreeSpace {
        let free = free.clone();
        FreeSpace::new(
            PathBuf::from("."),
            Arc::new(move |_| Ok(Space { free: free.load(Ordering::Relaxed), capacity: 10_000 })),
            1_000,
        )
    }

    #[test]
    fn a_disk_below_the_minimum_is_low_until_a_tenth_above_it() {
        let free = Arc::new(AtomicU64::new(1_000));
        let mut space = disk(&free);
        let states = [999, 1_000, 1_099, 1_100, 1_000].map(|now_free| {
            free.store(now_free, Ordering::Relaxed);
            space.sample(Instant::now(), SAMPLE_OCTETS, || 0)
        });
        assert_eq!(states, [true, true, true, false, false]);
    }

    #[test]
    fn it_is_asked_once_a_second_while_little_is_written() {
        let free = Arc::new(AtomicU64::new(1_000));
        let mut space = disk(&free);
        free.store(0, Ordering::Relaxed);
        assert!(!space.sample(Instant::now(), 10, || 0));
        assert!(space.sample(Instant::now() + SAMPLE_EVERY, 10, || 0));
    }

    #[test]
    fn it_is_asked_again_before_the_reserve_is_used_up() {
        let free = Arc::new(AtomicU64::new(1_000));
        let mut space = disk(&free);
        free.store(900, Ordering::Relaxed);
        assert!(!space.sample(Instant::now(), SAMPLE_OCTETS_MIN - 1, || 0));
        assert!(space.sample(Instant::now(), 1, || 0), "so little is not asked for at each append");
    }

    #[test]
    fn what_the_journal_can_write_anew_counts_as_free() {
        let free = Arc::new(AtomicU64::new(100));
        let mut space = disk(&free);
        assert!(space.sample(Instant::now(), SAMPLE_OCTETS, || 999));
        assert!(!space.sample(Instant::now(), SAMPLE_OCTETS, || 1_000));
    }

    #[test]
    fn the_system_answers() {
        let space = system_probe()(Path::new(".")).expect("the current folder lies on a disk");
        assert!(space.free > 0 && space.free <= space.capacity);
    }
}
