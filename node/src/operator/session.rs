//! The actor of one connection to an operator: binds, pulls what waits for the operator and sends it, takes receipts and
//! MO messages.
//!
//! Owns the socket and its [`Session`] value. The store sends it `Accepted`, `Leased`, `Settled`, `ReceiptsRecorded` and
//! `Ring`; its [`OperatorLink`] sends [`Drain`]. Its mailbox is bounded by its credits: one answer per batch that it asked
//! for, one ring per partition. It lives as long as its socket, so that an answer of the store can never reach a later
//! connection. When it stops, what was written and not answered has been settled as lost: the store sends it again (at
//! most one window) and never forgets it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::session::{CloseReason, Event, Role, SendError, Session, SessionState, VERSION_3_4};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, Pdu, SmBody};
use smsc_proto::timestamp::Timestamp;
use smsc_router::throttle::Throttle;
use smsc_store::{
    Accept, Accepted, Gone, Holder, Leased, NewMessage, OperatorReceipt, Outbox, Outcome, Pull, ReceiptsRecorded,
    RecordReceipts, Register, Release, Rest, Ring, Settle, Settled, Settlement,
};

use super::deliver::{self, Delivered};
use super::held_parts::{HeldParts, Step};
use super::keeper::Cut;
use super::link::{OperatorLink, SessionEnded};
use super::link_status::{LinkState, LinkStatus};
use super::profile::Profile;
use super::submit;
use crate::attempt::{Answer, Attempt, unsent};
use crate::by_partition::ByPartition;
use crate::config::MoLongMessages;
use crate::puller::{NextPull, Puller};
use crate::services::Services;
use crate::shutdown::Drain;
use crate::telemetry::metrics::LinkMetrics;
use crate::traces::Who;
use crate::wire::{Edge, Pump, Socket, Wire, WireOptions};

/// One connection to an operator.
pub struct OperatorSession {
    services: Arc<Services>,
    profile: Arc<Profile>,
    kind: BindKind,
    link: Addr<OperatorLink>,
    status: Arc<LinkStatus>,
    holder: Holder,
    wire: Wire<Attempt>,
    puller: Puller,
    throttle: Throttle,
    // What the throttle was set to: this link's part of the operator's rate.
    rate: u32,
    metrics: LinkMetrics,
    bound_at: Option<Instant>,
    // UTC at the beginning of this turn.
    utc: Timestamp,
    // When the first submit_sm left that was answered in this turn: one sample a turn is enough for the histogram.
    answered: Option<Instant>,
    // Attempts that ended well in this turn.
    well: u64,
    draining: bool,
    receipts: Vec<OperatorReceipt>,
    messages: ByPartition<NewMessage>,
    // Deliveries that came as data_sm and are not answered yet; as many as the peer may leave unanswered.
    data_requests: HashSet<u32>,
    // Parts from handsets that wait for the rest of their message; `None`: all go on as they come.
    parts: Option<HeldParts>,
    // The other parts that are answered with a message that was put together, by the number that it is kept under.
    together: FxHashMap<u32, SmallVec<[u32; 4]>>,
    outcomes: ByPartition<Settlement>,
}

