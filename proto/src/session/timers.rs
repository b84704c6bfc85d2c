//! The deadlines of one session (3.4 §7.2, 5.0 §2.7, S20): session_init, enquire_link, inactivity, bind, unbind. The
//! response timers lie with their requests in the window.
//!
//! **Reading time.** A peer cannot be blamed for its silence while we do not read it (S17). So all deadlines that wait for
//! the peer are kept in a time that stands still meanwhile; [`Timers::reading_time`] translates.

use std::time::{Duration, Instant};

use super::SessionOptions;
use super::state::SessionState;

/// A deadline that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// No bind in time.
    SessionInit,
    /// Our bind was not answered.
    Bind,
    /// Our unbind was not answered.
    Unbind,
    /// The peer has been silent: ask it.
    EnquireLink,
    /// The last enquire_link that we allow for was not answered.
    EnquireLinkMissed,
    /// The peer has been silent for too long.
    Inactivity,
}

#[derive(Debug)]
pub(super) struct Timers {
    enquire_link: Duration,
    enquire_link_misses: u32,
    inactivity: Duration,
    response: Duration,

    /// How long we have not been reading, all pauses together.
    paused: Duration,
    /// Since when we are not reading.
    paused_since: Option<Instant>,

    /// In real time: nobody may occupy an unbound connection, whoever is slow.
    session_init: Option<Instant>,
    // From here on in reading time.
    bind: Option<Instant>,
    unbind: Option<Instant>,
    last_received: Instant,
    /// When the last enquire_link was sent, and how many there were since the peer was last heard.
    asked: Option<(Instant, u32)>,
}

impl Timers {
    pub(super) fn new(options: &SessionOptions, now: Instant) -> Self {
        Self {
            enquire_link: options.enquire_link,
            enquire_link_misses: options.enquire_link_misses.max(1),
            inactivity: options.inactivity,
            response: options.response,
            paused: Duration::ZERO,
            paused_since: None,
            session_init: after(now, options.session_init),
            bind: None,
            unbind: None,
            last_received: now,
            asked: None,
        }
    }

    /// We read the peer, or we do not.
    pub(super) fn set_reading(&mut self, now: Instant, reading: bool) {
        match (reading, self.paused_since) {
            (true, Some(since)) => {
                self.paused += now.saturating_duration_since(since);
                self.paused_since = None;
            }
            (false, None) => self.paused_since = Some(now),
            (true, None) | (false, Some(_)) => {}
        }
    }

    /// Since when we do not read.
    pub(super) fn paused_since(&self) -> Option<Instant> {
        self.paused_since
    }

    /// The instant in reading time.
    pub(super) fn reading_time(&self, now: Instant) -> Instant {
        let now = self.paused_since.unwrap_or(now);
        now.checked_sub(self.paused).unwrap_or(now)
    }

    /// When a request that goes out now must be answered, in reading time.
    pub(super) fn response_deadline(&self, now: Instant) -> Option<Instant> {
        after(self.reading_time(now), self.response)
    }

    /// A PDU came, of whatever kind.
    pub(super) fn received(&mut self, now: Instant) {
        self.last_received = self.reading_time(now);
        self.asked = None;
    }

    /// Our bind goes out. From here its response time decides; if there is none, session_init still does.
    pub(super) fn binding(&mut self, now: Instant) {
        self.bind = self.response_deadline(now);
        if self.bind.is_some() {
            self.session_init = None;
        }
    }

    /// A bind is in force.
    pub(super) fn bound(&mut self, now: Instant) {
        self.session_init = None;
        self.bind = None;
        self.received(now);
    }

    /// Our unbind goes out.
    pub(super) fn unbinding(&mut self, now: Instant) {
        self.unbind = self.response_deadline(now);
    }

    /// Our enquire_link goes out.
    pub(super) fn asking(&mut self, now: Instant) {
        let times = self.asked.map_or(0, |(_, times)| times);
        self.asked = Some((self.reading_time(now), times + 1));
    }

    /// The deadline that has passed. Whoever handles it changes what it depends on.
    pub(super) fn due(&self, now: Instant, state: SessionState) -> Option<Due> {
        if self.session_init.is_some_and(|deadline| deadline <= now) {
            return Some(Due::SessionInit);
        }
        if self.paused_since.is_some() {
            return None;
        }
        let now = self.reading_time(now);
        self.waiting(state).into_iter().flatten().find(|(deadline, _)| *deadline <= now).map(|(_, due)| due)
    }

    /// The next deadline in real time; `outstanding` is that of the window, in reading time.
    pub(super) fn next(&self, state: SessionState, outstanding: Option<Instant>) -> Option<Instant> {
        if self.paused_since.is_some() {
            return self.session_init;
        }
        let waiting = self.waiting(state).into_iter().flatten().map(|(deadline, _)| deadline);
        let real = waiting.chain(outstanding).min().and_then(|deadline| deadline.checked_add(self.paused));
        [self.session_init, real].into_iter().flatten().min()
    }

