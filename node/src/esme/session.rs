//! The actor of one connection of an ESME.
//!
//! Owns the socket and its [`Session`](smsc_proto::session::Session) value. The store sends it `Accepted`, `Found`,
//! `Cancelled`, `Replaced`, `Leased`, `Settled` and `Ring`; the shutdown sends [`Drain`]. Its mailbox is bounded by its
//! credits: one answer per batch that it asked for, one ring per partition. When it stops, what it had written without an
//! answer is settled as lost and sent again; messages that it submitted and that were not answered are kept all the same.

mod requests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use smsc_proto::session::{CloseReason, Event, Role, Session, SessionState};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{AlertNotification, Bind, BindKind, Outbind, Pdu};
use smsc_proto::timestamp::Timestamp;
use smsc_router::outcome::{self, Meaning};
use smsc_store::{
    Accept, Content, Gone, Holder, Leased, NewMessage, Outbox, Outcome, Pull, Register, Release, Rest, Ring, Settle,
    Settled, Settlement,
};

use super::account::Account;
use super::activity::Activity;
use super::bind::{self, Decision, Verdict};
use super::deliver::deliver;
use super::directory::Connection;
use super::entrance::Client;
use super::listener::Place;
use super::pending::PendingRequests;
use super::refusal::Refusal;
use crate::attempt::{Answer, Attempt, unsent};
use crate::by_partition::ByPartition;
use crate::puller::{NextPull, Puller};
use crate::services::Services;
use crate::shutdown::{Drain, Leave};
use crate::telemetry::metrics::{ListenerMetrics, SessionMetrics};
use crate::traces::Who;
use crate::wire::{Edge, Pump, Wire, WireOptions};

/// One connection of an ESME.
pub struct EsmeSession {
    services: Arc<Services>,
    holder: Holder,
    wire: Wire<Attempt>,
    bound: Option<Bound>,
    submits: ByPartition<NewMessage>,
    outcomes: ByPartition<Settlement>,
    pending: PendingRequests,
    // When the batches left that the store has not answered yet.
    asked: VecDeque<Instant>,
    leaving: Option<Leave>,
    activity: Arc<Activity>,
    tls: bool,
    // The account that was called by outbind: nobody else may bind here.
    called: Option<Arc<Account>>,
    // UTC at the beginning of this turn.
    utc: Timestamp,
    // What its TLS certificate calls it.
    certificate_names: Box<[String]>,
    listener: ListenerMetrics,
    // Keeps the count of connections of this thread right, whatever ends the actor.
    _place: Place,
}

/// What a bound session has more than a connected one.
struct Bound {
    account: Arc<Account>,
    kind: BindKind,
    puller: Option<Puller>,
    metrics: SessionMetrics,
}

/// A subscriber can be reached again, and this account wished to know.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Alert {
    /// What is to be sent.
    pub alert: AlertNotification,
    /// Who may be told instead, if this session cannot.
    pub others: Vec<Addr<EsmeSession>>,
}

/// The account of a bound session is configured otherwise from now on: messages follow it at once, the window of our
/// deliveries with the next bind.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AccountChanged(pub Arc<Account>);

/// To a session: leave as in [`Drain`], and at the latest after this time whatever the peer does.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Disconnect {
    /// How long it may take.
    pub within: Duration,
    /// Why.
    pub why: Leave,
}

/// The time of a [`Disconnect`] is up.
#[derive(Message)]
#[rtype(result = "()")]
struct HangUp;

/// A hash was computed: the bind can be answered.
#[derive(Message)]
#[rtype(result = "()")]
struct BindDecided {
    kind: BindKind,
    sequence_number: u32,
    verdict: Verdict,
}

impl EsmeSession {
    /// Starts the actor on the current thread for a connection whose TLS handshake is done.
    pub fn start_on(services: Arc<Services>, client: Client, place: Place, listener: ListenerMetrics) {
        Self::new(services, client, place, listener).start();
    }

