//! Which sessions leave a node that has more than its share, so that they bind anew elsewhere. Pure.
//!
//! A balancer places a connection once: a node that comes back stays empty, and the others keep what was its share. Who
//! leaves costs his account least: first those whose account has another bind of that kind, of them those with the least
//! traffic, and of them the oldest.

use std::collections::HashMap;
use std::time::Duration;

use smsc_proto::smpp::pdu::BindKind;
use smsc_store::{Holder, Name};

use super::fact::Binds;
use super::view::ClusterView;

/// A node within a tenth of its share is left alone: moving costs more than it brings.
const WITHIN_PERCENT: u32 = 110;

/// A bound session of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which one.
    pub holder: Holder,
    /// Whose.
    pub account: Name,
    /// Bound as what.
    pub kind: BindKind,
    /// For how long.
    pub bound_for: Duration,
    /// Messages and deliveries since then.
    pub messages: u64,
}

impl Candidate {
    /// Messages in a thousand seconds.
    fn traffic(&self) -> u64 {
        self.messages.saturating_mul(1_000) / self.bound_for.as_secs().max(1)
    }
}

/// This node's share of all sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// How many it has.
    pub sessions: u32,
    /// How many it would have if all ready nodes had the same.
    pub share: u32,
}

impl Share {
    /// Of a node with so many sessions among those.
    pub fn of(sessions: u32, view: &ClusterView) -> Self {
        let elsewhere = view.peers.iter().filter(|peer| peer.is_member());
        let elsewhere: Vec<u32> = elsewhere
            .map(|peer| peer.facts.binds.values().fold(0, |sum, binds| binds.all().saturating_add(sum)))
            .collect();
        let all = elsewhere.iter().fold(sessions, |sum, one| sum.saturating_add(*one));
        let nodes = u32::try_from(elsewhere.len()).unwrap_or(u32::MAX).saturating_add(1);
        Self { sessions, share: all.div_ceil(nodes) }
    }

    /// How many are to leave.
    pub fn surplus(self) -> u32 {
        let tolerated = self.share.saturating_mul(WITHIN_PERCENT) / 100;
        if self.sessions > tolerated { self.sessions - self.share } else { 0 }
    }
}

/// So many of them, in the order in which they should leave. `elsewhere`: an account's binds on other nodes.
pub fn leavers(candidates: &[Candidate], elsewhere: impl Fn(Name) -> Binds, count: u32) -> Vec<Holder> {
    let mut binds: HashMap<(Name, BindKind), u32> = HashMap::new();
    for candidate in candidates {
        let all = binds.entry((candidate.account, candidate.kind));
        *all.or_insert_with(|| of_kind(elsewhere(candidate.account), candidate.kind)) += 1;
    }
    let mut candidates: Vec<&Candidate> = candidates.iter().collect();
    candidates.sort_by_key(|one| (one.traffic(), std::cmp::Reverse(one.bound_for), one.holder.0));
    let (mut spared, mut leaving) = (Vec::new(), Vec::new());
    for candidate in candidates {
        // Its account is served by another one meanwhile, unless that is to leave too.
        match binds.get_mut(&(candidate.account, candidate.kind)) {
            Some(left) if *left > 1 => {
                *left -= 1;
                leaving.push(candidate.holder);
            }
            _ => spared.push(candidate.holder),
        }
    }
    leaving.append(&mut spared);
    leaving.truncate(count as usize);
    leaving
}

const fn of_kind(binds: Binds, kind: BindKind) -> u32 {
    match kind {
        BindKind::Transmitter => binds.transmitters,
        BindKind::Receiver => binds.receivers,
        BindKind::Transceiver => binds.transceivers,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cluster::fact::{Facts, Phase, Standing};
    use crate::cluster::view::{Peer, PeerState};

    fn name(text: &str) -> Name {
        Name::intern(text)
    }

    fn candidate(holder: u64, account: &str, messages: u64) -> Candidate {
        let kind = BindKind::Transceiver;
        Candidate {
            holder: Holder(holder),
            account: name(account),
            kind,
            bound_for: Duration::from_secs(1_000),
            messages,
        }
    }

    fn peer(number: u16, phase: Phase, transceivers: u32) -> Peer {
        let mut facts = Facts { standing: Standing { phase, ..Standing::default() }, ..Facts::default() };
        facts.binds.insert(name("shop"), Binds { transceivers, ..Binds::default() });
        Peer {
            number,
            name: "peer".into(),
            incarnation: uuid::Uuid::new_v4(),
            address: "127.0.0.1:1".into(),
            protocol: 1,
            records: 3,
            state: PeerState::Alive,
            facts: Arc::new(facts),
            channel: None,
        }
    }

    #[test]
    fn ready_nodes_share_all_sessions() {
        let view = ClusterView { peers: vec![peer(1, Phase::Ready, 0), peer(2, Phase::Draining, 0)] };
        let share = Share::of(10, &view);
        assert_eq!((share.share, share.surplus()), (5, 5), "a node that drains takes none");
        assert_eq!(Share::of(10, &ClusterView::default()).surplus(), 0, "alone it has its share");
    }

    #[test]
    fn a_node_that_has_about_its_share_is_left_alone() {
        let view = ClusterView { peers: vec![peer(1, Phase::Ready, 92)] };
        assert_eq!(Share::of(108, &view).surplus(), 0);
        assert_eq!(Share::of(114, &view).surplus(), 11);
    }

    #[test]
    fn accounts_with_another_bind_give_theirs_first_and_the_quiet_before_the_busy() {
        let candidates = [candidate(1, "alone", 0), candidate(2, "pair", 50), candidate(3, "pair", 10)];
        let nowhere = |_| Binds::default();
        assert_eq!(leavers(&candidates, nowhere, 1), [Holder(3)]);
        assert_eq!(leavers(&candidates, nowhere, 3), [Holder(3), Holder(1), Holder(2)], "the last of each leaves last");
    }

    #[test]
    fn a_bind_on_another_node_counts_as_another() {
        let candidates = [candidate(1, "alone", 0), candidate(2, "spread", 90)];
        let elsewhere = |account| Binds { transceivers: u32::from(account == name("spread")), ..Binds::default() };
        assert_eq!(leavers(&candidates, elsewhere, 1), [Holder(2)]);
    }

    #[test]
    fn of_the_equally_quiet_the_oldest_leaves() {
        let old = Candidate { bound_for: Duration::from_secs(9_000), ..candidate(2, "shop", 0) };
        assert_eq!(leavers(&[candidate(1, "shop", 0), old], |_| Binds::default(), 1), [Holder(2)]);
    }
}
