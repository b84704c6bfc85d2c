//! Keeps this node's shares of the rates that hold for the whole cluster: publishes what is wanted here, and sets what
//! may go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fact::{Demanded, Fact, Key};
use super::handle::ClusterHandle;
use super::limits::{Claim, Share};
use super::view::{ClusterView, Peer};
use crate::esme::account::Account;
use crate::live::Live;
use crate::operator::profile::Profile;
use crate::services::Services;

/// How often shares are computed.
const EVERY: Duration = Duration::from_millis(100);
/// How often demand is measured: it is that of a second.
const MEASURED_EVERY: Duration = Duration::from_secs(1);

/// Whoever has a limit.
enum Limited {
    Account(Arc<Account>),
    Operator(Arc<Profile>),
}

struct Kept {
    limited: Limited,
    share: Share,
    now: Option<u32>,
    demand: u32,
}

/// Keeps the shares of all accounts and operators, which may change, for as long as the node lives.
pub async fn keep(cluster: ClusterHandle, nodes_expected: u32, services: Arc<Services>) {
    let mut live = services.live_now();
    let mut kept = limited(&live, nodes_expected, Vec::new());
    let mut interval = tokio::time::interval(EVERY);
    let mut measured = Instant::now();
    loop {
        let current = services.live_now();
        if !Arc::ptr_eq(&current, &live) {
            kept = limited(&current, nodes_expected, kept);
            live = current;
        }
        let now = interval.tick().await.into_std();
        let measures = now.saturating_duration_since(measured) >= MEASURED_EVERY;
        if measures {
            measured = now;
        }
        let (view, majority) = (cluster.view(), cluster.sees_majority());
        for kept in &mut kept {
            if measures {
                kept.measure(&cluster);
            }
            kept.settle(&cluster, &view, majority, now);
        }
    }
}

/// All that have a limit. Who had the same before goes on with his share.
fn limited(live: &Live, nodes_expected: u32, mut before: Vec<Kept>) -> Vec<Kept> {
    let accounts = live.accounts().cloned().map(Limited::Account);
    let all = accounts.chain(live.profiles.iter().cloned().map(Limited::Operator));
    let kept = all.filter(|limited| limited.rate() > 0).map(|limited| {
        let same = |kept: &Kept| kept.limited.name() == limited.name() && kept.limited.rate() == limited.rate();
        match before.iter().position(same) {
            // It may be another value by that name: it is told its share anew.
            Some(index) => Kept { limited, now: None, ..before.swap_remove(index) },
            None => Kept { share: Share::new(limited.rate(), nodes_expected), limited, now: None, demand: 0 },
        }
    });
    kept.collect()
}

impl Kept {
    fn measure(&mut self, cluster: &ClusterHandle) {
        self.demand = self.limited.take_demand();
        cluster.publish([Fact::Demand(self.limited.name(), self.demand)]);
    }

    fn settle(&mut self, cluster: &ClusterHandle, view: &ClusterView, majority: bool, now: Instant) {
        let name = self.limited.name();
        let own = Claim { binds: binds_here(cluster, name), demand: self.demand };
        let others: Vec<Claim> = view.counted().map(|peer| claim_of(peer, name)).collect();
        let share = self.share.settle(own, &others, majority, now);
        if self.now.replace(share) != Some(share) {
            self.limited.set_rate(share);
        }
    }
}

impl Limited {
    fn name(&self) -> Demanded {
        match self {
            Self::Account(account) => Demanded::Account(account.name),
            Self::Operator(profile) => Demanded::Operator(profile.name),
        }
    }

    /// For the whole cluster; 0: no limit.
    fn rate(&self) -> u32 {
        match self {
            Self::Account(account) => account.config.throughput_max,
            Self::Operator(profile) => profile.config.throughput_max,
        }
    }

    fn set_rate(&self, share: u32) {
        match self {
            Self::Account(account) => account.set_rate(share),
            Self::Operator(profile) => profile.pace.set(share),
        }
    }

    fn take_demand(&self) -> u32 {
        match self {
            Self::Account(account) => account.take_demand(),
            Self::Operator(profile) => profile.pace.take_demand(),
        }
    }
}

fn binds_here(cluster: &ClusterHandle, of: Demanded) -> u32 {
    let said = match of {
        Demanded::Account(account) => cluster.said(Key::Binds(account)),
        Demanded::Operator(operator) => cluster.said(Key::Links(operator)),
    };
    match said {
        Some(Fact::Binds(_, binds)) => binds.all(),
        Some(Fact::Links(_, links)) => links.bound,
        _ => 0,
    }
}

fn claim_of(peer: &Peer, of: Demanded) -> Claim {
    let binds = match of {
        Demanded::Account(account) => peer.facts.binds.get(&account).map(|binds| binds.all()),
        Demanded::Operator(operator) => peer.facts.links.get(&operator).map(|links| links.bound),
    };
    Claim { binds: binds.unwrap_or(0), demand: peer.facts.demands.get(&of).copied().unwrap_or(0) }
}