    /// The same for a connection that we have made: says outbind, and lets that account bind (S18).
    ///
    /// Our password stays empty: what it could be, the account's own, is not for whoever answers at that address.
    pub fn call_on(
        services: Arc<Services>,
        client: Client,
        place: Place,
        listener: ListenerMetrics,
        account: Arc<Account>,
    ) {
        let system_id = services.live().config.session_options(Role::Mc).system_id.into();
        let mut session = Self::new(services, client, place, listener);
        session.called = Some(account);
        if session.wire.session.tell(&Pdu::Outbind(Outbind { system_id, password: Bytes::new() })).is_ok() {
            session.start();
        }
    }

    fn new(services: Arc<Services>, client: Client, place: Place, listener: ListenerMetrics) -> Self {
        let Client { socket, peer, since, certificate_names } = client;
        let session = Session::new(services.live().config.session_options(Role::Mc), since);
        let options = WireOptions {
            pdu_size_max: services.config.session.pdu_size_max.as_usize(),
            pdu_read: services.config.session.pdu_read,
            write_stall: services.config.session.response,
        };
        Self {
            holder: services.new_holder(),
            activity: Arc::default(),
            tls: socket.is_tls(),
            wire: Wire::new(socket, peer, session, options),
            bound: None,
            submits: ByPartition::default(),
            outcomes: ByPartition::default(),
            pending: PendingRequests::default(),
            asked: VecDeque::new(),
            leaving: None,
            called: None,
            utc: services.now(),
            certificate_names,
            listener,
            services,
            _place: place,
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event<Attempt>, ctx: &mut Context<Self>) {
        match event {
            Event::BindRequested { kind, bind, sequence_number } => {
                self.handle_bind(now, kind, &bind, sequence_number, ctx);
            }
            Event::Request { sequence_number, pdu } => self.handle_request(sequence_number, pdu, ctx),
            Event::Response { mark, status, pdu: _ } => self.respond_to(mark, status, false),
            Event::LateResponse { mark, status, pdu: _ } => self.respond_to(mark, status, true),
            Event::Unanswered { mark } => {
                self.attempted(mark, Answer::None, false);
                let retry_at = self.services.offer_again.next(mark.number, self.utc);
                self.settle(mark, Outcome::Unanswered { retry_at });
            }
            Event::UnbindRequested => self.wire.session.confirm_unbind(),
            Event::Closed(reason) => self.closed(reason),
            // Ours is the MC's side: we never bind here.
            Event::Bound { .. } | Event::BindRefused(_) => {}
        }
    }

    fn handle_bind(
        &mut self,
        now: Instant,
        kind: BindKind,
        bind: &Bind,
        sequence_number: u32,
        ctx: &mut Context<Self>,
    ) {
        if self.leaving.is_some() {
            self.refuse_bind(now, kind, None, sequence_number, CommandStatus::ESME_RBINDFAIL, true);
            return;
        }
        if self.called.as_ref().is_some_and(|called| *called.config.system_id.as_bytes() != bind.system_id[..]) {
            self.refuse_bind(now, kind, None, sequence_number, CommandStatus::ESME_RINVSYSID, true);
            return;
        }
        match bind::decide(&self.services, self.wire.peer.ip(), &self.certificate_names, bind) {
            Decision::Now(verdict) => self.answer_bind(now, kind, sequence_number, verdict, ctx),
            Decision::Later(verdict) => {
                // By way of the mailbox: it is looked into before the pump, which then writes the answer.
                let session = ctx.address();
                actix::spawn(async move {
                    session.do_send(BindDecided { kind, sequence_number, verdict: verdict.await });
                });
            }
        }
    }

    fn answer_bind(
        &mut self,
        now: Instant,
        kind: BindKind,
        sequence_number: u32,
        verdict: Verdict,
        ctx: &mut Context<Self>,
    ) {
        bind::remember(&self.services, self.wire.peer.ip(), &verdict);
        let account = match verdict {
            Ok(account) => account,
            Err(refused) => {
                let account = refused.account.map(|name| name.as_str());
                self.refuse_bind(now, kind, account, sequence_number, refused.status, refused.too_soon);
                return;
            }
        };
        let binds_max = account.config.binds_max as usize;
        if let Err(refused) = self.services.directory.bind(self.holder, account.name, kind, binds_max) {
            tracing::warn!(event = "session.bind", account = %account.name, status = "ESME_RBINDFAIL", "{refused}");
            let name = Some(account.name.as_str());
            // ALYBND would count as bound with Kannel (Q25): RBINDFAIL, and close.
            self.refuse_bind(now, kind, name, sequence_number, CommandStatus::ESME_RBINDFAIL, true);
            return;
        }
        self.wire.session.set_requests_max(account.config.window_max as usize);
        self.wire.session.set_window_size_max(account.config.deliver_window as usize);
        self.wire.session.accept_bind(now, sequence_number);
        self.services.directory.bound_at(self.holder, self.utc);
        let metrics = SessionMetrics::esme(account.name.as_str(), kind);
        metrics.bound(CommandStatus::ESME_ROK);
        tracing::info!(event = "session.bind", account = %account.name, bind = ?kind, peer = %self.wire.peer, status = "ESME_ROK");
        let rest = self.services.rest();
        let puller = (kind != BindKind::Transmitter).then(|| Puller::new(account.config.deliver_window, rest));
        if puller.is_some() {
            self.services.directory.receives(self.holder);
            let outbox = Outbox::Account(account.name);
            let ring = ctx.address().recipient();
            self.services.store.watch(self.holder, ctx.address().recipient());
            self.services.store.register(Register { outbox, holder: self.holder, ring });
        }
        self.bound = Some(Bound { account, kind, puller, metrics });
    }

    fn refuse_bind(
        &mut self,
        now: Instant,
        kind: BindKind,
        account: Option<&'static str>,
        sequence_number: u32,
        status: CommandStatus,
        close: bool,
    ) {
        SessionMetrics::bind_refused(account, kind, status);
        tracing::warn!(event = "session.bind", account, peer = %self.wire.peer, status = status.name(), "bind refused");
        self.wire.session.refuse_bind(now, sequence_number, status, close);
    }

    fn respond_to(&mut self, attempt: Attempt, status: CommandStatus, late: bool) {
        let outcome = outcome_of(status, self.services.offer_again.next(attempt.number, self.utc));
        if let (Outcome::Delivered, Content::Receipt { .. }, Some(bound)) = (&outcome, attempt.content, &self.bound) {
            bound.metrics.receipt_delivered();
        }
        let taken = matches!(outcome, Outcome::Delivered);
        if taken {
            self.activity.delivered();
        }
        self.attempted(attempt, Answer::of(status), taken);
        self.outcomes.push(attempt.lease.partition, Settlement { lease: attempt.lease, outcome, late });
    }

    fn attempted(&self, attempt: Attempt, answer: Answer, taken: bool) {
        if let Some(bound) = &self.bound {
            self.services.attempted(Outbox::Account(bound.account.name), &attempt, answer, taken, self.utc);
        }
    }

    fn settle(&mut self, attempt: Attempt, outcome: Outcome) {
        let late = self.puller().is_some_and(|puller| puller.is_of_the_past(attempt.lease));
        self.outcomes.push(attempt.lease.partition, Settlement { lease: attempt.lease, outcome, late });
    }

    /// Hands over what one turn has gathered: one message per partition.
    fn flush(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let store = &self.services.store;
        let mut full = Vec::new();
        for (partition, items) in self.submits.take() {
            self.activity.submitted(items.len());
            let accept = Accept { reply: ctx.address().recipient(), items };
            if let Err(refused) = store.accept(partition, accept).inspect(|()| self.asked.push_back(now)) {
                full.extend(refused.items.into_iter().map(|message| message.tag));
            }
        }
        let over = self.wire.session.state() == SessionState::Closed;
        for (partition, items) in self.outcomes.take() {
            let reply = (!over).then(|| ctx.address().recipient());
            store.settle(partition, Settle { holder: self.holder, items, reply });
        }
        for sequence_number in full {
            self.refuse_kept(sequence_number, Refusal::QueueFull);
        }
    }

    fn pull(&mut self, ctx: &mut Context<Self>) {
        // Another node may have become known.
        let rest = if self.leaving.is_some() { Rest::Returns } else { self.services.rest() };
        if let Some(recall) = self.puller().and_then(|puller| puller.set_rest(rest)) {
            self.pull_next(recall, ctx);
        }
        while let Some(next) = self.puller().and_then(|puller| puller.next_pull(u32::MAX)) {
            self.pull_next(next, ctx);
        }
    }

    fn puller(&mut self) -> Option<&mut Puller> {
        self.bound.as_mut()?.puller.as_mut()
    }

    fn pull_next(&self, NextPull { partition, room, rest }: NextPull, ctx: &mut Context<Self>) {
        let Some(bound) = &self.bound else { return };
        let (outbox, reply) = (Outbox::Account(bound.account.name), ctx.address().recipient());
        self.services.store.pull(partition, Pull { outbox, holder: self.holder, room, rest, reply });
    }

    /// Asks for nothing more, finishes what is under way, and says unbind.
    fn leave(&mut self, why: Leave, ctx: &mut Context<Self>) {
        self.leaving.get_or_insert(why);
        if let Some(recall) = self.puller().and_then(Puller::stop) {
            self.pull_next(recall, ctx);
        }
    }

    fn closed(&mut self, reason: CloseReason) {
        let retry_at = self.utc;
        for attempt in self.wire.session.take_outstanding() {
            self.attempted(attempt, Answer::LinkLost, false);
            self.settle(attempt, Outcome::LinkLost { retry_at });
        }
        // The place is free from now on: whoever has our unbind_resp may bind again at once.
        self.services.directory.unbound(self.holder);
        match &self.bound {
            Some(bound) => {
                bound.metrics.ended();
                bound.metrics.closed(reason, self.leaving);
                tracing::info!(event = "session.close", account = %bound.account.name, peer = %self.wire.peer, ?reason);
            }
            // A handshake or a probe without a word of SMPP is nothing to worry about (Q1).
            None => tracing::debug!(event = "session.close", peer = %self.wire.peer, ?reason),
        }
    }

    fn follow_traces(&mut self) {
        let account = || self.bound.as_ref().map(|bound| bound.account.config.system_id.to_string());
        self.wire.follow_traces(&self.services.traces, || Who::Esme(account()));
    }

    fn drain_if_idle(&mut self, now: Instant) {
        if self.leaving.is_none() {
            return;
        }
        let idle = self.wire.session.unanswered_requests() == 0
            && self.bound.as_ref().and_then(|bound| bound.puller.as_ref()).is_none_or(|puller| puller.in_use() == 0);
        if idle {
            self.wire.session.unbind(now);
        }
    }
}

impl Edge for EsmeSession {
    type Mark = Attempt;

