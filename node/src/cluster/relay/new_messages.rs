//! New messages that a node without a partition gives to an owner, and what becomes of them, on the wire.

use std::net::IpAddr;

use bytes::Bytes;
use smsc_proto::ids::PartitionId;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;
use smsc_store::{AcceptRefusal, Fingerprint, NewDelivery, NewMessage, Peer, ReceiptRequest};

use super::error::RelayError;
use super::part::Kept;
use super::translate::{self, Reader, Said};
use super::wire::{self, kept::Reason, part::Part};

/// Destinations of one message, at most: more than submit_multi takes.
const DELIVERIES_MAX: usize = 1_024;

/// What is said to the owner.
pub(super) fn to_part(partition: PartitionId, items: Vec<NewMessage>) -> Part {
    let messages = items.into_iter().map(message_out).collect();
    Part::NewMessages(wire::NewMessages { partition: partition.number().into(), messages })
}

fn message_out(message: NewMessage) -> wire::NewMessage {
    let deliveries = message.deliveries.into_iter().map(|delivery| wire::NewDelivery {
        outbox: Some(translate::party_of(delivery.outbox)),
        body: delivery.body,
        destination: delivery.destination,
    });
    wire::NewMessage {
        tag: message.tag,
        origin: Some(translate::origin_out(message.origin)),
        body: message.body,
        priority: message.priority.into(),
        due: message.due.as_millis(),
        expires: message.expires.as_millis(),
        receipts: message.receipts.0.into(),
        destination: message.destination,
        fingerprint: message.fingerprint.to_bits(),
        aliased: message.aliased,
        replaces: message.replaces,
        deliveries: deliveries.collect(),
        peer: match message.peer.address {
            IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
            IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
        },
        bind: message.peer.bind.command_id().0,
    }
}

/// What the asker is told.
pub(super) fn kept_out(items: Kept) -> Part {
    let results = items.into_iter().map(|(tag, result)| {
        let (message_id, reason) = match result {
            Ok(message_id) => (message_id.as_u64(), Reason::StoreFull),
            Err(AcceptRefusal::StoreFull) => (0, Reason::StoreFull),
            Err(AcceptRefusal::OutboxFull) => (0, Reason::OutboxFull),
            Err(AcceptRefusal::DiskLow) => (0, Reason::DiskLow),
            Err(AcceptRefusal::JournalStalled) => (0, Reason::JournalStalled),
            Err(AcceptRefusal::PartitionLost) => (0, Reason::PartitionLost),
            Err(AcceptRefusal::OwnerOutOfReach) => (0, Reason::OwnerOutOfReach),
        };
        wire::kept::Result { tag, message_id, reason: reason.into() }
    });
    Part::Kept(wire::Kept { results: results.collect() })
}

/// Reads what an asker gives.
pub(super) fn read(reader: &mut Reader, messages: wire::NewMessages) -> Result<Said, RelayError> {
    let partition = translate::partition(messages.partition)?;
    let items = messages.messages.into_iter().map(|message| message_in(reader, message)).collect::<Result<_, _>>()?;
    Ok(Said::NewMessages { partition, items })
}

fn message_in(reader: &mut Reader, message: wire::NewMessage) -> Result<NewMessage, RelayError> {
    let octet = |value: u32, what| u8::try_from(value).map_err(|_| RelayError::Malformed(what));
    let deliveries = message.deliveries;
    if deliveries.is_empty() || deliveries.len() > DELIVERIES_MAX {
        return Err(RelayError::Malformed("a new message for nobody, or for too many"));
    }
    let deliveries = deliveries.into_iter().map(|delivery| {
        let wire::NewDelivery { outbox, body, destination } = delivery;
        Ok(NewDelivery { outbox: reader.outbox(outbox)?, body, destination })
    });
    let deliveries = deliveries.collect::<Result<_, RelayError>>()?;
    Ok(NewMessage {
        tag: message.tag,
        origin: reader.origin(message.origin)?,
        body: message.body,
        priority: octet(message.priority, "a priority")?.min(3),
        due: Timestamp::from_millis(message.due),
        expires: Timestamp::from_millis(message.expires),
        receipts: ReceiptRequest(octet(message.receipts, "a request for receipts")?),
        destination: message.destination,
        fingerprint: Fingerprint::from_bits(message.fingerprint),
        aliased: message.aliased,
        replaces: message.replaces,
        deliveries,
        peer: Peer { address: address_in(&message.peer)?, bind: bind_in(message.bind)? },
    })
}