    /// What waits for the peer, in reading time; inactivity before enquire_link, in case they are the same.
    fn waiting(&self, state: SessionState) -> [Option<(Instant, Due)>; 4] {
        let bound = state.is_bound();
        // A peer that has said unbind is not asked any more, but it must not stay for ever either.
        let inactivity = if bound || (state == SessionState::Unbound && self.unbind.is_none()) {
            after(self.last_received, self.inactivity)
        } else {
            None
        };
        [
            self.bind.map(|deadline| (deadline, Due::Bind)),
            self.unbind.map(|deadline| (deadline, Due::Unbind)),
            inactivity.map(|deadline| (deadline, Due::Inactivity)),
            if bound { self.enquire_link_deadline() } else { None },
        ]
    }

    fn enquire_link_deadline(&self) -> Option<(Instant, Due)> {
        if self.enquire_link.is_zero() {
            return None;
        }
        let Some((sent, times)) = self.asked else {
            return after(self.last_received, self.enquire_link).map(|deadline| (deadline, Due::EnquireLink));
        };
        let patience = if self.response.is_zero() { self.enquire_link } else { self.response };
        let due = if times >= self.enquire_link_misses { Due::EnquireLinkMissed } else { Due::EnquireLink };
        after(sent, patience).map(|deadline| (deadline, due))
    }
}

/// `None` when the timer is switched off.
fn after(start: Instant, time: Duration) -> Option<Instant> {
    if time.is_zero() { None } else { start.checked_add(time) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::options;
    use super::*;
    use crate::session::Role;
    use SessionState::{BoundTrx, Open, Unbound};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn timers(now: Instant) -> Timers {
        let times = SessionOptions {
            session_init: s(10),
            enquire_link: s(30),
            enquire_link_misses: 2,
            inactivity: s(300),
            response: s(20),
            ..options(Role::Mc)
        };
        Timers::new(&times, now)
    }

    #[test]
    fn session_init_runs_until_the_bind() {
        let t = Instant::now();
        let mut timers = timers(t);
        assert_eq!(timers.next(Open, None), Some(t + s(10)));
        assert_eq!(timers.due(t + s(9), Open), None);
        assert_eq!(timers.due(t + s(10), Open), Some(Due::SessionInit));
        timers.bound(t + s(9));
        assert_eq!(timers.due(t + s(10), BoundTrx), None);
    }

    #[test]
    fn a_silent_peer_is_asked_and_given_up_after_the_misses() {
        let t = Instant::now();
        let mut timers = timers(t);
        timers.bound(t);
        assert_eq!(timers.next(BoundTrx, None), Some(t + s(30)));
        assert_eq!(timers.due(t + s(30), BoundTrx), Some(Due::EnquireLink));
        timers.asking(t + s(30));
        assert_eq!(timers.due(t + s(49), BoundTrx), None);
        assert_eq!(timers.due(t + s(50), BoundTrx), Some(Due::EnquireLink));
        timers.asking(t + s(50));
        assert_eq!(timers.due(t + s(70), BoundTrx), Some(Due::EnquireLinkMissed));
        timers.received(t + s(69));
        assert_eq!(timers.next(BoundTrx, None), Some(t + s(99)), "any PDU is a sign of life");
    }

    #[test]
    fn only_what_is_received_resets_inactivity() {
        let t = Instant::now();
        let mut timers = timers(t);
        timers.enquire_link = Duration::ZERO;
        timers.bound(t);
        timers.asking(t + s(299));
        assert_eq!(timers.due(t + s(300), BoundTrx), Some(Due::Inactivity));
        timers.received(t + s(300));
        assert_eq!(timers.due(t + s(599), BoundTrx), None);
        assert_eq!(timers.due(t + s(600), Unbound), Some(Due::Inactivity), "it said unbind and stays");
    }

    #[test]
    fn reading_time_stands_still_while_we_do_not_read() {
        let t = Instant::now();
        let mut timers = timers(t);
        timers.bound(t);
        let outstanding = timers.response_deadline(t + s(1));
        timers.set_reading(t + s(5), false);
        timers.set_reading(t + s(7), false);
        assert_eq!(timers.next(BoundTrx, outstanding), None);
        assert_eq!(timers.due(t + s(4000), BoundTrx), None);
        timers.set_reading(t + s(105), true);
        assert_eq!(timers.next(BoundTrx, outstanding), Some(t + s(121)));
        assert_eq!(timers.next(BoundTrx, None), Some(t + s(130)));
        assert_eq!(timers.reading_time(t + s(121)), outstanding.unwrap());
    }

    #[test]
    fn an_unbind_that_is_not_answered_ends_in_its_time() {
        let t = Instant::now();
        let mut timers = timers(t);
        timers.bound(t);
        timers.unbinding(t + s(3));
        assert_eq!(timers.next(Unbound, None), Some(t + s(23)));
        assert_eq!(timers.due(t + s(23), Unbound), Some(Due::Unbind));
    }

    #[test]
    fn times_of_zero_never_come() {
        let t = Instant::now();
        let off = SessionOptions {
            session_init: s(0),
            enquire_link: s(0),
            inactivity: s(0),
            response: s(0),
            ..options(Role::Esme)
        };
        let mut timers = Timers::new(&off, t);
        timers.binding(t);
        assert_eq!(timers.next(Open, timers.response_deadline(t)), None);
        timers.bound(t);
        timers.unbinding(t);
        assert_eq!(timers.next(BoundTrx, None), None);
    }
}
