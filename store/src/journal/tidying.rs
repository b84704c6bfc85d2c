//! When sled is to tidy up its file, and how much of it: so that the file follows what it holds. A pure value.
//!
//! A segment is written anew once nothing in it is in use. What stays in use the longest are the marks of freed pages:
//! sled takes the freed page with the highest number first, so that those with low numbers, and the segments in which
//! their marks stand, are not touched again. A journal that had shrunk once kept up to one segment of 8 MiB for each of
//! them. sled would move what is left in a segment that is mostly empty, but only on a thread of its own that is
//! switched off here, or one page with each replacement of another.
//!
//! To move pages costs writes, since some would have been dropped soon. So it is done only while the file grows although
//! it holds little, or is far too large; and never faster than the journal is written.

use super::log_file::SEGMENT_SIZE;

/// A file within a quarter and so many octets of what it holds is left alone: that much comes and goes with each wave.
const SLACK: u64 = 64 << 20;

/// How many octets of the file an octet of a record may hold up before sled tidies up without a pause.
pub(super) const SPREAD: u64 = 3;

/// Segments that sled holds back although nothing in them is in use: one is free two segments after it was emptied.
pub(super) const SEGMENTS_IN_USE: u64 = 4;

/// Pages moved for each time the file grew: what lies in several segments that are mostly empty.
const PAGES_PER_GROWTH: u64 = 256;

/// One page is moved with so many octets of records: a few segments are held up by a thousand marks then.
const OCTETS_PER_PAGE: u64 = 16 << 10;

/// Pages moved between two syncs at most: half of those that are no marks hold no records, so that with the largest
/// batch they stay below a segment.
const PAGES_AT_ONCE: u64 = 16;

/// What is still to be tidied up.
#[derive(Debug, Default)]
pub(super) struct Tidying {
    size: u64,
    written: u64,
    due: u64,
}

impl Tidying {
    /// So many octets of records were just appended; the file has that `size`, the records in it `kept` octets. Returns
    /// how many pages sled should move now.
    pub(super) fn pages(&mut self, written: u64, size: u64, kept: u64) -> u64 {
        let grew = size > std::mem::replace(&mut self.size, size);
        if size <= kept + kept / 4 + SLACK {
            (self.written, self.due) = (0, 0);
            return 0;
        }
        if grew {
            self.due = PAGES_PER_GROWTH;
        }
        self.written = (self.written + written).min(PAGES_AT_ONCE * OCTETS_PER_PAGE);
        let far_too_large = reusable(size, kept) > 0;
        let pages = match self.written / OCTETS_PER_PAGE {
            pages if far_too_large => pages,
            pages => pages.min(self.due),
        };
        self.written -= pages * OCTETS_PER_PAGE;
        self.due = self.due.saturating_sub(pages);
        pages
    }
}

/// Octets of the file that hold nothing, at least: segments go as a whole, and what sled writes about its trees lies
/// among the records.
pub(super) fn reusable(size: u64, kept: u64) -> u64 {
    size.saturating_sub(SPREAD * kept + SEGMENTS_IN_USE * SEGMENT_SIZE as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_file_that_is_about_as_large_as_what_it_holds_is_left_alone() {
        let mut tidying = Tidying::default();
        assert_eq!(tidying.pages(MIB, 100 * MIB, 50 * MIB), 0);
        assert_eq!(tidying.pages(MIB, 189 * MIB, 100 * MIB), 0);
        assert_eq!(tidying.pages(MIB, 2_000 * MIB, 1_600 * MIB), 0);
    }

    #[test]
    fn a_file_that_grows_beyond_is_tidied_up_for_a_while() {
        let mut tidying = Tidying::default();
        tidying.pages(MIB, 180 * MIB, 100 * MIB);
        let moved = (0..1_000).map(|_| tidying.pages(MIB, 196 * MIB, 100 * MIB)).collect::<Vec<_>>();
        assert_eq!((moved[0], moved.iter().sum()), (PAGES_AT_ONCE, PAGES_PER_GROWTH));
        assert_eq!(tidying.pages(MIB, 204 * MIB, 100 * MIB), PAGES_AT_ONCE, "it grew once more");
    }

    #[test]
    fn a_file_that_is_far_too_large_is_tidied_up_until_it_is_not() {
        let mut tidying = Tidying::default();
        tidying.pages(MIB, 900 * MIB, 900 * MIB);
        assert!((0..1_000).all(|_| tidying.pages(MIB, 900 * MIB, 100 * MIB) == PAGES_AT_ONCE));
        assert_eq!(tidying.pages(MIB, 330 * MIB, 100 * MIB), 0);
    }

    #[test]
    fn it_keeps_pace_with_what_is_written() {
        let mut tidying = Tidying::default();
        let moved = (0..256).map(|_| tidying.pages(MIB / 256, 900 * MIB, 100 * MIB)).sum::<u64>();
        assert_eq!(moved, MIB / OCTETS_PER_PAGE);
        assert_eq!(tidying.pages(0, 900 * MIB, 100 * MIB), 0, "nothing is written");
    }
}
