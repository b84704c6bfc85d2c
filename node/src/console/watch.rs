//! How the node was in the last minutes: looked at once a second, from outside. What sessions do costs nothing more for it.
//!
//! Bounded: 15 minutes of seconds for the node, 5 minutes of steps of 5 s for each link and account, and so many alarms.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::history::{self, History, Point, Span};
use super::tally::{Durations, Totals, quantile};

/// How often the node is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How far the marks of a link or an account lie apart.
const MARK_EVERY: Duration = Duration::from_secs(5);
/// Marks of a link or an account: 5 minutes.
const MARKS_MAX: usize = 60;
/// Alarms that are remembered, open or over.
pub const ALARMS_MAX: usize = 200;

/// What somebody must know of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Alarm {
    /// critical, warning or info.
    pub severity: String,
    /// Which part.
    pub what: String,
    /// What is wrong.
    pub reason: String,
}

/// An alarm with its times, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastAlarm {
    /// Which.
    pub alarm: Alarm,
    /// Since when.
    pub began: u64,
    /// Until when; `None`: it is still there.
    pub ended: Option<u64>,
}

/// The node at one moment.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// In milliseconds since 1970.
    pub at: u64,
    /// When the totals of the node were counted.
    pub counted: u64,
    /// Of the whole node.
    pub totals: history::Totals,
    /// Of each link, by its id.
    pub links: Vec<(String, Totals)>,
    /// Of each account, by its system_id.
    pub accounts: Vec<(String, Totals)>,
    /// What is wrong.
    pub alarms: Vec<Alarm>,
}

/// A link or an account lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lately {
    /// What ended well, per second, over 5 to 10 s.
    pub rate: f64,
    /// What failed in the last 5 minutes.
    pub failed: u64,
    /// What ended well in the last 5 minutes.
    pub well: u64,
    /// Of the answers of the last 5 minutes 99 % took less, in milliseconds; see [`quantile`].
    pub p99_ms: Option<u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    history: History,
    links: HashMap<String, Marks>,
    accounts: HashMap<String, Marks>,
    alarms: VecDeque<PastAlarm>,
}

#[derive(Debug, Default)]
struct Marks(VecDeque<Mark>);

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: u64,
    well: u64,
    failed: u64,
    durations: Durations,
}

impl Watch {
    /// Remembers how the node is now.
    pub fn see(&self, look: Look) {
        let mut seen = self.seen();
        seen.history.add(look.counted, look.totals);
        mark(&mut seen.links, look.at, look.links);
        mark(&mut seen.accounts, look.at, look.accounts);
        seen.alarms_now(look.at, look.alarms);
    }

    /// How a link was lately, which has these totals now.
    pub fn link(&self, id: &str, now: u64, totals: &Totals) -> Lately {
        self.seen().links.get(id).map(|marks| marks.lately(now, totals)).unwrap_or_default()
    }

    /// How an account was lately, which has these totals now.
    pub fn account(&self, system_id: &str, now: u64, totals: &Totals) -> Lately {
        self.seen().accounts.get(system_id).map(|marks| marks.lately(now, totals)).unwrap_or_default()
    }

    /// The seconds after that moment, oldest first.
    pub fn points_after(&self, at: u64) -> Vec<Point> {
        self.seen().history.after(at).copied().collect()
    }

    /// The sums over about that long.
    pub fn last(&self, long: Duration) -> Span {
        self.seen().history.last(long)
    }

    /// The alarms of this node since its start, newest first.
    pub fn alarms(&self) -> Vec<PastAlarm> {
        self.seen().alarms.iter().rev().cloned().collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn alarms_now(&mut self, at: u64, now: Vec<Alarm>) {
        for past in self.alarms.iter_mut().filter(|past| past.ended.is_none()) {
            if !now.iter().any(|alarm| same(alarm, &past.alarm)) {
                past.ended = Some(at);
            }
        }
        for alarm in now {
            match self.alarms.iter_mut().find(|past| past.ended.is_none() && same(&past.alarm, &alarm)) {
                // The newest words: how long something waits by now, say.
                Some(past) => past.alarm = alarm,
                None => self.alarms.push_back(PastAlarm { alarm, began: at, ended: None }),
            }
        }
        while self.alarms.len() > ALARMS_MAX {
            self.alarms.pop_front();
        }
    }
}

/// Whether it is the same alarm with other words: what comes first names whom it is about. There is one about queues,
/// whose words tell how long.
fn same(one: &Alarm, other: &Alarm) -> bool {
    let about = |alarm: &Alarm| alarm.reason.split(':').next().unwrap_or_default().to_owned();
    one.severity == other.severity && one.what == other.what && (one.what == "queue" || about(one) == about(other))
}

fn mark(all: &mut HashMap<String, Marks>, at: u64, now: Vec<(String, Totals)>) {
    all.retain(|name, _| now.iter().any(|(own, _)| own == name));
    for (name, totals) in now {
        all.entry(name).or_default().add(at, &totals);
    }
}

impl Marks {
    fn add(&mut self, at: u64, totals: &Totals) {
        let due = |mark: &Mark| at.saturating_sub(mark.at) >= millis(MARK_EVERY);
        // A link that was made anew begins again.
        if self.0.back().is_some_and(|mark| mark.well > totals.well || mark.at > at) {
            self.0.clear();
        }
        if self.0.back().is_none_or(due) {
            if self.0.len() == MARKS_MAX {
                self.0.pop_front();
            }
            let Totals { well, failed, durations, .. } = *totals;
            self.0.push_back(Mark { at, well, failed, durations });
        }
    }