impl OperatorSession {
    /// Starts the actor on the current thread for a connection whose TLS handshake is done, and says bind.
    pub fn start_on(
        services: Arc<Services>,
        profile: Arc<Profile>,
        kind: BindKind,
        status: Arc<LinkStatus>,
        link: Addr<OperatorLink>,
        socket: Socket,
        peer: SocketAddr,
    ) -> Result<Addr<Self>, SendError> {
        let now = Instant::now();
        let config = &services.config;
        let mut options = services.live().config.session_options(Role::Esme);
        options.window_size_max = profile.config.window as usize;
        let (joins, parts_max) = (profile.config.mo_long_messages == MoLongMessages::Payload, options.requests_max / 2);
        let mut session = Session::new(options, now);
        session.bind(now, kind, &bind(&profile))?;
        let options = WireOptions {
            pdu_size_max: config.session.pdu_size_max.as_usize(),
            pdu_read: config.session.pdu_read,
            write_stall: config.session.response,
        };
        let session = Self {
            holder: services.new_holder(),
            wire: Wire::new(socket, peer, session, options),
            puller: Puller::new(profile.config.window, Rest::Returns),
            throttle: Throttle::new(profile.pace.per_link(), now),
            rate: profile.pace.per_link(),
            metrics: LinkMetrics::new(&profile.config.name),
            services,
            profile,
            kind,
            link,
            status,
            bound_at: None,
            utc: Timestamp::default(),
            answered: None,
            well: 0,
            draining: false,
            receipts: Vec::new(),
            messages: ByPartition::default(),
            data_requests: HashSet::new(),
            parts: joins.then(|| HeldParts::new(parts_max)),
            together: FxHashMap::default(),
            outcomes: ByPartition::default(),
        };
        Ok(session.start())
    }

    fn pulls(&self) -> bool {
        self.kind != BindKind::Receiver
    }

    fn handle_event(&mut self, event: Event<Attempt>, ctx: &mut Context<Self>) {
        match event {
            Event::Bound { interface_version } => self.bound(interface_version, ctx),
            Event::BindRefused(status) => {
                tracing::warn!(event = "link.bind", link = %self.profile.name, status = status.name(), "the operator refused our bind");
                self.status.failed(format!("our bind was refused: {}", status.name()));
            }
            Event::Request { sequence_number, pdu } => self.handle_request(sequence_number, &pdu),
            Event::Response { mark, status, pdu } => {
                self.answered.get_or_insert(mark.sent);
                self.free_place_behind(mark);
                self.respond_to(mark, status, pdu.as_ref(), false);
            }
            Event::LateResponse { mark, status, pdu } => self.respond_to(mark, status, pdu.as_ref(), true),
            Event::Unanswered { mark } => {
                self.metrics.attempts("timeout", 1);
                self.attempted(mark, Answer::None, false);
                let retry_at = self.profile.retry.next(mark.number, self.utc);
                self.free_place_behind(mark);
                self.settle(mark, Outcome::Unanswered { retry_at });
            }
            Event::UnbindRequested => {
                // Room that still stands in the store ends with this holder.
                self.puller.stop();
                self.wire.session.confirm_unbind();
            }
            Event::Closed(reason) => self.closed(reason),
            // The MC's side: nobody binds to us here.
            Event::BindRequested { .. } => {}
        }
    }

    fn bound(&mut self, interface_version: Option<u8>, ctx: &mut Context<Self>) {
        self.bound_at = Some(Instant::now());
        tracing::info!(event = "link.bind", link = %self.profile.name, bind = ?self.kind, peer = %self.wire.peer, interface_version, status = "ESME_ROK");
        self.metrics.bound(true);
        self.status.enter(LinkState::Bound);
        if !self.pulls() {
            return;
        }
        let (outbox, holder) = (Outbox::Operator(self.profile.name), self.holder);
        self.profile.pace.link_changed(true);
        self.services.link_changed(self.profile.name, self.profile.config.window, true);
        self.services.store.watch(holder, ctx.address().recipient());
        self.services.store.register(Register { outbox, holder, ring: ctx.address().recipient() });
    }

