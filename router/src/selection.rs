//! Which operator of a route: weight, availability, failover. Pure.
//!
//! The choice is sticky by (source, destination): weighted rendezvous hashing gives every operator a score of its own
//! for every pair, and the lowest wins. So the parts of one long message, and all messages to one handset, keep to one
//! operator, and when an operator is lost only its own share moves. Names go into the hash by their text, so that all
//! nodes of a cluster choose alike.

use smsc_store::Name;

use crate::route::MtRoute;

/// The operators of one route.
#[derive(Clone, Debug)]
pub struct Targets {
    operators: Vec<Weighted>,
    failover: Vec<Name>,
}

#[derive(Clone, Copy, Debug)]
struct Weighted {
    name: Name,
    weight: f64,
    seed: u64,
}

impl Targets {
    /// The operators of that route.
    pub fn of(route: &MtRoute) -> Self {
        let weighted = |(name, weight): &(Name, u32)| Weighted {
            name: *name,
            weight: f64::from((*weight).max(1)),
            seed: hash(0, name.as_str().as_bytes()),
        };
        Self { operators: route.operators.iter().map(weighted).collect(), failover: route.failover.clone() }
    }

    /// The operator of a message: the best of those available, else the first failover that is available. When none
    /// is, the first choice stays, and the message waits for it. `None` only for a route without operators.
    pub fn choose(&self, pair: Pair<'_>, available: impl Fn(Name) -> bool) -> Option<Name> {
        self.best(pair, |name, _| available(name))
            .or_else(|| self.failover.iter().copied().find(|name| available(*name)))
            .or_else(|| self.best(pair, |_, _| true))
    }

    /// The next available operator behind `not` in this pair's order: the others by their score, then the failovers.
    /// There is no way back to an earlier one, so that a message refused by all does not go round in circles.
    pub fn next(&self, pair: Pair<'_>, not: Name, available: impl Fn(Name) -> bool) -> Option<Name> {
        let mut failover = self.failover.iter().copied();
        let refused = self.operators.iter().find(|operator| operator.name == not);
        let among_weighted = match refused {
            Some(refused) => {
                let floor = refused.score(pair.hash());
                self.best(pair, |name, score| name != not && score >= floor && available(name))
            }
            None if self.failover.contains(&not) => {
                failover.find(|name| *name == not);
                None
            }
            None => self.best(pair, |name, _| available(name)),
        };
        among_weighted.or_else(|| failover.find(|name| *name != not && available(*name)))
    }

    fn best(&self, pair: Pair<'_>, accept: impl Fn(Name, f64) -> bool) -> Option<Name> {
        // Most routes have one operator, and need neither hash nor arithmetic.
        if let [only] = &self.operators[..] {
            return accept(only.name, 0.0).then_some(only.name);
        }
        let pair = pair.hash();
        let scored = self.operators.iter().map(|operator| (operator.name, operator.score(pair)));
        scored.filter(|(name, score)| accept(*name, *score)).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
    }
}

impl Weighted {
    /// Drawn from an exponential distribution of this rate: the lowest of several is each one's with the probability of
    /// its share of the weights.
    fn score(&self, pair: u64) -> f64 {
        let bits = finish(pair ^ self.seed) >> 11;
        // 53 bits, in the middle of their cell: never 0 and never 1.
        let uniform = (bits as f64 + 0.5) / (1_u64 << 53) as f64;
        -uniform.ln() / self.weight
    }
}

/// Source and destination of a message, by which the choice sticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The source's octets as they came.
    pub source: &'a [u8],
    /// The destination's normalised digits.
    pub destination: &'a [u8],
}

impl Pair<'_> {
    /// The same in every process.
    fn hash(self) -> u64 {
        hash(hash(self.source.len() as u64, self.source), self.destination)
    }
}

/// FNV-1a from another start; stable over versions and machines, which a hasher of a library does not promise.
fn hash(start: u64, octets: &[u8]) -> u64 {
    let start = 0xCBF2_9CE4_8422_2325 ^ start;
    let mixed = octets.iter().fold(start, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01B3));
    finish(mixed)
}

