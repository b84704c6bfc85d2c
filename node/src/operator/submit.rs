//! A leased message becomes a submit_sm; its response becomes an outcome.

use std::time::Instant;

use smsc_proto::address::Address;
use smsc_proto::session::{SendError, Session};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::esm_class::{EsmClass, MessagingMode};
use smsc_proto::smpp::pdu::{OwnedAddress, Pdu, SmFields};
use smsc_proto::smpp::tlv::tag;
use smsc_proto::text::DefaultAlphabet;
use smsc_proto::timestamp::Timestamp;
use smsc_router::number::normalise;
use smsc_router::outcome::Meaning;
use smsc_store::{LeasedDelivery, Name, Origin, Outbox, Outcome};

use super::profile::Profile;
use super::shape::natural;
use crate::alerts::{Wish, subscriber};
use crate::attempt::Attempt;
use crate::live::Live;
use crate::services::Services;

/// The bits of registered_delivery that are not about the final state: SME acknowledgements and intermediate
/// notifications.
const FOR_OTHERS: u8 = 0b1_1100;

/// Sends one message to the operator. An error means that nothing was written.
///
/// Numbers go out normalised, in international form; we always ask for receipts where the operator has them, since the
/// final state is ours to know whether the ESME asked or not. Only a datagram has none (S35). What else the ESME asked
/// for passes: acknowledgements of the handset, intermediate notifications (S36). Times are ours to keep: the message
/// leaves when it is due, so it carries no schedule.
pub fn submit(
    services: &Services,
    profile: &Profile,
    session: &mut Session<Attempt>,
    now: Instant,
    delivery: &LeasedDelivery,
) -> Result<(), SendError> {
    let Ok(fields) = SmFields::decode(&delivery.body) else {
        // Bodies were checked before they were kept; replay checks their checksums.
        return Err(SendError::WrongState);
    };
    let normalised = normalise(&fields.destination, None);
    let destination = match &normalised {
        Some(digits) if digits[..] != *fields.destination.digits => {
            Address::new(Address::TON_INTERNATIONAL, Address::NPI_E164, digits)
        }
        Some(_) | None => fields.destination,
    };
    let live = services.live();
    let source = match delivery.origin {
        Origin::Account(name) if fields.source.is_empty() => default_source(&live, name),
        Origin::Account(_) | Origin::Operator(_) => fields.source,
    };
    let datagram = EsmClass(fields.esm_class).mode() == MessagingMode::Datagram;
    let receipt_asked = profile.receipts_expected() && !datagram;
    let registered_delivery = match datagram {
        true => 0,
        false => u8::from(receipt_asked) | fields.registered_delivery & FOR_OTHERS,
    };
    if let (Ok(Some(1)), Origin::Account(account)) = (fields.tlvs.get_u8(tag::SET_DPF), delivery.origin) {
        let wish = Wish { account, esme: OwnedAddress::copy_of(fields.source) };
        services.alerts.wish(profile.name, subscriber(&fields.destination), wish);
    }
    let message = SmFields {
        source,
        destination,
        schedule_delivery_time: b"",
        validity_period: b"",
        registered_delivery,
        replace_if_present: 0,
        ..fields
    };
    let from = alphabet_of(&live, profile, delivery.origin);
    let next = next_operator(services, profile, delivery.origin, &fields);
    let attempt = Attempt { receipt_asked, next, ..Attempt::new(delivery, now) };
    profile.shape.apply(&message, from, |message, tlvs| session.send_sm(now, message, tlvs, attempt).map(drop))
}

/// Who is to have the message if this operator says so. Looked up only where one of its answers means that: when it
/// answers, the message's addresses are not at hand any more.
fn next_operator(services: &Services, profile: &Profile, origin: Origin, fields: &SmFields<'_>) -> Option<Name> {
    if !profile.says_next {
        return None;
    }
    let Origin::Account(account) = origin else { return None };
    let destination = normalise(&fields.destination, None)?;
    services.router.snapshot().next_operator(account, fields.source.digits, &destination, profile.name)
}

/// What data_coding 0 means to whoever brought the message. Of an account that is not configured any more nothing is
/// known: its messages go as they are.
fn alphabet_of(live: &Live, profile: &Profile, origin: Origin) -> DefaultAlphabet {
    let account = match origin {
        Origin::Account(name) => live.account(name),
        Origin::Operator(_) => None,
    };
    account.map_or(profile.config.alphabet, |account| account.config.alphabet).into()
}

fn default_source(live: &Live, account: Name) -> Address<'_> {
    let source = live.account(account).map_or("", |account| account.config.source_default.as_str()).as_bytes();
    natural(source)
}

/// What a response means for the message, and whether it asks us to slow down.
pub fn outcome(
    profile: &Profile,
    attempt: Attempt,
    status: CommandStatus,
    pdu: Option<&Pdu>,
    now: Timestamp,
) -> (Outcome, bool) {
    let at = profile.retry.next(attempt.number, now);
    match profile.outcomes.submit(status) {
        Meaning::Accepted => {
            let id = match pdu {
                Some(Pdu::SubmitSmResp(body)) => body.message_id.as_deref().unwrap_or_default(),
                Some(_) | None => b"",
            };
            let operator_message_id = profile.ids.response(id);
            (Outcome::Sent { operator_message_id, receipt_expected: attempt.receipt_asked }, false)
        }
        Meaning::Next => match attempt.next {
            Some(next) => (Outcome::Elsewhere { outbox: Outbox::Operator(next), status }, false),
            None => (Outcome::Retry { at, status }, false),
        },
        Meaning::Retry => (Outcome::Retry { at, status }, false),
        Meaning::Throttled => (Outcome::Retry { at, status }, true),
        Meaning::Refused { state, error } => (Outcome::Refused { status, state, error }, false),
    }
}

/// The label `result` of the metric `smsc_delivery_attempts_total`.
pub const fn result_label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { .. } | Outcome::Delivered => "ok",
        Outcome::Retry { .. } | Outcome::Elsewhere { .. } | Outcome::LinkLost { .. } | Outcome::NotSent => "temporary",
        Outcome::Unanswered { .. } => "timeout",
        Outcome::Refused { .. } => "permanent",
    }
}