    fn handle_request(&mut self, sequence_number: u32, pdu: &Pdu) {
        match pdu {
            Pdu::DeliverSm(sm) => self.take_delivery(sequence_number, sm),
            Pdu::DataSm(body) => match body.to_sm_body() {
                Ok(_) if self.data_requests.contains(&sequence_number) => {
                    // Two answers would be mixed up: it shall come again under a number of its own.
                    let status = CommandStatus::ESME_RX_T_APPN;
                    self.wire.session.respond(sequence_number, CommandId::DATA_SM, status, b"");
                }
                Ok(sm) => {
                    self.data_requests.insert(sequence_number);
                    self.take_delivery(sequence_number, &sm);
                }
                Err(error) => {
                    self.wire.session.respond(sequence_number, CommandId::DATA_SM, error.status, b"");
                }
            },
            Pdu::AlertNotification(alert) => self.services.forward_alert(self.profile.name, alert),
            // It asks for a bind, which there is.
            Pdu::Outbind(_) => {}
            // Nothing that an ESME offers (S4).
            _ => self.wire.session.nack(sequence_number, CommandStatus::ESME_RINVCMDID),
        }
    }

    /// Answers one deliver_sm or data_sm.
    fn respond_to_one(&mut self, sequence_number: u32, status: CommandStatus) {
        let command = match self.data_requests.remove(&sequence_number) {
            true => CommandId::DATA_SM,
            false => CommandId::DELIVER_SM,
        };
        self.wire.session.respond(sequence_number, command, status, b"");
    }

    /// Answers a message, and all parts that it was put together of.
    fn respond(&mut self, sequence_number: u32, status: CommandStatus) {
        self.respond_to_one(sequence_number, status);
        for part in self.together.remove(&sequence_number).unwrap_or_default() {
            self.respond_to_one(part, status);
        }
    }

    fn take_delivery(&mut self, sequence_number: u32, sm: &SmBody) {
        let step = match &mut self.parts {
            Some(parts) if !DeliveryReceipt::is_receipt(&sm.fields()) => parts.add(Instant::now(), sequence_number, sm),
            Some(_) | None => Step::Alone,
        };
        match step {
            Step::Waits => {}
            Step::Alone => self.take_in(sequence_number, sm),
            Step::Whole { sm, mut sequence_numbers } => {
                let kept_under = sequence_numbers.pop().unwrap_or(sequence_number);
                self.together.insert(kept_under, sequence_numbers);
                self.take_in(kept_under, &sm);
            }
        }
    }

    /// Gathers a receipt or a message for the store, or says no.
    fn take_in(&mut self, sequence_number: u32, sm: &SmBody) {
        let peer = self.wire.peer.ip();
        match deliver::read(&self.services, &self.profile, peer, sequence_number, self.utc, sm) {
            Ok(Delivered::Receipt(receipt)) => self.receipts.push(receipt),
            Ok(Delivered::Message(message)) => {
                let partition = self.services.store.partition_for(message.destination);
                self.messages.push(partition, message);
            }
            Err(status) => {
                tracing::warn!(event = "link.deliver", link = %self.profile.name, status = status.name(), "a delivery is not taken");
                self.respond(sequence_number, status);
            }
        }
    }

    fn respond_to(&mut self, attempt: Attempt, status: CommandStatus, pdu: Option<&Pdu>, late: bool) {
        let (outcome, slow_down) = submit::outcome(&self.profile, attempt, status, pdu, self.utc);
        if slow_down {
            self.throttle.slow_down(Instant::now());
        }
        self.metrics.attempts(submit::result_label(&outcome), 1);
        let taken = matches!(outcome, Outcome::Sent { .. } | Outcome::Delivered);
        self.well += u64::from(taken);
        self.attempted(attempt, Answer::of(status), taken);
        let late = late || self.puller.is_of_the_past(attempt.lease);
        self.outcomes.push(attempt.lease.partition, Settlement { lease: attempt.lease, outcome, late });
    }

    fn attempted(&self, attempt: Attempt, answer: Answer, taken: bool) {
        if !taken {
            self.status.tally().failed(match answer {
                Answer::Status(name, _) => name,
                Answer::None => "no answer",
                Answer::LinkLost => "link lost",
            });
        }
        self.services.attempted(Outbox::Operator(self.profile.name), &attempt, answer, taken, self.utc);
    }

