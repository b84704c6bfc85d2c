//! Appends the fields of an event to a record.

use std::net::IpAddr;

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;

use super::{BodyOctets, DECIMAL_ID, Entry, NO_ID, OperatorIds, TEXT_ID, origin_name, outbox_name};
use crate::fingerprint::Fingerprint;
use crate::messages::{Origin, Outbox, Peer};
use crate::name::Name;
use crate::record::RecordWriter;

/// Appends fields to the open record.
pub(super) struct Out<'w> {
    record: &'w mut RecordWriter,
    began: usize,
}

impl<'w> Out<'w> {
    pub(super) fn new(record: &'w mut RecordWriter) -> Self {
        let began = record.begin_event();
        Self { record, began }
    }

    pub(super) fn length(&mut self) -> u32 {
        (self.record.events().len() - self.began) as u32
    }

    pub(super) fn octet(&mut self, octet: u8) {
        self.record.events().push(octet);
    }

    /// The number of an event that releases before that version do not know.
    pub(super) fn octet_of_version(&mut self, version: u8, octet: u8) {
        self.record.is_of_version(version);
        self.octet(octet);
    }

    pub(super) fn raw(&mut self, octets: &[u8]) {
        self.record.events().extend_from_slice(octets);
    }

    pub(super) fn number(&mut self, mut value: u64) {
        let out = self.record.events();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    pub(super) fn distance(&mut self, value: u64, base: u64) {
        let distance = value.wrapping_sub(base) as i64;
        self.number(((distance << 1) ^ (distance >> 63)) as u64);
    }

    pub(super) fn slot(&mut self, slot: u64) {
        self.distance(slot, self.record.base().slot);
    }

    pub(super) fn tick(&mut self, tick: u64) {
        self.distance(tick, self.record.base().tick);
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.distance(time.as_millis(), self.record.base().time);
    }

    pub(super) fn time_or_none(&mut self, time: Option<Timestamp>) {
        self.octet(u8::from(time.is_some()));
        if let Some(time) = time {
            self.time(time);
        }
    }

    pub(super) fn octets(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        self.raw(octets);
    }

    pub(super) fn name(&mut self, name: Name) {
        let place = self.record.name(name);
        self.number(u64::from(place));
    }

    pub(super) fn outbox(&mut self, outbox: Outbox) {
        let place = self.record.name(outbox_name(outbox));
        self.number(u64::from(place) << 1 | u64::from(matches!(outbox, Outbox::Account(_))));
    }

    pub(super) fn origin(&mut self, origin: Origin) {
        let place = self.record.name(origin_name(origin));
        self.number(u64::from(place) << 1 | u64::from(matches!(origin, Origin::Account(_))));
    }

    pub(super) fn id(&mut self, id: Option<&OperatorMessageId>) {
        match id {
            None => self.octet(NO_ID),
            Some(OperatorMessageId::Decimal(value)) => {
                self.octet(DECIMAL_ID);
                self.number(*value);
            }
            Some(OperatorMessageId::Text(octets)) => {
                self.octet(TEXT_ID);
                self.octets(octets);
            }
        }
    }

    pub(super) fn ids(&mut self, ids: &OperatorIds) {
        self.number(ids.len() as u64);
        for (operator, id) in ids {
            self.name(*operator);
            self.id(Some(id));
        }
    }

    pub(super) fn peer(&mut self, peer: Peer) {
        let bind = match peer.bind {
            BindKind::Transmitter => 0,
            BindKind::Receiver => 1,
            BindKind::Transceiver => 2,
        };
        match peer.address {
            IpAddr::V4(address) => {
                self.octet(bind);
                self.raw(&address.octets());
            }
            IpAddr::V6(address) => {
                self.octet(bind | 0x80);
                self.raw(&address.octets());
            }
        }
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        self.tick(entry.tick);
        self.time(entry.accepted);
        self.origin(entry.origin);
        self.outbox(entry.outbox);
        self.octet(entry.priority);
        self.octet(entry.receipts.0);
        self.time(entry.due);
        self.time(entry.expires);
        self.raw(&entry.destination.to_le_bytes());
        self.fingerprint(entry.fingerprint);
        self.octet(entry.marks.kept());
        self.peer(entry.peer);
    }

    pub(super) fn fingerprint(&mut self, fingerprint: Fingerprint) {
        self.raw(&fingerprint.source.to_le_bytes());
        self.raw(&fingerprint.service.to_le_bytes());
        self.octet(fingerprint.plan);
    }

    pub(super) fn body(&mut self, body: BodyOctets<'_>) {
        match body {
            BodyOctets::AsBefore => self.number(0),
            BodyOctets::Here(total, part) => {
                self.number(total as u64 + 1);
                self.octets(part);
            }
        }
    }
}
