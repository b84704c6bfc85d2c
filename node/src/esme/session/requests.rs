//! What an ESME asks of us, but for binding: messages, and questions about them.

use actix::prelude::*;
use bytes::Bytes;
use smallvec::SmallVec;
use smsc_proto::ids::{MessageAlias, MessageId};
use smsc_proto::session::{VERSION_3_4, VERSION_5_0};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{
    CancelSm, DataSmBody, MessageIdBody, Pdu, QuerySm, ReplaceSm, SmBody, SubmitMulti, SubmitMultiResp,
};
use smsc_proto::smpp::tlv::{Tlv, TlvBytes, tag};
use smsc_store::{Accepted, Cancel, Cancelled, Find, Found, NewMessage, Outbox, Replace, Replaced};

use super::{Bound, EsmeSession};
use crate::esme::account::Account;
use crate::esme::multi::{self, Multi};
use crate::esme::pending::{Kind, Submission};
use crate::esme::question::{Asked, Cancellation, Query, Question, Replacement};
use crate::esme::refusal::Refusal;
use crate::esme::submit::{Operation, Submitter, admit};

impl EsmeSession {
    pub(super) fn handle_request(&mut self, sequence_number: u32, pdu: Pdu, ctx: &mut Context<Self>) {
        let (command, done) = match &pdu {
            Pdu::SubmitSm(sm) => (CommandId::SUBMIT_SM, self.submit(sequence_number, sm)),
            Pdu::DataSm(body) => (CommandId::DATA_SM, self.submit_data(sequence_number, body)),
            Pdu::SubmitMulti(multi) => (CommandId::SUBMIT_MULTI, self.submit_multi(sequence_number, multi)),
            Pdu::QuerySm(query) => return self.query(sequence_number, query, ctx),
            Pdu::CancelSm(cancel) => return self.cancel(sequence_number, cancel, ctx),
            Pdu::ReplaceSm(replace) => return self.replace(sequence_number, replace, ctx),
            // Known, allowed in this state, and not offered: the broadcast family (S4).
            _ => return self.wire.session.nack(sequence_number, CommandStatus::ESME_RINVCMDID),
        };
        if let Err(refusal) = done {
            self.refuse(sequence_number, command, refusal);
        }
    }

    fn submit(&mut self, sequence_number: u32, sm: &SmBody) -> Result<(), Refusal> {
        let message = self.admit(sequence_number, Operation::Submit, sm)?;
        // The response of a submit_sm has a dpf_result since 5.0 only.
        if self.wire.session.peer_version() >= VERSION_5_0 && sets_dpf(sm) {
            self.pending.submitted(sequence_number, Submission { kind: Kind::SubmitSm, reports_dpf: true })?;
        }
        self.keep(message);
        Ok(())
    }

    fn submit_data(&mut self, sequence_number: u32, body: &DataSmBody) -> Result<(), Refusal> {
        let sm = body.to_sm_body().map_err(|error| Refusal::Field(error.status))?;
        let message = self.admit(sequence_number, Operation::DataSm, &sm)?;
        let submission = Submission { kind: Kind::DataSm, reports_dpf: sets_dpf(&sm) };
        self.pending.submitted(sequence_number, submission)?;
        self.keep(message);
        Ok(())
    }

    fn submit_multi(&mut self, sequence_number: u32, multi: &SubmitMulti) -> Result<(), Refusal> {
        let (bound, submitter) = self.submitter()?;
        if !bound.account.take_permits(multi::destinations(multi)) {
            return Err(Refusal::Throttled);
        }
        let routes = self.services.router.snapshot();
        let admitted = multi::admit(&bound.account, submitter, &routes, self.utc, sequence_number, multi)?;
        let Multi { message, unsuccessful } = admitted;
        let submission = Submission { kind: Kind::SubmitMulti(unsuccessful), reports_dpf: false };
        self.pending.submitted(sequence_number, submission)?;
        self.keep(message);
        Ok(())
    }

    fn admit(&self, sequence_number: u32, operation: Operation, sm: &SmBody) -> Result<NewMessage, Refusal> {
        let (bound, submitter) = self.submitter()?;
        if !bound.account.admits(sm) {
            return Err(Refusal::Throttled);
        }
        let routes = self.services.router.snapshot();
        admit(&bound.account, submitter, &routes, self.utc, sequence_number, operation, sm)
    }

    fn submitter(&self) -> Result<(&Bound, Submitter), Refusal> {
        // The session core lets nobody submit who is not bound.
        let bound = self.bound.as_ref().filter(|_| self.leaving.is_none()).ok_or(Refusal::Draining)?;
        let submitter = Submitter {
            interface_version: self.wire.session.peer_version(),
            peer: self.wire.peer.ip(),
            bind: bound.kind,
        };
        Ok((bound, submitter))
    }