    fn wire(&mut self) -> &mut Wire<Attempt> {
        &mut self.wire
    }

    fn handle_events(&mut self, now: Instant, ctx: &mut Context<Self>) -> Option<Instant> {
        self.utc = self.services.now();
        self.follow_traces();
        while let Some(event) = self.wire.session.poll_event() {
            self.handle_event(now, event, ctx);
        }
        self.flush(now, ctx);
        self.pull(ctx);
        self.drain_if_idle(now);
        if let Some(bound) = &self.bound {
            bound.metrics.count(&mut self.wire.session);
        }
        let in_use = self.bound.as_ref().and_then(|bound| bound.puller.as_ref()).map_or(0, Puller::in_use);
        self.activity.turn(self.utc, self.wire.session.unanswered_requests(), in_use);
        None
    }

    fn wire_ended(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Actor for EsmeSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let (peer, tls, activity) = (self.wire.peer, self.tls, self.activity.clone());
        let connection = Connection { peer, tls, since: self.utc, activity };
        self.services.directory.connected(self.holder, ctx.address(), connection);
        self.listener.opened();
        self.follow_traces();
        ctx.spawn(Pump::new());
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        // Outcomes of this session were sent before: the lane to the partition keeps their order.
        self.services.store.release(Release { holder: self.holder });
        self.services.directory.closed(self.holder);
        self.listener.closed();
        if let Some(bound) = &self.bound {
            bound.metrics.ended();
        }
    }
}

impl Handler<BindDecided> for EsmeSession {
    type Result = ();

