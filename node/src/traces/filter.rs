//! Which PDUs of one connection are about a subject. Pure.

use std::collections::HashSet;

use smsc_proto::address::Address;
use smsc_proto::session::Direction;
use smsc_proto::smpp::codec::Header;
use smsc_proto::smpp::pdu::{Destination, OwnedAddress, Pdu, SmFields};
use smsc_router::number::normalise;

use super::subject::Subject;

/// Requests whose responses are still to come; beyond it the oldest belong to a peer that never answers.
const REQUESTS_MAX: usize = 10_000;

/// What of one connection belongs to a trace.
#[derive(Debug)]
pub struct Filter {
    subject: Subject,
    /// The connection is the account's: all of it belongs to the trace.
    whole: bool,
    /// Requests about the number that are not answered, by who sent them.
    asked_in: HashSet<u32>,
    asked_out: HashSet<u32>,
}

impl Filter {
    /// For a connection that is bound as that account already, or as nobody yet.
    pub fn new(subject: Subject, account: Option<&str>) -> Self {
        let whole = matches!(&subject, Subject::Account(of) if account == Some(of));
        Self { subject, whole, asked_in: HashSet::new(), asked_out: HashSet::new() }
    }

    /// Whether the PDU belongs to the trace. `pdu`: its body, if that makes sense.
    pub fn admits(&mut self, direction: Direction, header: &Header, pdu: Option<&Pdu>) -> bool {
        match &self.subject {
            Subject::Account(account) => {
                if let Some(Pdu::Bind(_, bind)) = pdu {
                    self.whole = bind.system_id[..] == *account.as_bytes();
                }
                self.whole
            }
            Subject::Number(number) => {
                let (own, others) = match direction {
                    Direction::In => (&mut self.asked_in, &mut self.asked_out),
                    Direction::Out => (&mut self.asked_out, &mut self.asked_in),
                };
                if header.command_id.is_response() {
                    return others.remove(&header.sequence_number);
                }
                let is_about = pdu.is_some_and(|pdu| is_about(pdu, number.as_bytes()));
                if is_about {
                    if own.len() >= REQUESTS_MAX {
                        own.clear();
                    }
                    own.insert(header.sequence_number);
                }
                is_about
            }
        }
    }
}

fn is_about(pdu: &Pdu, number: &[u8]) -> bool {
    let is = |address: &Address<'_>| normalise(address, None).is_some_and(|digits| digits[..] == *number);
    let of_owned = |address: &OwnedAddress| is(&address.as_address());
    let of_fields = |fields: &SmFields<'_>| is(&fields.source) || is(&fields.destination);
    match pdu {
        Pdu::SubmitSm(sm) | Pdu::DeliverSm(sm) => of_fields(&sm.fields()),
        Pdu::DataSm(body) => of_fields(&body.fields()),
        Pdu::SubmitMulti(multi) => {
            let to = |destination: &Destination| matches!(destination, Destination::Sme(to) if of_owned(to));
            is(&multi.sm.fields().source) || multi.destinations.iter().any(to)
        }
        Pdu::QuerySm(query) => of_owned(&query.source),
        Pdu::CancelSm(cancel) => of_owned(&cancel.source) || of_owned(&cancel.destination),
        Pdu::ReplaceSm(replace) => of_owned(&replace.source),
        Pdu::AlertNotification(alert) => of_owned(&alert.source),
        _ => false,
    }
}
