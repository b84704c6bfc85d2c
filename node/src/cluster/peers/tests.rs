use super::super::handshake::tests::identity;
use super::*;

fn stranger(number: u16) -> Stranger {
    identity(60).judge(&identity(number).hello()).expect("a good Hello")
}

fn heard(stranger: &Stranger, snapshot: bool, base: u64, version: u64, partition: u16) -> Heard {
    Heard {
        incarnation: stranger.incarnation,
        snapshot,
        base,
        version,
        facts: vec![(Key::Partition(partition), Some(Fact::Partition(partition)))],
        beat: version,
        echo: 0,
        votes: BTreeSet::new(),
    }
}

fn state(peers: &Peers, number: u16) -> PeerState {
    peers.by_number[&number].state
}

fn partitions(peers: &Peers, number: u16) -> Vec<u16> {
    peers.by_number[&number].facts.partitions.iter().copied().collect()
}

#[test]
fn three_missed_beats_make_a_peer_suspected_and_three_more_gone() {
    let (mut peers, start) = (Peers::default(), Instant::now());
    peers.meet(stranger(1), start).expect("welcome");
    assert_eq!(peers.poll_timeout(), Some(start + SUSPECTED_AFTER));
    assert!(peers.handle_timeout(start + SUSPECTED_AFTER - Duration::from_millis(1)).is_empty());
    let turns = peers.handle_timeout(start + SUSPECTED_AFTER);
    assert_eq!((turns.len(), state(&peers, 1)), (1, PeerState::Suspected));
    peers.handle_timeout(start + GONE_AFTER);
    assert_eq!((state(&peers, 1), peers.poll_timeout()), (PeerState::Gone, None));
}

#[test]
fn who_is_heard_again_is_alive_with_all_it_said() {
    let (mut peers, start) = (Peers::default(), Instant::now());
    let peer = stranger(1);
    peers.meet(peer.clone(), start).expect("welcome");
    peers.hear(heard(&peer, true, 0, 3, 16), start).expect("it is known");
    peers.handle_timeout(start + GONE_AFTER);
    let again = Heard { facts: vec![], beat: 9, ..heard(&peer, false, 3, 3, 0) };
    assert_eq!(peers.hear(again, start + GONE_AFTER), Ok(true));
    assert_eq!((state(&peers, 1), partitions(&peers, 1)), (PeerState::Alive, vec![16]));
}

#[test]
fn changes_come_on_top_of_what_is_there() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    let peer = stranger(1);
    peers.meet(peer.clone(), now).expect("welcome");
    peers.hear(heard(&peer, true, 0, 3, 16), now).expect("a snapshot");
    peers.hear(heard(&peer, false, 3, 4, 17), now).expect("a change");
    assert_eq!(partitions(&peers, 1), [16, 17]);
    peers.hear(heard(&peer, true, 0, 5, 18), now).expect("a snapshot");
    assert_eq!(partitions(&peers, 1), [18], "a snapshot makes all before it void");
}

#[test]
fn a_missed_change_is_noticed_and_an_overtaken_one_left_alone() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    let peer = stranger(1);
    peers.meet(peer.clone(), now).expect("welcome");
    peers.hear(heard(&peer, true, 0, 3, 16), now).expect("a snapshot");
    assert_eq!(peers.hear(heard(&peer, false, 4, 5, 17), now), Err(Unusable::Gap));
    peers.hear(heard(&peer, false, 3, 6, 18), now).expect("a change");
    assert_eq!(peers.hear(heard(&peer, false, 3, 5, 17), now), Ok(false));
    assert_eq!(partitions(&peers, 1), [16, 18]);
}

#[test]
fn a_live_peers_number_is_taken() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.meet(stranger(1), now).expect("welcome");
    let refused = peers.meet(stranger(1), now).expect_err("another process has this number");
    assert!(matches!(refused, Refused::NumberTaken { number: 1, .. }));
}

#[test]
fn a_new_incarnation_replaces_everything() {
    let (mut peers, start) = (Peers::default(), Instant::now());
    let (before, after) = (stranger(1), stranger(1));
    peers.meet(before.clone(), start).expect("welcome");
    peers.hear(heard(&before, true, 0, 3, 16), start).expect("a snapshot");
    peers.disconnected(before.incarnation);
    assert_eq!(peers.meet(after.clone(), start), Ok(true));
    assert!(partitions(&peers, 1).is_empty());
    assert_eq!(peers.hear(heard(&before, false, 3, 4, 17), start), Err(Unusable::Unknown));
    assert_eq!(peers.hear(heard(&after, true, 0, 1, 18), start), Ok(true));
}

#[test]
fn a_silent_peers_number_is_free_for_its_next_incarnation() {
    let (mut peers, start) = (Peers::default(), Instant::now());
    peers.meet(stranger(1), start).expect("welcome");
    peers.handle_timeout(start + SUSPECTED_AFTER);
    assert_eq!(peers.meet(stranger(1), start + SUSPECTED_AFTER), Ok(true));
}

/// The only peer, which has just said that it leaves.
fn left(now: Instant) -> Peers {
    let (mut peers, peer) = (Peers::default(), stranger(1));
    peers.meet(peer.clone(), now).expect("welcome");
    let standing = super::super::fact::Standing { phase: Phase::Left, ..Default::default() };
    let facts = vec![(Key::Standing, Some(Fact::Standing(standing)))];
    let left = Heard { facts, ..heard(&peer, true, 0, 1, 0) };
    assert_eq!(peers.hear(left, now), Ok(true));
    peers
}

#[test]
fn who_says_that_it_leaves_is_gone_at_once() {
    assert_eq!(state(&left(Instant::now()), 1), PeerState::Gone);
}

#[test]
fn who_has_left_is_forgotten_when_nothing_has_named_it_for_a_minute() {
    let start = Instant::now();
    let mut peers = left(start);
    let a_minute_later = start + LEFT_FORGOTTEN_AFTER;
    peers.named(|_| true, a_minute_later);
    assert!(peers.forget(a_minute_later).is_empty(), "the configuration names it: it is to come back");
    peers.named(|stranger| stranger.number == 2, a_minute_later + LEFT_FORGOTTEN_AFTER);
    let forgotten = peers.forget(a_minute_later + LEFT_FORGOTTEN_AFTER);
    assert_eq!((forgotten.len(), peers.all().count()), (1, 0));
}

#[test]
fn who_fell_silent_is_remembered_for_longer_and_who_is_alive_for_ever() {
    let (mut peers, start) = (Peers::default(), Instant::now());
    let alive = stranger(1);
    peers.meet(alive.clone(), start).expect("welcome");
    peers.meet(stranger(2), start).expect("welcome");
    let later = start + SILENT_FORGOTTEN_AFTER;
    peers.hear(heard(&alive, true, 0, 3, 16), later).expect("it is known");
    peers.handle_timeout(later);
    assert!(peers.forget(later - Duration::from_millis(1)).is_empty());
    assert_eq!(peers.forget(later).iter().map(|stranger| stranger.number).collect::<Vec<_>>(), [2]);
    assert_eq!(state(&peers, 1), PeerState::Alive, "nothing names it, and it is there");
}

#[test]
fn who_was_forgotten_is_met_anew() {
    let start = Instant::now();
    let mut peers = left(start);
    assert_eq!(peers.forget(start + LEFT_FORGOTTEN_AFTER).len(), 1);
    assert_eq!(peers.meet(stranger(1), start + LEFT_FORGOTTEN_AFTER), Ok(true));
}