    fn handle(&mut self, decided: BindDecided, ctx: &mut Context<Self>) {
        self.answer_bind(Instant::now(), decided.kind, decided.sequence_number, decided.verdict, ctx);
    }
}

impl Handler<Ring> for EsmeSession {
    type Result = ();

    fn handle(&mut self, ring: Ring, ctx: &mut Context<Self>) {
        let Some(puller) = self.puller() else { return };
        puller.ring(ring.partition);
        if puller.free() == 0 {
            // Another bind may have room. We pull as soon as we have, all the same.
            let next = puller.pass_on(ring.partition);
            self.pull_next(next, ctx);
        }
    }
}

impl Handler<Leased> for EsmeSession {
    type Result = ();

    fn handle(&mut self, leased: Leased, _: &mut Context<Self>) {
        let count = u32::try_from(leased.items.len()).unwrap_or(u32::MAX);
        if let Some(puller) = self.puller() {
            puller.leased(leased.partition, leased.room, count);
            if let Some(delivery) = leased.items.last() {
                puller.note(delivery.lease);
            }
        }
        let Some(account) = self.bound.as_ref().map(|bound| bound.account.clone()) else { return };
        let now = Instant::now();
        for delivery in leased.items {
            if let Err(error) = deliver(&mut self.wire.session, &account, now, &delivery) {
                let outcome = unsent(&self.wire.session, error);
                self.settle(Attempt::new(&delivery, now), outcome);
            }
        }
    }
}

impl Handler<Alert> for EsmeSession {
    type Result = ();

