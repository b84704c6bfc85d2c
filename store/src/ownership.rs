//! Which partitions a node should have: a fair share of those of a database, by the leases in it alone. Pure.
//!
//! The live nodes stand in the order of their names; each should have as many partitions as any other, the first ones
//! one more when they do not divide. A node adopts what is free until it has its share, and gives back what it has
//! beyond that as soon as another one lacks some. A partition that nobody takes is adopted by anyone in the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use smsc_proto::ids::PartitionId;

use crate::journal::postgres::PartitionRow;

/// What to do about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Adopt it: it is free, and this node has not its share.
    Adopt(PartitionId),
    /// Let it go in order: another node has not its share.
    HandBack(PartitionId),
}

/// How long partitions have been free, by what this node saw.
#[derive(Debug, Default)]
pub(crate) struct FreeSince {
    seen: BTreeMap<PartitionId, Instant>,
}

impl FreeSince {
    fn note(&mut self, now: Instant, partitions: &[PartitionRow]) {
        for row in partitions {
            if row.is_free {
                self.seen.entry(row.id).or_insert(now);
            } else {
                self.seen.remove(&row.id);
            }
        }
    }

    fn lasts(&self, now: Instant, id: PartitionId) -> Duration {
        self.seen.get(&id).map_or(Duration::ZERO, |since| now.saturating_duration_since(*since))
    }
}

/// What is to be done now. `mine`: the partitions of that database which this node has, or is taking; `patience`: how
/// long a free partition waits for the node that should take it.
pub(crate) fn steps(
    now: Instant,
    me: &str,
    nodes: &[String],
    partitions: &[PartitionRow],
    mine: &[PartitionId],
    free: &mut FreeSince,
    patience: Duration,
) -> Vec<Step> {
    free.note(now, partitions);
    let share = share_of(me, nodes, partitions.len());
    let mut steps = Vec::new();
    if mine.len() > share {
        let others_lack = nodes.iter().any(|node| {
            let has = partitions.iter().filter(|row| !row.is_free && row.owner.as_ref() == Some(node)).count();
            node != me && has < share_of(node, nodes, partitions.len())
        });
        if others_lack {
            // The newest first: an order that all runs share.
            steps.extend(mine.iter().rev().take(mine.len() - share).copied().map(Step::HandBack));
        }
        return steps;
    }
    let mut room = share - mine.len();
    for row in partitions {
        let was_mine = row.owner.as_deref() == Some(me);
        if mine.contains(&row.id) || !(row.is_free || was_mine) {
            continue;
        }
        if room > 0 {
            room -= 1;
            steps.push(Step::Adopt(row.id));
        } else if free.lasts(now, row.id) >= patience {
            steps.push(Step::Adopt(row.id));
        }
    }
    steps
}

/// How many of so many partitions a node should have.
fn share_of(node: &str, nodes: &[String], partitions: usize) -> usize {
    let Some(place) = nodes.iter().position(|other| other == node) else { return partitions };
    partitions / nodes.len() + usize::from(place < partitions % nodes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn id(number: u16) -> PartitionId {
        PartitionId::new(960 + number).expect("below 1024")
    }

    /// One letter a partition: its owner, in lower case when its lease is over, `-` for nobody's.
    fn rows(owners: &str) -> Vec<PartitionRow> {
        let rows = owners.chars().enumerate().map(|(number, owner)| PartitionRow {
            id: id(number as u16),
            owner: (owner != '-').then(|| owner.to_ascii_uppercase().to_string()),
            is_free: !owner.is_ascii_uppercase(),
        });
        rows.collect()
    }

    fn steps_of(me: &str, nodes: &str, owners: &str) -> String {
        let nodes: Vec<String> = nodes.chars().map(String::from).collect();
        let partitions = rows(owners);
        let mine: Vec<_> = partitions
            .iter()
            .filter(|row| !row.is_free && row.owner.as_deref() == Some(me))
            .map(|row| row.id)
            .collect();
        let steps = steps(Instant::now(), me, &nodes, &partitions, &mine, &mut FreeSince::default(), PATIENCE);
        let word = |step: Step| match step {
            Step::Adopt(id) => format!("+{}", id.number() - 960),
            Step::HandBack(id) => format!("-{}", id.number() - 960),
        };
        steps.into_iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_node_alone_has_them_all() {
        assert_eq!(steps_of("A", "A", "----"), "+0 +1 +2 +3");
        assert_eq!(steps_of("A", "A", "AbBA"), "+1", "what another one holds is not free");
        assert_eq!(steps_of("A", "A", "AAAA"), "");
    }

    #[test]
    fn each_live_node_takes_its_share_of_a_dead_ones() {
        assert_eq!(steps_of("A", "AB", "AAABBBcc"), "+6");
        assert_eq!(steps_of("B", "AB", "AAABBBcc"), "+6", "both may want the same: its row decides");
        assert_eq!(steps_of("B", "AB", "AAABBBAc"), "+7");
        assert_eq!(steps_of("C", "ABC", "AAABBBcc"), "+6 +7", "who comes back takes its own");
    }

    #[test]
    fn who_has_too_many_gives_back_when_another_lacks_some() {
        assert_eq!(steps_of("A", "AB", "AAAAAAAA"), "-7 -6 -5 -4");
        assert_eq!(steps_of("B", "AB", "AAAAAAAA"), "", "it waits until they are free");
        assert_eq!(steps_of("B", "AB", "AAAA----"), "+4 +5 +6 +7");
        assert_eq!(steps_of("A", "ABC", "AAABBBCC"), "");
        assert_eq!(steps_of("A", "AB", "AAA"), "-2", "three by two");
    }

    #[test]
    fn what_nobody_takes_is_adopted_by_anyone_in_the_end() {
        let (nodes, partitions) = (vec!["A".to_owned(), "B".to_owned()], rows("AA--"));
        let (mine, mut free, start) = ([id(0), id(1)], FreeSince::default(), Instant::now());
        let mut at = |now| steps(now, "A", &nodes, &partitions, &mine, &mut free, PATIENCE);
        assert_eq!(at(start), []);
        assert_eq!(at(start + PATIENCE), [Step::Adopt(id(2)), Step::Adopt(id(3))]);
    }
}