    fn settle(&mut self, attempt: Attempt, outcome: Outcome) {
        let late = self.puller.is_of_the_past(attempt.lease);
        self.outcomes.push(attempt.lease.partition, Settlement { lease: attempt.lease, outcome, late });
    }

    fn closed(&mut self, reason: CloseReason) {
        let lost = self.wire.session.take_outstanding();
        if self.draining {
            tracing::info!(event = "link.close", link = %self.profile.name, peer = %self.wire.peer, ?reason);
        } else {
            tracing::warn!(event = "link.close", link = %self.profile.name, peer = %self.wire.peer, ?reason, outstanding = lost.len(), "the link is lost");
            if self.bound_at.is_some() {
                self.status.failed(format!("the link was lost: {}", why_lost(reason)));
            }
        }
        self.metrics.closed(reason);
        let was_bound = self.bound_at.is_some();
        for attempt in lost {
            let retry_at = self.profile.retry.next(attempt.number, self.utc);
            self.attempted(attempt, Answer::LinkLost, false);
            self.settle(attempt, Outcome::LinkLost { retry_at });
        }
        if was_bound {
            self.metrics.bound(false);
            if self.pulls() {
                self.profile.pace.link_changed(false);
                self.services.link_changed(self.profile.name, self.profile.config.window, false);
            }
        }
    }

    /// `settle = "behind"`: the place in the window is free at the response, not at its durability.
    fn free_place_behind(&mut self, attempt: Attempt) {
        if self.profile.settles_behind() && !self.puller.is_of_the_past(attempt.lease) {
            self.puller.settled(attempt.lease.partition, 1);
        }
    }

    /// Hands over what one turn has gathered: one message per partition and kind.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        let store = &self.services.store;
        // Before the receipts: one that came right behind its response then finds its message.
        let over = self.wire.session.state() == SessionState::Closed;
        for (partition, items) in self.outcomes.take() {
            let reply = (!over).then(|| ctx.address().recipient());
            store.remember_ids(self.profile.name, partition, &items);
            store.settle(partition, Settle { holder: self.holder, items, reply });
        }
        let mut full = Vec::new();
        for (partition, items) in self.messages.take() {
            let accept = Accept { reply: ctx.address().recipient(), items };
            if let Err(refused) = store.accept(partition, accept) {
                full.extend(refused.items.into_iter().map(|message| message.tag));
            }
        }
        if !self.receipts.is_empty() {
            let items = std::mem::take(&mut self.receipts);
            store.receipts(RecordReceipts { reply: ctx.address().recipient(), items });
        }
        for sequence_number in full {
            self.respond(sequence_number, CommandStatus::ESME_RX_T_APPN);
        }
    }

    /// Whether what is due may come without being asked for: not at a pace, which is not the store's business.
    fn rest(&self) -> Rest {
        let takes_all = self.throttle.pace().is_none() && !self.profile.settles_behind() && !self.draining;
        if takes_all { self.services.rest() } else { Rest::Returns }
    }

    fn pull_next(&self, NextPull { partition, room, rest }: NextPull, ctx: &mut Context<Self>) {
        let (outbox, reply) = (Outbox::Operator(self.profile.name), ctx.address().recipient());
        self.services.store.pull(partition, Pull { outbox, holder: self.holder, room, rest, reply });
    }

    /// Pulls as much as window and pace allow; returns when the pace allows more.
    fn pull(&mut self, now: Instant, ctx: &mut Context<Self>) -> Option<Instant> {
        let rate = self.profile.pace.per_link();
        if rate != self.rate {
            self.rate = rate;
            self.throttle.set_rate(rate, now);
        }
        if let Some(recall) = self.puller.set_rest(self.rest()) {
            self.pull_next(recall, ctx);
        }
        loop {
            let wanted = self.puller.wanted();
            if wanted == 0 {
                return None;
            }
            let granted = match self.puller.rest() {
                // Counted when it comes.
                Rest::Stands => wanted,
                Rest::Returns => u32::try_from(self.throttle.take(wanted as usize, now)).unwrap_or(wanted),
            };
            self.profile.pace.asked(granted, wanted);
            let Some(next) = self.puller.next_pull(granted) else {
                return self.throttle.ready_at(now);
            };
            self.pull_next(next, ctx);
            if granted < wanted {
                // The partition may hold more than the pace allows now.
                self.puller.ring(next.partition);
                return self.throttle.ready_at(now);
            }
        }
    }

    fn follow_traces(&mut self) {
        let link = || Who::Operator(self.profile.config.name.clone());
        self.wire.follow_traces(&self.services.traces, link);
    }

    fn drain_if_idle(&mut self, now: Instant) {
        if self.draining && self.puller.in_use() == 0 && self.wire.session.unanswered_requests() == 0 {
            self.wire.session.unbind(now);
        }
    }
}

