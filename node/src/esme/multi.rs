//! A submit_multi becomes one message with several deliveries (S45). Pure.

use smsc_proto::session::VERSION_5_0;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Destination, OwnedAddress, SmBody, SubmitMulti, UnsuccessfulDestination};
use smsc_proto::timestamp::Timestamp;
use smsc_router::Snapshot;
use smsc_router::number::Number;
use smsc_store::handle::address_hash;
use smsc_store::{NewDelivery, NewMessage, Outbox};

use super::account::Account;
use super::refusal::Refusal;
use super::submit::{self, Operation, Submitter};
use super::tlv_policy;

/// Octets that the bodies of one submit_multi may take together: each destination has its own. That is a text of four
/// thousand octets to 255 of them.
const OCTETS_MAX: usize = 1 << 20;

/// A submit_multi that is taken, for some of its destinations at least.
#[derive(Debug)]
pub struct Multi {
    /// The message.
    pub message: NewMessage,
    /// The destinations that are not taken, and why.
    pub unsuccessful: Vec<UnsuccessfulDestination>,
}

/// How many destinations it counts for: those that stand there twice count once.
pub fn destinations(multi: &SubmitMulti) -> usize {
    let mut numbers: Vec<Number> = multi.destinations.iter().filter_map(number_of).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

/// Checks a submit_multi as [`submit::admit`] checks a submit_sm, each destination by itself.
pub fn admit(
    account: &Account,
    submitter: Submitter,
    routes: &Snapshot,
    now: Timestamp,
    sequence_number: u32,
    multi: &SubmitMulti,
) -> Result<Multi, Refusal> {
    check_destinations(multi, submitter.interface_version)?;
    let fields = multi.sm.fields();
    // Each of the destinations would have another message in its place, of several possible.
    if fields.replace_if_present == 1 {
        return Err(Refusal::MultiReplace);
    }
    let terms = submit::terms(account, submitter, Operation::Submit, &fields, now)?;
    let body = multi.sm.octets().clone();
    let mut message = submit::message(account, submitter, terms, sequence_number, &fields, body);
    let mut unsuccessful = Vec::new();
    let mut taken: Vec<Number> = Vec::new();
    let mut octets = 0;
    for address in multi.destinations.iter().filter_map(address_of) {
        let fields = multi.fields_for(address.as_address());
        match submit::place(account, routes, &fields) {
            // Its receipt could not be told from the other's: it counts once.
            Ok(place) if taken.contains(&place.number) => {}
            Ok(place) => {
                let body = SmBody::from_fields(&fields, &[]).map_err(|error| Refusal::Field(error.status))?;
                let body = tlv_policy::admit(&account.config.tlv, &body, &body.fields())?;
                octets += body.len();
                message.deliveries.push(NewDelivery {
                    outbox: Outbox::Operator(place.operator),
                    body: Some(body),
                    destination: Some(address_hash(&place.number)),
                });
                taken.push(place.number);
            }
            Err(refusal) => unsuccessful.push(failed(address, refusal.status())),
        }
    }
    let Some(first) = taken.first() else { return Err(Refusal::NoDestination) };
    if octets > OCTETS_MAX {
        return Err(Refusal::TooLong);
    }
    message.destination = address_hash(first);
    Ok(Multi { message, unsuccessful })
}

fn check_destinations(multi: &SubmitMulti, interface_version: u8) -> Result<(), Refusal> {
    let most = if interface_version >= VERSION_5_0 { 255 } else { 254 };
    if multi.destinations.len() > most {
        return Err(Refusal::TooManyDestinations);
    }
    // A list cannot be named among the destinations that failed.
    if multi.destinations.iter().any(|destination| matches!(destination, Destination::List(_))) {
        return Err(Refusal::NoLists);
    }
    Ok(())
}

fn address_of(destination: &Destination) -> Option<&OwnedAddress> {
    match destination {
        Destination::Sme(address) => Some(address),
        Destination::List(_) => None,
    }
}

fn number_of(destination: &Destination) -> Option<Number> {
    address_of(destination).and_then(|address| submit::destination(&address.as_address()))
}

fn failed(address: &OwnedAddress, status: CommandStatus) -> UnsuccessfulDestination {
    UnsuccessfulDestination { address: address.clone(), status }
}
