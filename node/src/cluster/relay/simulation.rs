//! Several nodes at once, over both cores of the relay, in time that is moved by hand: streams break and come back, nodes
//! are killed and started, links are lost, responses come late. One seed is one run; `SMSC_SEED` repeats it.
//!
//! What must hold, whatever happens:
//! - a message is written once more than before only for a reason that may: a peer that said "later" or nothing, a link
//!   or a node that was lost, an owner that was started anew, a partition that left its owner, a lease whose time ran out
//!   without a stream;
//! - every message ends; nothing stays on lease, unconfirmed, or counted against a window;
//! - no link ever holds more than its window, and no side remembers more than the windows allow.

mod store;
mod world;

use self::world::{Faults, Seen, World};

/// Runs of one test; together they take some seconds in a debug build.
const RUNS: u64 = 700;

fn seeds() -> Vec<u64> {
    match std::env::var("SMSC_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=RUNS).collect(),
    }
}

/// All seeds together have seen that; one alone need not.
fn assert_seen(seen: Seen, what: impl Fn(Seen) -> bool) {
    assert!(seeds().len() == 1 || what(seen), "{seen:?}");
}

/// Runs all seeds; what happened in all of them together.
fn run(faults: Faults) -> Seen {
    let mut all = Seen::default();
    for seed in seeds() {
        match std::panic::catch_unwind(|| World::new(seed, faults).run()) {
            Ok(Seen { relayed, given_back, lost, late, moved }) => {
                all.moved += moved;
                all.relayed += relayed;
                all.given_back += given_back;
                all.lost += lost;
                all.late += late;
            }
            Err(panic) => {
                eprintln!("the same again: SMSC_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    all
}

#[test]
fn without_faults_every_message_is_written_once_and_ends() {
    let seen = run(Faults::default());
    assert_seen(seen, |seen| seen.relayed > 0 && seen.given_back + seen.lost + seen.late == 0);
}

#[test]
fn streams_that_break_repeat_no_message_and_lose_none() {
    let seen = run(Faults { breaks: true, ..Faults::default() });
    assert_seen(seen, |seen| seen.given_back > 0 && seen.lost == 0);
}

#[test]
fn streams_that_stay_away_longer_than_a_response_may_take_repeat_only_what_was_out() {
    let seen = run(Faults { breaks: true, long_breaks: true, ..Faults::default() });
    assert_seen(seen, |seen| seen.given_back > 0 && seen.lost > 0 && seen.late > 0);
}

#[test]
fn links_that_are_lost_and_answers_that_come_late_are_told_to_the_owner() {
    let seen = run(Faults { breaks: true, links: true, ..Faults::default() });
    assert_seen(seen, |seen| seen.late > 0);
}

#[test]
fn nodes_that_are_killed_and_started_lose_no_message() {
    let seen = run(Faults { breaks: true, kills: true, ..Faults::default() });
    assert_seen(seen, |seen| seen.lost > 0 && seen.late > 0);
}

#[test]
fn partitions_that_leave_and_come_back_lose_no_message_and_repeat_only_what_was_out() {
    let seen = run(Faults { moves: true, ..Faults::default() });
    assert_seen(seen, |seen| seen.moved > 0 && seen.late > 0 && seen.lost == 0);
}

#[test]
fn partitions_that_move_while_streams_break_and_links_are_lost_lose_no_message() {
    let seen = run(Faults { breaks: true, links: true, moves: true, ..Faults::default() });
    assert_seen(seen, |seen| seen.moved > 0 && seen.late > 0 && seen.given_back > 0);
}

#[test]
fn all_of_it_together_loses_no_message() {
    let seen = run(Faults { breaks: true, long_breaks: true, links: true, kills: true, moves: true });
    assert_seen(seen, |seen| seen.given_back > 0 && seen.lost > 0 && seen.late > 0);
}