impl Edge for OperatorSession {
    type Mark = Attempt;

    fn wire(&mut self) -> &mut Wire<Attempt> {
        &mut self.wire
    }

    fn handle_events(&mut self, now: Instant, ctx: &mut Context<Self>) -> Option<Instant> {
        self.utc = self.services.now();
        self.follow_traces();
        while let Some(event) = self.wire.session.poll_event() {
            self.handle_event(event, ctx);
        }
        for part in self.parts.as_mut().map(|parts| parts.take_expired(now)).unwrap_or_default() {
            self.take_in(part.sequence_number, &part.sm);
        }
        self.flush(ctx);
        self.drain_if_idle(now);
        let deadline = self.pull(now, ctx);
        let parts = self.parts.as_ref().and_then(HeldParts::poll_timeout);
        let deadline = [deadline, parts].into_iter().flatten().min();
        if let Some(sent) = self.answered.take() {
            let took = now.saturating_duration_since(sent);
            self.metrics.answered(took);
            self.status.tally().took(took);
        }
        let window = self.profile.config.window;
        let room = u32::try_from(self.wire.session.window_room()).unwrap_or(u32::MAX);
        self.metrics.count(&mut self.wire.session, window.saturating_sub(room), window);
        self.status.window_used(window.saturating_sub(room));
        self.status.tally().well(std::mem::take(&mut self.well));
        deadline
    }

    fn wire_ended(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Actor for OperatorSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.follow_traces();
        ctx.spawn(Pump::new());
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        // Outcomes of this session were sent before: the lane to the partition keeps their order.
        self.services.store.release(Release { holder: self.holder });
        self.link.do_send(SessionEnded { bound_for: self.bound_at.map(|since| since.elapsed()) });
    }
}

impl Handler<Ring> for OperatorSession {
    type Result = ();

    fn handle(&mut self, ring: Ring, ctx: &mut Context<Self>) {
        self.puller.ring(ring.partition);
        if self.puller.free() == 0 || self.throttle.ready_at(Instant::now()).is_some() {
            // No room or no pace for it now: another link may have. We pull as soon as we can, all the same.
            self.pull_next(self.puller.pass_on(ring.partition), ctx);
        }
    }
}

impl Handler<Leased> for OperatorSession {
    type Result = ();

    fn handle(&mut self, leased: Leased, _: &mut Context<Self>) {
        let count = u32::try_from(leased.items.len()).unwrap_or(u32::MAX);
        self.puller.leased(leased.partition, leased.room, count);
        let now = Instant::now();
        match self.puller.rest() {
            Rest::Stands => _ = self.throttle.take(count as usize, now),
            Rest::Returns => self.throttle.give_back(leased.room.saturating_sub(count) as usize),
        }
        if let Some(delivery) = leased.items.last() {
            self.puller.note(delivery.lease);
        }
        for delivery in leased.items {
            let sent = submit::submit(&self.services, &self.profile, &mut self.wire.session, now, &delivery);
            if let Err(error) = sent {
                let outcome = unsent(&self.wire.session, error);
                let attempt = Attempt::new(&delivery, now);
                self.settle(attempt, outcome);
                self.free_place_behind(attempt);
            }
        }
    }
}