    fn keep(&mut self, message: NewMessage) {
        let partition = self.services.store.partition_for(message.destination);
        self.submits.push(partition, message);
    }

    /// Refuses a message.
    pub(super) fn refuse(&mut self, sequence_number: u32, command: CommandId, refusal: Refusal) {
        if let Some(bound) = &self.bound {
            bound.metrics.rejected(refusal.reason(), refusal.status());
        }
        self.wire.session.respond(sequence_number, command, refusal.status(), b"");
    }

    /// Refuses a message that the store did not keep.
    pub(super) fn refuse_kept(&mut self, sequence_number: u32, refusal: Refusal) {
        let command = self.pending.take_submission(sequence_number).command_id();
        self.refuse(sequence_number, command, refusal);
    }

    fn accept(&mut self, sequence_number: u32, message_id: MessageId, congestion: Option<u8>) {
        let submission = self.pending.take_submission(sequence_number);
        let mut digits = itoa::Buffer::new();
        let alias;
        let id = if self.wire.session.peer_version() < VERSION_3_4 {
            alias = MessageAlias::of(message_id).to_string();
            alias.as_bytes()
        } else {
            digits.format(message_id.as_u64()).as_bytes()
        };
        let session = &mut self.wire.session;
        let (command, ok) = (submission.command_id(), CommandStatus::ESME_ROK);
        let congestion = congestion.map(|percent| [percent]);
        let dpf_result = submission.reports_dpf.then_some([1]);
        let tlvs = [(tag::DPF_RESULT, &dpf_result), (tag::CONGESTION_STATE, &congestion)];
        let tlvs = tlvs.into_iter().filter_map(|(tag, value)| Some(Tlv { tag, value: value.as_ref()? }));
        let tlvs: SmallVec<[Tlv<'_>; 2]> = tlvs.collect();
        if tlvs.is_empty() && !matches!(submission.kind, Kind::SubmitMulti(_)) {
            return session.respond(sequence_number, command, ok, id);
        }
        let (message_id, tlvs) = (Some(Bytes::copy_from_slice(id)), TlvBytes::from_tlvs(&tlvs));
        let response = match submission.kind {
            Kind::SubmitSm => Pdu::SubmitSmResp(MessageIdBody { message_id, tlvs }),
            Kind::DataSm => Pdu::DataSmResp(MessageIdBody { message_id, tlvs }),
            Kind::SubmitMulti(unsuccessful) => Pdu::SubmitMultiResp(SubmitMultiResp { message_id, unsuccessful, tlvs }),
        };
        session.respond_with(sequence_number, ok, &response);
    }

    /// congestion_state, for sessions of 5.0 whose account opts in (S28, Q11).
    fn congestion(&self) -> Option<u8> {
        let bound = self.bound.as_ref()?;
        if !bound.account.config.tlv.extra_to_esme || self.wire.session.peer_version() < VERSION_5_0 {
            return None;
        }
        Some(self.services.congestion())
    }

    // --- questions ---

    fn query(&mut self, sequence_number: u32, query: &QuerySm, ctx: &mut Context<Self>) {
        let Some(query) = Query::of(query) else {
            return self.answer_question(sequence_number, CommandId::QUERY_SM, CommandStatus::ESME_RQUERYFAIL);
        };
        self.ask(sequence_number, Asked::Query(query), ctx);
    }

    fn cancel(&mut self, sequence_number: u32, cancel: &CancelSm, ctx: &mut Context<Self>) {
        match Cancellation::of(cancel) {
            Ok(cancellation) => self.ask(sequence_number, Asked::Cancel(cancellation), ctx),
            Err(status) => self.answer_question(sequence_number, CommandId::CANCEL_SM, status),
        }
    }

    fn replace(&mut self, sequence_number: u32, replace: &ReplaceSm, ctx: &mut Context<Self>) {
        let replacement = match self.account() {
            Some(account) => Replacement::of(replace, account, self.utc),
            None => Err(CommandStatus::ESME_RREPLACEFAIL),
        };
        match replacement {
            Ok(replacement) => self.ask(sequence_number, Asked::Replace(replacement), ctx),
            Err(status) => self.answer_question(sequence_number, CommandId::REPLACE_SM, status),
        }
    }

    fn account(&self) -> Option<&Account> {
        self.bound.as_ref().map(|bound| &*bound.account)
    }

    /// Asks the store, all partitions that it takes.
    fn ask(&mut self, sequence_number: u32, asked: Asked, ctx: &mut Context<Self>) {
        let command = asked.command_id();
        let Some(account) = self.account().map(|account| account.name) else {
            return self.answer_question(sequence_number, command, CommandStatus::ESME_RSYSERR);
        };
        if self.pending.is_asking(sequence_number) {
            return self.answer_question(sequence_number, command, Refusal::SequenceInUse.status());
        }
        let (store, tag) = (&self.services.store, sequence_number);
        let left = match &asked {
            Asked::Query(query) => store.find(Find { tag, message: query.message, reply: ctx.address().recipient() }),
            Asked::Cancel(Cancellation { what, like, .. }) => {
                store.cancel(Cancel { tag, account, like: *like, what: *what, reply: ctx.address().recipient() })
            }
            Asked::Replace(replacement) => {
                let Replacement { message, like, due, expires, receipts, text, .. } = replacement.clone();
                let reply = ctx.address().recipient();
                store.replace(Replace { tag, account, like, message, due, expires, receipts, text, reply })
            }
        };
        self.pending.ask(sequence_number, Question { left, asked });
        self.answer_if_answered(sequence_number, ctx);
    }

    /// Answers a question when the last partition has.
    fn answer_if_answered(&mut self, sequence_number: u32, ctx: &mut Context<Self>) {
        let Some(question) = self.pending.take_answered(sequence_number) else { return };
        let command = question.asked.command_id();
        let status = match question.asked {
            Asked::Query(query) => {
                let version = self.wire.session.peer_version();
                let answer = self.account().and_then(|account| query.answer(account.name, version));
                let Some(answer) = answer else {
                    return self.answer_question(sequence_number, command, query.failure());
                };
                let response = Pdu::QuerySmResp(Some(answer));
                return self.wire.session.respond_with(sequence_number, CommandStatus::ESME_ROK, &response);
            }
            Asked::Cancel(cancellation) if cancellation.more => {
                let next = Cancellation { more: false, ..cancellation };
                return self.ask(sequence_number, Asked::Cancel(next), ctx);
            }
            Asked::Cancel(cancellation) => cancellation.status(),
            Asked::Replace(replacement) => replacement.status(),
        };
        self.answer_question(sequence_number, command, status);
    }

    fn answer_question(&mut self, sequence_number: u32, command: CommandId, status: CommandStatus) {
        self.wire.session.respond(sequence_number, command, status, b"");
    }

    /// Takes in what one partition has answered.
    fn answered(&mut self, sequence_number: u32, take: impl FnOnce(&mut Asked), ctx: &mut Context<Self>) {
        let Some(question) = self.pending.question(sequence_number) else { return };
        question.left = question.left.saturating_sub(1);
        take(&mut question.asked);
        self.answer_if_answered(sequence_number, ctx);
    }
}

/// Whether the sender wishes to be told when the subscriber can be reached again (S54).
fn sets_dpf(sm: &SmBody) -> bool {
    sm.fields().tlvs.get_u8(tag::SET_DPF) == Ok(Some(1))
}

impl Handler<Accepted> for EsmeSession {
    type Result = ();

