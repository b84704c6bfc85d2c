use proptest::prelude::*;

use super::*;

const MILLIS: Duration = Duration::from_millis(1);

/// How many permits a second gives to one that asks for ten every millisecond.
fn second(throttle: &mut Throttle, start: Instant) -> usize {
    (0..1_000).map(|millis| throttle.take(10, start + millis * MILLIS)).sum()
}

#[test]
fn a_rate_is_kept_over_every_second() {
    let start = Instant::now();
    let mut throttle = Throttle::new(100, start);
    assert_eq!(throttle.take(1_000, start), 10, "a burst is a tenth of a second");
    for seconds in 0..5 {
        let taken = second(&mut throttle, start + MILLIS + seconds * SECOND);
        assert!((99..=101).contains(&taken), "{taken}");
    }
}

#[test]
fn a_burst_is_at_least_one() {
    let start = Instant::now();
    let mut throttle = Throttle::new(1, start);
    assert_eq!(throttle.take(5, start), 1);
    assert_eq!(throttle.take(5, start + 999 * MILLIS), 0);
    assert_eq!(throttle.take(5, start + 1_000 * MILLIS), 1);
    assert_eq!(throttle.take(5, start + 60 * SECOND), 1, "idle time is not saved up");
}

#[test]
fn no_rate_is_no_limit() {
    let start = Instant::now();
    let mut throttle = Throttle::new(0, start);
    assert_eq!(throttle.take(1_000_000, start), 1_000_000);
    assert_eq!((throttle.ready_at(start), throttle.pace()), (None, None));
}

#[test]
fn the_next_permit_is_there_when_it_was_promised() {
    let start = Instant::now();
    let mut throttle = Throttle::new(3, start);
    assert_eq!(throttle.ready_at(start), None);
    throttle.take(1, start);
    let ready = throttle.ready_at(start).expect("one has to wait");
    assert_eq!(ready, start + Duration::from_nanos(333_333_334));
    assert_eq!(throttle.take(1, ready - Duration::from_nanos(1)), 0);
    assert_eq!(throttle.take(1, ready), 1);
}

#[test]
fn unused_permits_come_back_within_the_burst() {
    let start = Instant::now();
    let mut throttle = Throttle::new(100, start);
    assert_eq!(throttle.take(10, start), 10);
    throttle.give_back(4);
    assert_eq!(throttle.take(10, start), 4);
    throttle.give_back(1_000);
    assert_eq!(throttle.take(1_000, start), 10);
}

#[test]
fn further_parts_are_owed() {
    let start = Instant::now();
    let mut throttle = Throttle::new(10, start);
    assert_eq!(throttle.take(1, start), 1);
    (0..3).for_each(|_| throttle.take_more(start));
    assert_eq!(throttle.take(1, start + 399 * MILLIS), 0);
    assert_eq!(throttle.take(1, start + 400 * MILLIS), 1);
    (0..1_000).for_each(|_| throttle.take_more(start + 400 * MILLIS));
    assert_eq!(throttle.take(1, start + 1_500 * MILLIS), 1, "no more than a second is owed");
}

#[test]
fn a_throttled_pace_is_halved_once_a_second() {
    let start = Instant::now();
    let mut throttle = Throttle::new(100, start);
    throttle.slow_down(start);
    throttle.slow_down(start + 999 * MILLIS);
    assert_eq!(throttle.pace(), Some(50));
    throttle.slow_down(start + 1_000 * MILLIS);
    assert_eq!(throttle.pace(), Some(27), "half of what it had recovered to");
    assert_eq!(throttle.take(100, start + 1_000 * MILLIS), 0, "what was saved up is gone");
}

#[test]
fn a_pace_never_falls_below_one() {
    let start = Instant::now();
    let mut throttle = Throttle::new(2, start);
    for seconds in 0..10 {
        throttle.slow_down(start + seconds * SECOND);
    }
    assert_eq!(throttle.pace(), Some(1));
}

#[test]
fn a_pace_recovers_step_by_step_to_the_rate() {
    let start = Instant::now();
    let mut throttle = Throttle::new(100, start);
    throttle.slow_down(start);
    let mut paces = Vec::new();
    for seconds in 1..=11 {
        throttle.take(0, start + seconds * SECOND);
        paces.push(throttle.pace().expect("a limit"));
    }
    assert_eq!(paces, [55, 60, 65, 70, 75, 80, 85, 90, 95, 100, 100]);
    assert!(throttle.slowed.is_none());
}

#[test]
fn without_a_rate_the_last_second_is_halved() {
    let start = Instant::now();
    let mut throttle = Throttle::new(0, start);
    for millis in 0..1_500 {
        throttle.take(2, start + millis * MILLIS);
    }
    let throttled = start + 1_500 * MILLIS;
    throttle.slow_down(throttled);
    assert_eq!(throttle.pace(), Some(1_000));
    throttle.take(0, throttled + 29 * SECOND);
    assert_eq!(throttle.pace(), Some(3_900));
    throttle.take(0, throttled + 30 * SECOND);
    assert_eq!(throttle.pace(), None, "twice the rate that was throttled is no limit any more");
}

#[test]
fn a_peer_that_throttles_the_first_message_is_asked_slowly() {
    let start = Instant::now();
    let mut throttle = Throttle::new(0, start);
    throttle.take(1, start);
    throttle.slow_down(start + 5 * SECOND);
    assert_eq!(throttle.pace(), Some(1));
}

#[test]
fn a_new_rate_holds_at_once() {
    let start = Instant::now();
    let mut throttle = Throttle::new(1_000, start);
    throttle.set_rate(10, start);
    assert_eq!(throttle.take(100, start), 1);
    throttle.slow_down(start);
    throttle.set_rate(4, start);
    assert_eq!(throttle.pace(), Some(4), "slower than it was slowed down");
    throttle.set_rate(0, start);
    assert_eq!(throttle.take(100, start), 100);
}

proptest! {
    #[test]
    fn no_second_gets_more_than_rate_and_burst(
        rate in 1_u32..2_000,
        asks in proptest::collection::vec((0_u64..50, 0_usize..300), 1..100),
    ) {
        let start = Instant::now();
        let mut throttle = Throttle::new(rate, start);
        let (mut now, mut taken) = (start, 0_u64);
        for (millis, wanted) in asks {
            now += Duration::from_millis(millis);
            let ready = throttle.ready_at(now);
            let granted = throttle.take(wanted, now);
            prop_assert_eq!(granted == 0 && wanted > 0, ready.is_some() && wanted > 0);
            taken += granted as u64;
            let allowed = u64::from(rate) * u64::try_from((now - start).as_millis()).expect("short") / 1_000;
            prop_assert!(taken <= allowed + u64::from(rate / 10).max(1) + 1);
        }
    }
}
