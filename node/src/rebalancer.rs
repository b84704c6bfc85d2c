//! Asks sessions beyond this node's share to unbind, one after the other, so that a balancer places them anew.
//!
//! Looks before each one how things are, and ends when they are well, when it is told to, or when as many as it began
//! with have left: an ESME that binds here again is not chased in circles. If it stops, sessions stay where they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use smsc_store::Holder;

use crate::cluster::ClusterHandle;
use crate::cluster::rebalance::{Candidate, Share, leavers};
use crate::esme::directory::SessionEntry;
use crate::esme::session::Disconnect;
use crate::services::Services;
use crate::shutdown::Leave;
use crate::telemetry::health::{NodeState, Phase};

/// How long a session may take to leave before its connection is closed.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Begin, with so long from one session to the next.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct StartRebalance {
    /// The pace.
    pub pace: Duration,
}

/// End.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct StopRebalance;

/// What would be done now, and what is.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "RebalancePlan")]
pub struct PlanRebalance;

/// See [`PlanRebalance`].
#[derive(Clone, Debug)]
pub struct RebalancePlan {
    /// This node's sessions and its share.
    pub share: Share,
    /// Who is to leave, first the first.
    pub leaving: Vec<SessionEntry>,
    /// At work.
    pub running: bool,
    /// Sessions that were asked to leave since the last start.
    pub asked: u32,
}

/// See the module.
pub struct Rebalancer {
    services: Arc<Services>,
    state: NodeState,
    turns: Option<SpawnHandle>,
    /// As many as may still be asked.
    budget: usize,
    asked: u32,
}

impl Rebalancer {
    /// Starts it on the current thread; it does nothing yet.
    pub fn start_for(services: &Arc<Services>, state: &NodeState) -> Addr<Self> {
        let (services, state) = (services.clone(), state.clone());
        Self { services, state, turns: None, budget: 0, asked: 0 }.start()
    }

    fn plan(&self) -> RebalancePlan {
        let bound: HashMap<Holder, SessionEntry> = self
            .services
            .directory
            .list(None)
            .into_iter()
            .filter(|entry| entry.bound.is_some())
            .map(|entry| (entry.holder, entry))
            .collect();
        let sessions = u32::try_from(bound.len()).unwrap_or(u32::MAX);
        let (running, asked) = (self.turns.is_some(), self.asked);
        let view = self.services.cluster.as_ref().map(ClusterHandle::view).unwrap_or_default();
        // Who goes out of service unbinds all of them anyway.
        if self.state.phase() != Phase::Ready {
            return RebalancePlan { share: Share { sessions, share: sessions }, leaving: Vec::new(), running, asked };
        }
        let share = Share::of(sessions, &view);
        let now = self.services.now();
        let candidates: Vec<Candidate> = bound
            .values()
            .filter_map(|entry| {
                let (kind, since) = entry.bound?;
                let activity = entry.connection.activity.snapshot();
                Some(Candidate {
                    holder: entry.holder,
                    account: entry.account?,
                    kind,
                    bound_for: now.since(since),
                    messages: activity.submitted + activity.delivered,
                })
            })
            .collect();
        let leaving = leavers(&candidates, |account| view.binds_of(account), share.surplus());
        let leaving = leaving.iter().filter_map(|holder| bound.get(holder).cloned()).collect();
        RebalancePlan { share, leaving, running, asked }
    }

    /// One session more, if there is one too many.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        let plan = self.plan();
        let next = plan.leaving.first().filter(|_| self.budget > 0);
        let Some(next) = next else { return self.end(ctx) };
        if let Some(session) = self.services.directory.session(next.holder) {
            session.do_send(Disconnect { within: LEAVE_WITHIN, why: Leave::Rebalance });
            self.asked += 1;
        }
        self.budget -= 1;
    }

    fn end(&mut self, ctx: &mut Context<Self>) {
        if let Some(turns) = self.turns.take() {
            ctx.cancel_future(turns);
            tracing::info!(event = "rebalance.end", asked = self.asked, "sessions were asked to bind elsewhere");
        }
    }
}

impl Actor for Rebalancer {
    type Context = Context<Self>;
}

impl Handler<StartRebalance> for Rebalancer {
    type Result = ();

    fn handle(&mut self, StartRebalance { pace }: StartRebalance, ctx: &mut Context<Self>) {
        let plan = self.plan();
        if self.turns.is_some() || plan.leaving.is_empty() {
            return;
        }
        tracing::info!(event = "rebalance.start", sessions = plan.share.sessions, share = plan.share.share);
        (self.budget, self.asked) = (plan.leaving.len(), 0);
        self.turns = Some(ctx.run_interval(pace, Self::turn));
    }
}

impl Handler<StopRebalance> for Rebalancer {
    type Result = ();

    fn handle(&mut self, _: StopRebalance, ctx: &mut Context<Self>) {
        self.end(ctx);
    }
}

impl Handler<PlanRebalance> for Rebalancer {
    type Result = MessageResult<PlanRebalance>;

    fn handle(&mut self, _: PlanRebalance, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.plan())
    }
}