    fn handle(&mut self, alert: Alert, _: &mut Context<Self>) {
        let Alert { alert, mut others } = alert;
        let told = self.wire.session.tell(&Pdu::AlertNotification(alert.clone()));
        if told.is_err()
            && let Some(next) = others.pop()
        {
            next.do_send(Alert { alert, others });
        }
    }
}

impl Handler<Settled> for EsmeSession {
    type Result = ();

    fn handle(&mut self, settled: Settled, _: &mut Context<Self>) {
        if let Some(puller) = self.puller() {
            puller.settled(settled.partition, settled.count);
        }
    }
}

impl Handler<Gone> for EsmeSession {
    type Result = ();

    fn handle(&mut self, gone: Gone, _: &mut Context<Self>) {
        if let Some(puller) = self.puller() {
            puller.gone(gone.partition);
        }
    }
}

impl Handler<Drain> for EsmeSession {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.leave(Leave::Drain, ctx);
    }
}

impl Handler<Disconnect> for EsmeSession {
    type Result = ();

    fn handle(&mut self, Disconnect { within, why }: Disconnect, ctx: &mut Context<Self>) {
        self.leave(why, ctx);
        // A peer that never answers, or never stops to ask, is dropped.
        // By way of the mailbox, which is looked into before the pump.
        ctx.run_later(within, |_, ctx| ctx.notify(HangUp));
    }
}

impl Handler<HangUp> for EsmeSession {
    type Result = ();

    fn handle(&mut self, _: HangUp, _: &mut Context<Self>) {
        self.wire.session.handle_disconnect();
    }
}

impl Handler<AccountChanged> for EsmeSession {
    type Result = ();

    fn handle(&mut self, AccountChanged(account): AccountChanged, _: &mut Context<Self>) {
        if let Some(bound) = self.bound.as_mut().filter(|bound| bound.account.name == account.name) {
            self.wire.session.set_requests_max(account.config.window_max as usize);
            bound.account = account;
        }
    }
}

/// What an ESME's answer to a receipt or MO message means for it (S51).
fn outcome_of(status: CommandStatus, at: Timestamp) -> Outcome {
    match outcome::deliver(status) {
        Meaning::Accepted => Outcome::Delivered,
        Meaning::Retry | Meaning::Throttled | Meaning::Next => Outcome::Retry { at, status },
        Meaning::Refused { state, error } => Outcome::Refused { status, state, error },
    }
}