    fn lately(&self, now: u64, totals: &Totals) -> Lately {
        let old_enough = |mark: &&Mark| now.saturating_sub(mark.at) >= millis(MARK_EVERY);
        let recent = self.0.iter().rev().find(old_enough).or(self.0.front());
        let Some((recent, oldest)) = recent.zip(self.0.front()) else { return Lately::default() };
        let seconds = now.saturating_sub(recent.at) as f64 / 1_000.0;
        let well = totals.well.saturating_sub(recent.well);
        let durations: Durations =
            std::array::from_fn(|bucket| totals.durations[bucket].saturating_sub(oldest.durations[bucket]));
        Lately {
            rate: if seconds > 0.0 { well as f64 / seconds } else { 0.0 },
            failed: totals.failed.saturating_sub(oldest.failed),
            well: totals.well.saturating_sub(oldest.well),
            p99_ms: quantile(&durations, 0.99),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(well: u64, failed: u64) -> Totals {
        Totals { well, failed, ..Totals::default() }
    }

    fn look(second: u64, link: Totals, alarms: &[(&str, &str)]) -> Look {
        let alarm = |(what, reason): &(&str, &str)| Alarm {
            severity: "critical".to_owned(),
            what: (*what).to_owned(),
            reason: (*reason).to_owned(),
        };
        Look {
            at: second * 1_000,
            links: vec![("ex-a:0".to_owned(), link)],
            alarms: alarms.iter().map(alarm).collect(),
            ..Look::default()
        }
    }

    #[test]
    fn a_links_rate_is_that_of_the_last_seconds_and_its_failures_those_of_five_minutes() {
        let watch = Watch::default();
        (0..100).for_each(|second| watch.see(look(second, totals(second * 10, 0), &[])));
        let lately = watch.link("ex-a:0", 100_000, &totals(1_000, 7));
        assert_eq!((lately.rate, lately.failed, lately.well), (10.0, 7, 1_000));
    }

    #[test]
    fn what_failed_long_ago_is_forgotten() {
        let watch = Watch::default();
        watch.see(look(0, totals(0, 0), &[]));
        (1..=400).for_each(|second| watch.see(look(second, totals(0, 50), &[])));
        assert_eq!(watch.link("ex-a:0", 400_000, &totals(0, 50)).failed, 0);
    }

    #[test]
    fn a_link_that_nobody_has_seen_is_quiet() {
        assert_eq!(Watch::default().link("ex-a:0", 0, &totals(9, 9)), Lately::default());
    }

    #[test]
    fn a_link_that_was_made_anew_begins_again() {
        let watch = Watch::default();
        watch.see(look(0, totals(500, 0), &[]));
        watch.see(look(5, totals(0, 0), &[]));
        assert_eq!(watch.link("ex-a:0", 10_000, &totals(10, 0)).rate, 2.0);
    }

    #[test]
    fn an_alarm_has_a_beginning_and_an_end_and_its_newest_words() {
        let watch = Watch::default();
        watch.see(look(1, totals(0, 0), &[("link", "ex-a: no link is bound: refused")]));
        watch.see(look(2, totals(0, 0), &[("link", "ex-a: no link is bound: timed out"), ("store", "full")]));
        watch.see(look(3, totals(0, 0), &[("store", "full")]));
        let told: Vec<_> = watch.alarms().into_iter().map(|past| (past.alarm.reason, past.began, past.ended)).collect();
        assert_eq!(
            told,
            [("full".to_owned(), 2_000, None), ("ex-a: no link is bound: timed out".to_owned(), 1_000, Some(3_000)),]
        );
    }

    #[test]
    fn alarms_of_two_operators_are_two() {
        let watch = Watch::default();
        watch.see(look(1, totals(0, 0), &[("link", "ex-a: no link is bound"), ("link", "ex-b: no link is bound")]));
        assert_eq!(watch.alarms().len(), 2);
    }

    #[test]
    fn a_queue_that_grows_older_is_one_alarm() {
        let watch = Watch::default();
        watch.see(look(1, totals(0, 0), &[("queue", "the oldest waits for 5 minutes")]));
        watch.see(look(61, totals(0, 0), &[("queue", "the oldest waits for 6 minutes")]));
        let told: Vec<_> = watch.alarms().into_iter().map(|past| (past.alarm.reason, past.began)).collect();
        assert_eq!(told, [("the oldest waits for 6 minutes".to_owned(), 1_000)]);
    }

    #[test]
    fn the_oldest_alarms_go() {
        let watch = Watch::default();
        for second in 0..2 * ALARMS_MAX as u64 {
            let alarms: &[_] = if second % 2 == 0 { &[("store", "full")] } else { &[] };
            watch.see(look(second, totals(0, 0), alarms));
        }
        watch.see(look(1_000, totals(0, 0), &[("store", "full")]));
        assert_eq!(watch.alarms().len(), ALARMS_MAX);
    }
}
