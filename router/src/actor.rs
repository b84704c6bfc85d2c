//! The router actor: watches the links of operators, publishes snapshots, re-routes what waits.
//!
//! It is told of links by their actors ([`LinkChanged`]) and of those of other nodes ([`LinksElsewhere`]), and answered
//! by the partitions ([`Rerouted`], one at a time per partition and outbox). No message passes through it: its mailbox
//! holds a few of these, bounded by the number of links and partitions. If it stops, routing goes on as it was, but no
//! operator is passed over or comes back, so the node stops too.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use smsc_store::{Gone, Holder, Name, Outbox, Reroute, Rerouted, StoreHandle};

use crate::error::RouterError;
use crate::handle::{RouterHandle, Tables};
use crate::links::LinkWatch;
use crate::messages::{LinkChanged, LinksElsewhere, Reconfigure};
use crate::metrics;
use crate::mobile_originated::parked;
use crate::rerouting::{self, Reason, Rounds, STEP_MAX, Step};

/// Holders of leases are counted from 1.
const WATCHER: Holder = Holder(0);

/// See the module.
pub struct Router {
    handle: RouterHandle,
    links: LinkWatch,
    rounds: Rounds,
    /// Operators that are no longer configured and for which messages may wait.
    removed: Vec<Name>,
    /// How many partitions there are now.
    partitions: Box<dyn Fn() -> usize>,
    /// Asks all partitions for one step.
    reroute: Box<dyn Fn(Reroute)>,
    timer: Option<SpawnHandle>,
}

impl Router {
    /// Starts the router on the current arbiter. `removed`: operators of which the store may still hold messages, and
    /// that are not configured any more; what waits for them is re-routed at once.
    pub fn start(handle: RouterHandle, store: StoreHandle, removed: Vec<Name>) -> Addr<Router> {
        let (counted, watched) = (store.clone(), store.clone());
        let partitions = Box::new(move || counted.partitions().count());
        let router = Self::start_with(handle, partitions, removed, Box::new(move |reroute| store.reroute(reroute)));
        watched.watch(WATCHER, router.clone().recipient());
        router
    }

    fn start_with(
        handle: RouterHandle,
        partitions: Box<dyn Fn() -> usize>,
        removed: Vec<Name>,
        reroute: Box<dyn Fn(Reroute)>,
    ) -> Addr<Router> {
        metrics::describe();
        let links = LinkWatch::new(handle.snapshot().operators(), Instant::now());
        let rounds = Rounds::new(partitions());
        Actor::start(Router { handle, links, rounds, removed, partitions, reroute, timer: None })
    }

    fn begin(&mut self, from: Name, reason: Reason, ctx: &mut Context<Self>) {
        let step = self.rounds.begin(from, reason);
        self.carry_out(from, step, ctx);
    }

    fn carry_out(&mut self, from: Name, step: Step, ctx: &mut Context<Self>) {
        match step {
            Step::Ask(reason) => {
                // Each message is judged by the snapshot of its own moment: the operator may have come back meanwhile.
                let handle = self.handle.clone();
                (self.reroute)(Reroute {
                    from: rerouting::outbox(from, reason),
                    step_max: STEP_MAX,
                    choose: Arc::new(move |origin, body| {
                        rerouting::new_place(&handle.snapshot(), from, reason, origin, body)
                    }),
                    reply: ctx.address().recipient(),
                });
            }
            Step::Wait | Step::Done(0) => {}
            Step::Done(moved) => {
                tracing::info!(event = "queue.rerouted", link = %from, moved, "moved what waited elsewhere");
            }
        }
    }

    /// Publishes who is available now, and lets those who wait for others try to move.
    fn availability_changed(&mut self, ctx: &mut Context<Self>) {
        self.handle.publish_available(self.links.available());
        self.reroute_all(ctx);
    }

    fn reroute_all(&mut self, ctx: &mut Context<Self>) {
        let passed_over: Vec<Name> = self.links.passed_over().collect();
        for from in passed_over {
            self.begin(from, Reason::PassedOver, ctx);
        }
        for from in self.removed.clone() {
            self.begin(from, Reason::Removed, ctx);
        }
    }