impl Handler<Settled> for OperatorSession {
    type Result = ();

    fn handle(&mut self, settled: Settled, _: &mut Context<Self>) {
        if !self.profile.settles_behind() {
            self.puller.settled(settled.partition, settled.count);
        }
    }
}

impl Handler<Gone> for OperatorSession {
    type Result = ();

    fn handle(&mut self, gone: Gone, _: &mut Context<Self>) {
        self.puller.gone(gone.partition);
    }
}

impl Handler<Accepted> for OperatorSession {
    type Result = ();

    fn handle(&mut self, accepted: Accepted, _: &mut Context<Self>) {
        if let Some(spans) = &self.services.spans {
            let ids = accepted.items.iter().filter_map(|(_, result)| result.ok());
            spans.accepted(Outbox::Operator(self.profile.name), Instant::now(), ids);
        }
        for (sequence_number, result) in accepted.items {
            let status = if result.is_ok() { CommandStatus::ESME_ROK } else { CommandStatus::ESME_RX_T_APPN };
            self.respond(sequence_number, status);
        }
    }
}

impl Handler<ReceiptsRecorded> for OperatorSession {
    type Result = ();

    fn handle(&mut self, recorded: ReceiptsRecorded, _: &mut Context<Self>) {
        for (sequence_number, kept) in recorded.items {
            let status = if kept { CommandStatus::ESME_ROK } else { CommandStatus::ESME_RX_T_APPN };
            self.respond(sequence_number, status);
        }
    }
}

impl Handler<Cut> for OperatorSession {
    type Result = ();

    fn handle(&mut self, _: Cut, _: &mut Context<Self>) {
        self.draining = true;
        // What stands in the store ends with this holder; what was written is settled as lost.
        self.puller.stop();
        self.wire.cut();
    }
}

impl Handler<Drain> for OperatorSession {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.draining = true;
        if let Some(recall) = self.puller.stop() {
            self.pull_next(recall, ctx);
        }
    }
}

/// To a session: the operator is configured otherwise, in a way that an open bind can follow.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct Reprofile(pub Arc<Profile>);

impl Handler<Reprofile> for OperatorSession {
    type Result = ();

    fn handle(&mut self, Reprofile(profile): Reprofile, _: &mut Context<Self>) {
        if self.bound_at.is_some() && self.pulls() && self.wire.session.state() != SessionState::Closed {
            self.profile.pace.link_changed(false);
            profile.pace.link_changed(true);
        }
        self.profile = profile;
    }
}

/// To a session: close the connection as it is.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct HangUp;

impl Handler<HangUp> for OperatorSession {
    type Result = ();

    fn handle(&mut self, _: HangUp, _: &mut Context<Self>) {
        self.wire.session.handle_disconnect();
    }
}

/// Why a link ended, for people.
const fn why_lost(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::UnbindByPeer => "the operator said unbind",
        CloseReason::UnbindByUs => "we said unbind",
        CloseReason::PeerClosed => "the operator closed the connection",
        CloseReason::SessionInit => "no bind in time",
        CloseReason::EnquireLink => "the operator did not answer enquire_link",
        CloseReason::Inactivity => "nothing came for too long",
        CloseReason::BindFailures | CloseReason::BindFailed => "our bind was refused, or not answered",
        CloseReason::Framing => "what came was no SMPP",
    }
}

fn bind(profile: &Profile) -> Bind {
    let octets = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let operator = &profile.config;
    Bind {
        system_id: octets(&operator.system_id),
        password: operator.password.as_ref().map(|password| octets(password.expose())).unwrap_or_default(),
        system_type: octets(&operator.system_type),
        interface_version: VERSION_3_4,
        addr_ton: 0,
        addr_npi: 0,
        address_range: octets(&operator.address_range),
    }
}