/// The finaliser of splitmix64: every bit of the input moves every bit of the output.
const fn finish(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::intern(text)
    }

    fn targets(operators: &[(&str, u32)], failover: &[&str]) -> Targets {
        Targets::of(&MtRoute {
            prefix: String::new(),
            account: None,
            source: None,
            operators: operators.iter().map(|(operator, weight)| (name(operator), *weight)).collect(),
            failover: failover.iter().map(|operator| name(operator)).collect(),
        })
    }

    fn numbers(count: u32) -> Vec<String> {
        (0..count).map(|number| format!("4670{number:07}")).collect()
    }

    fn to(number: &str) -> Pair<'_> {
        Pair { source: b"BRAND", destination: number.as_bytes() }
    }

    fn share(targets: &Targets, operator: &str, available: impl Fn(Name) -> bool) -> f64 {
        let chosen = |number: &&String| targets.choose(to(number), &available) == Some(name(operator));
        let chosen = numbers(20_000).iter().filter(chosen).count();
        chosen as f64 / 20_000.0
    }

    #[test]
    fn shares_follow_the_weights() {
        let targets = targets(&[("sel-a", 5), ("sel-b", 3), ("sel-c", 2)], &["sel-f"]);
        for (operator, expected) in [("sel-a", 0.5), ("sel-b", 0.3), ("sel-c", 0.2)] {
            let share = share(&targets, operator, |_| true);
            assert!((share - expected).abs() <= 0.1 * expected, "{operator}: {share}");
        }
    }

    #[test]
    fn shares_follow_the_weights_for_many_sources_to_one_handset() {
        let targets = targets(&[("sel-a", 1), ("sel-b", 1)], &[]);
        let chosen = |source: &u32| {
            let pair = Pair { source: &source.to_be_bytes(), destination: b"46701234567" };
            targets.choose(pair, |_| true) == Some(name("sel-a"))
        };
        let a = (0..20_000_u32).filter(chosen).count();
        assert!((9_000..11_000).contains(&a), "{a}");
    }

    #[test]
    fn a_pair_keeps_its_operator() {
        let targets = targets(&[("sel-a", 1), ("sel-b", 1), ("sel-c", 1)], &[]);
        for number in numbers(1_000) {
            let pair = to(&number);
            assert_eq!(targets.choose(pair, |_| true), targets.choose(pair, |_| true));
        }
    }

    #[test]
    fn only_the_share_of_a_lost_operator_moves() {
        let targets = targets(&[("sel-a", 1), ("sel-b", 2), ("sel-c", 1)], &[]);
        let lost = name("sel-b");
        for number in numbers(20_000) {
            let pair = to(&number);
            let before = targets.choose(pair, |_| true);
            let after = targets.choose(pair, |operator| operator != lost);
            if before == Some(lost) {
                assert_ne!(after, Some(lost));
            } else {
                assert_eq!(after, before);
            }
        }
    }

    #[test]
    fn failovers_come_in_order_when_none_of_the_others_is_there() {
        let targets = targets(&[("sel-a", 1), ("sel-b", 1)], &["sel-f", "sel-g"]);
        let pair = to("46701234567");
        let only = |allowed: &'static [&'static str]| move |operator: Name| allowed.contains(&operator.as_str());
        assert_eq!(targets.choose(pair, only(&["sel-b", "sel-f"])), Some(name("sel-b")));
        assert_eq!(targets.choose(pair, only(&["sel-f", "sel-g"])), Some(name("sel-f")));
        assert_eq!(targets.choose(pair, only(&["sel-g"])), Some(name("sel-g")));
    }

    #[test]
    fn the_first_choice_stays_when_nothing_is_available() {
        let targets = targets(&[("sel-a", 1), ("sel-b", 1)], &["sel-f"]);
        for number in numbers(100) {
            let pair = to(&number);
            assert_eq!(targets.choose(pair, |_| false), targets.choose(pair, |_| true));
        }
    }

    #[test]
    fn the_next_operator_never_leads_back() {
        let targets = targets(&[("sel-a", 1), ("sel-b", 4), ("sel-c", 2)], &["sel-f", "sel-g"]);
        for number in numbers(1_000) {
            let pair = to(&number);
            let mut order = vec![targets.choose(pair, |_| true).expect("operators")];
            while let Some(next) = targets.next(pair, order[order.len() - 1], |_| true) {
                assert!(!order.contains(&next));
                order.push(next);
            }
            assert_eq!(order.len(), 5, "all are tried");
            assert_eq!(order[3..], [name("sel-f"), name("sel-g")]);
        }
    }

    #[test]
    fn the_next_operator_is_an_available_one() {
        let pair = to("46701234567");
        let alone = targets(&[("sel-a", 1)], &["sel-f"]);
        assert_eq!(alone.next(pair, name("sel-a"), |_| true), Some(name("sel-f")));
        assert_eq!(alone.next(pair, name("sel-a"), |_| false), None);
        assert_eq!(alone.next(pair, name("sel-f"), |_| true), None);
        assert_eq!(alone.next(pair, name("sel-elsewhere"), |_| true), Some(name("sel-a")));
    }
}