    fn handle(&mut self, accepted: Accepted, _: &mut Context<Self>) {
        let congestion = self.congestion();
        let asked = self.asked.pop_front();
        if let (Some(spans), Some(bound), Some(asked)) = (&self.services.spans, &self.bound, asked) {
            let ids = accepted.items.iter().filter_map(|(_, result)| result.ok());
            spans.accepted(Outbox::Account(bound.account.name), asked, ids);
        }
        let mut count = 0;
        for (sequence_number, result) in accepted.items {
            match result {
                Ok(message_id) => {
                    count += 1;
                    self.accept(sequence_number, message_id, congestion);
                }
                Err(refusal) => self.refuse_kept(sequence_number, refusal.into()),
            }
        }
        if let Some(bound) = &self.bound {
            bound.metrics.accepted(count);
            if let Some(asked) = asked {
                bound.metrics.answered(asked.elapsed());
            }
        }
    }
}

impl Handler<Found> for EsmeSession {
    type Result = ();

    fn handle(&mut self, found: Found, ctx: &mut Context<Self>) {
        let tag = found.tag;
        let take = |asked: &mut Asked| {
            if let Asked::Query(query) = asked {
                query.found(found);
            }
        };
        self.answered(tag, take, ctx);
    }
}

impl Handler<Cancelled> for EsmeSession {
    type Result = ();

    fn handle(&mut self, cancelled: Cancelled, ctx: &mut Context<Self>) {
        let take = |asked: &mut Asked| {
            if let Asked::Cancel(cancellation) = asked {
                cancellation.count += u64::from(cancelled.count);
                cancellation.more |= cancelled.more;
                cancellation.out_of_reach |= !cancelled.reached;
            }
        };
        self.answered(cancelled.tag, take, ctx);
    }
}

impl Handler<Replaced> for EsmeSession {
    type Result = ();

    fn handle(&mut self, replaced: Replaced, ctx: &mut Context<Self>) {
        let take = |asked: &mut Asked| {
            if let Asked::Replace(replacement) = asked {
                replacement.answered(replaced);
            }
        };
        self.answered(replaced.tag, take, ctx);
    }
}