    /// MO that no route took when it came: one may take it now.
    fn reroute_parked(&mut self, ctx: &mut Context<Self>) {
        let (Outbox::Operator(from) | Outbox::Account(from)) = parked();
        self.begin(from, Reason::Parked, ctx);
    }

    fn arm_timer(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let Some(deadline) = self.links.poll_timeout() else { return };
        let wait = deadline.saturating_duration_since(Instant::now());
        self.timer = Some(ctx.run_later(wait, |router, ctx| {
            router.timer = None;
            router.handle_timeout(ctx);
        }));
    }

    fn handle_timeout(&mut self, ctx: &mut Context<Self>) {
        let passed_over = self.links.handle_timeout(Instant::now());
        for operator in &passed_over {
            tracing::warn!(event = "link.passed_over", link = %operator, "no bound link for failover_after");
            metrics::record_passed_over(*operator, true);
        }
        if !passed_over.is_empty() {
            self.availability_changed(ctx);
        }
        self.arm_timer(ctx);
    }

    fn links_changed(&mut self, operator: Name, is_back: bool, ctx: &mut Context<Self>) {
        if is_back {
            tracing::info!(event = "link.available", link = %operator, "a link is bound again");
            metrics::record_passed_over(operator, false);
            self.rounds.stop(operator);
            // Others that are passed over may have found their alternative in it.
            self.availability_changed(ctx);
        }
        self.arm_timer(ctx);
    }

    fn record_available(&self) {
        self.links.available().for_each(|operator| metrics::record_passed_over(operator, false));
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.record_available();
        self.reroute_all(ctx);
        self.reroute_parked(ctx);
        self.arm_timer(ctx);
    }
}

impl Handler<LinkChanged> for Router {
    type Result = ();

    fn handle(&mut self, changed: LinkChanged, ctx: &mut Context<Self>) {
        let LinkChanged { operator, bound } = changed;
        let is_back = self.links.record(operator, bound, Instant::now());
        self.links_changed(operator, is_back, ctx);
    }
}

impl Handler<LinksElsewhere> for Router {
    type Result = ();

    fn handle(&mut self, elsewhere: LinksElsewhere, ctx: &mut Context<Self>) {
        let LinksElsewhere { operator, links } = elsewhere;
        let is_back = self.links.record_elsewhere(operator, links as usize, Instant::now());
        self.links_changed(operator, is_back, ctx);
    }
}

impl Handler<Gone> for Router {
    type Result = ();

    /// A partition has gone or come: its answers will not, and what waits in it has not been looked at.
    fn handle(&mut self, _: Gone, ctx: &mut Context<Self>) {
        self.rounds = Rounds::new((self.partitions)());
        self.reroute_all(ctx);
        self.reroute_parked(ctx);
    }
}

impl Handler<Rerouted> for Router {
    type Result = ();

    fn handle(&mut self, rerouted: Rerouted, ctx: &mut Context<Self>) {
        let (Outbox::Operator(from) | Outbox::Account(from)) = rerouted.from;
        metrics::record_rerouted(from, rerouted.moved);
        let step = self.rounds.answered(from, rerouted.moved, rerouted.more);
        self.carry_out(from, step, ctx);
    }
}

impl Handler<Reconfigure> for Router {
    type Result = Result<(), RouterError>;

    fn handle(&mut self, Reconfigure(options): Reconfigure, ctx: &mut Context<Self>) -> Result<(), RouterError> {
        let tables = Tables::new(options)?;
        let gone = self.links.replace(&tables.operators, Instant::now());
        self.removed.retain(|name| tables.operators.iter().all(|(known, _)| known != name));
        for operator in gone {
            metrics::record_passed_over(operator, false);
            self.removed.push(operator);
        }
        self.handle.publish(tables, self.links.available());
        self.record_available();
        // A message that had no way out may have one by the new routes.
        self.reroute_all(ctx);
        self.reroute_parked(ctx);
        self.arm_timer(ctx);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