fn address_in(octets: &[u8]) -> Result<IpAddr, RelayError> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Ok(octets.into());
    }
    <[u8; 16]>::try_from(octets).map(IpAddr::from).map_err(|_| RelayError::Malformed("an address"))
}

fn bind_in(command_id: u32) -> Result<BindKind, RelayError> {
    BindKind::from_command_id(CommandId(command_id)).ok_or(RelayError::Malformed("a kind of bind"))
}

/// Reads what an owner answers.
pub(super) fn kept_in(kept: wire::Kept) -> Result<Kept, RelayError> {
    let results = kept.results.into_iter().map(|result| {
        let kept = match (result.message_id, result.reason()) {
            (0, Reason::StoreFull) => Err(AcceptRefusal::StoreFull),
            (0, Reason::OutboxFull) => Err(AcceptRefusal::OutboxFull),
            (0, Reason::DiskLow) => Err(AcceptRefusal::DiskLow),
            (0, Reason::JournalStalled) => Err(AcceptRefusal::JournalStalled),
            (0, Reason::PartitionLost) => Err(AcceptRefusal::PartitionLost),
            (0, Reason::OwnerOutOfReach) => Err(AcceptRefusal::OwnerOutOfReach),
            (id, _) => Ok(translate::message_id(id)?),
        };
        Ok((result.tag, kept))
    });
    results.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use smsc_proto::ids::MessageId;
    use smsc_store::{Name, Origin, Outbox};

    use super::*;

    fn message() -> NewMessage {
        let outbox = Outbox::Operator(Name::intern("op-a"));
        NewMessage {
            tag: 7,
            origin: Origin::Account(Name::intern("demo")),
            body: Bytes::from_static(b"body"),
            priority: 2,
            due: Timestamp::from_millis(1),
            expires: Timestamp::from_millis(2),
            receipts: ReceiptRequest(0x81),
            destination: u64::MAX,
            fingerprint: Fingerprint::from_bits(3),
            aliased: true,
            replaces: true,
            deliveries: [
                NewDelivery { outbox, body: None, destination: None },
                NewDelivery { outbox, body: Some(Bytes::from_static(b"own")), destination: Some(4) },
            ]
            .into_iter()
            .collect(),
            peer: Peer { address: "2001:db8::1".parse().unwrap(), bind: BindKind::Transceiver },
        }
    }

    fn heard(part: Part) -> Result<Said, RelayError> {
        Reader::default().read(wire::Part { part: Some(part) })
    }

    #[test]
    fn a_new_message_comes_as_it_was_given() {
        let partition = PartitionId::new(960).unwrap();
        let Ok(Said::NewMessages { partition: to, items }) = heard(to_part(partition, vec![message()])) else {
            panic!()
        };
        assert_eq!((to, format!("{items:?}")), (partition, format!("{:?}", [message()])));
    }

    #[test]
    fn every_answer_comes_as_it_was_given() {
        let message_id = MessageId::from_tick(1, PartitionId::new(960).unwrap());
        let refusals = [
            AcceptRefusal::StoreFull,
            AcceptRefusal::OutboxFull,
            AcceptRefusal::DiskLow,
            AcceptRefusal::JournalStalled,
            AcceptRefusal::PartitionLost,
            AcceptRefusal::OwnerOutOfReach,
        ];
        let all: Vec<_> = std::iter::once((1, Ok(message_id))).chain(refusals.map(|why| (2, Err(why)))).collect();
        let Part::Kept(kept) = kept_out(all.clone()) else { panic!() };
        assert_eq!(kept_in(kept), Ok(all));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = || message_out(message());
        let broken = [
            wire::NewMessage { deliveries: Vec::new(), ..whole() },
            wire::NewMessage { peer: Bytes::from_static(b"123"), ..whole() },
            wire::NewMessage { bind: 4, ..whole() },
            wire::NewMessage { origin: None, ..whole() },
            wire::NewMessage { priority: 256, ..whole() },
        ];
        for message in broken {
            let part = Part::NewMessages(wire::NewMessages { partition: 960, messages: vec![message.clone()] });
            assert!(heard(part).is_err(), "{message:?}");
        }
    }
}
