//! Which node runs how many links to an operator: rendezvous hashing over the members. Pure.
//!
//! Every node draws a rank for every operator, by a hash that all nodes compute alike; links are dealt out in that
//! order, one each and then one more each. So links are spread, operators prefer different nodes, and when a node goes
//! only what it had moves.

use smsc_store::Name;

/// How many of an operator's links the node of that number runs, when `members` are there (in any order).
pub fn links_on(operator: Name, links: u32, number: u16, members: &[u16]) -> u32 {
    let Some(rank) = ranked(operator, members).iter().position(|member| *member == number) else { return 0 };
    let count = members.len() as u64;
    let (each, left) = (u64::from(links) / count, u64::from(links) % count);
    u32::try_from(each + u64::from((rank as u64) < left)).unwrap_or(u32::MAX)
}

/// The member that an operator's first link is given to.
pub fn first(operator: Name, members: &[u16]) -> Option<u16> {
    ranked(operator, members).first().copied()
}

/// The members in the operator's own order.
fn ranked(operator: Name, members: &[u16]) -> Vec<u16> {
    let mut ranked: Vec<u16> = members.to_vec();
    // By number too: a hash that comes twice is to mean the same everywhere.
    ranked.sort_unstable_by_key(|member| (score(operator, *member), *member));
    ranked.dedup();
    ranked
}

/// FNV-1a of name and number, finished as splitmix64 does: the same in every build and on every machine.
fn score(operator: Name, number: u16) -> u64 {
    let octets = operator.as_str().bytes().chain([0]).chain(number.to_be_bytes());
    let start = 0xCBF2_9CE4_8422_2325;
    let mixed = octets.fold(start, |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01B3));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operators() -> Vec<Name> {
        (0..200).map(|number| Name::intern(&format!("placed-{number}"))).collect()
    }

    #[test]
    fn all_links_are_placed_and_spread() {
        for operator in operators() {
            for members in [&[4_u16][..], &[0, 1], &[0, 1, 2], &[0, 7, 8, 20, 59]] {
                for links in [1, 2, 3, 7] {
                    let placed: Vec<u32> =
                        members.iter().map(|member| links_on(operator, links, *member, members)).collect();
                    assert_eq!(placed.iter().sum::<u32>(), links);
                    let (least, most) = (placed.iter().min(), placed.iter().max());
                    assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{placed:?}");
                }
            }
        }
    }

    #[test]
    fn operators_prefer_different_nodes() {
        for number in [0, 1, 2] {
            let count = operators().iter().filter(|operator| first(**operator, &[0, 1, 2]) == Some(number)).count();
            assert!((40..95).contains(&count), "node {number} has {count} of 200");
        }
    }

    #[test]
    fn only_what_a_lost_node_had_moves() {
        for operator in operators() {
            for links in [1, 2, 3] {
                let lost = 1;
                for number in [0, 2] {
                    let before = links_on(operator, links, number, &[0, 1, 2]);
                    assert!(links_on(operator, links, number, &[0, 2]) >= before);
                }
                assert_eq!(links_on(operator, links, lost, &[0, 2]), 0);
            }
        }
    }

    #[test]
    fn every_node_computes_the_same_whatever_order_it_knows_the_others_in() {
        for operator in operators() {
            assert_eq!(first(operator, &[0, 1, 2]), first(operator, &[2, 0, 1]));
        }
    }

    #[test]
    fn without_members_nothing_is_placed() {
        assert_eq!(links_on(operators()[0], 3, 0, &[]), 0);
        assert_eq!(first(operators()[0], &[]), None);
    }
}
