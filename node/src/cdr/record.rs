//! The fields of a record. One list for all formats; what is not known is left out, or empty in CSV.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use smsc_proto::ids::{MessageAlias, OperatorMessageId, PartitionId};
use smsc_proto::smpp::pdu::{BindKind, SmFields};
use smsc_proto::text::concatenation::part_of;
use smsc_proto::timestamp::Timestamp;
use smsc_store::{Cdr, CdrKey, CdrKind, Origin, Outbox};
use ulid::Ulid;

/// The version of the list: it rises when a field is renamed, removed or means something else; not when one is added.
pub const SCHEMA: u64 = 1;

/// The names of all fields, in their order: the header of a CSV file.
pub const NAMES: [&str; 36] = [
    "schema",
    "seq",
    "record_id",
    "type",
    "node",
    "msg_id",
    "msg_alias",
    "direction",
    "account",
    "bind_type",
    "client_ip",
    "link",
    "link_msg_id",
    "src",
    "src_ton",
    "src_npi",
    "dst",
    "dst_ton",
    "dst_npi",
    "ts_submit",
    "ts_final",
    "ts_done",
    "ts_given_up",
    "state",
    "error",
    "attempts",
    "priority",
    "service_type",
    "esm_class",
    "dcs",
    "registered_delivery",
    "validity",
    "length",
    "concat_ref",
    "concat_total",
    "concat_part",
];

/// The value of a field.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Not known, or none.
    Absent,
    /// Without control characters, so that no line ends in the middle.
    Text(Cow<'a, str>),
    /// A number.
    Number(u64),
    /// A number that programs may not calculate with: it does not fit into a double.
    Digits(u64),
    /// Eight hexadecimal digits.
    Alias(MessageAlias),
    /// RFC 3339, UTC, milliseconds.
    Time(Timestamp),
    /// Of a peer.
    Address(IpAddr),
    /// An operator's.
    OperatorId(&'a OperatorMessageId),
    /// A record's.
    Ulid(Ulid),
}

impl<'a> Value<'a> {
    fn octets(octets: &'a [u8]) -> Self {
        if octets.is_empty() { Self::Absent } else { Self::text(String::from_utf8_lossy(octets)) }
    }

    fn text(text: Cow<'a, str>) -> Self {
        let clean = !text.contains(char::is_control);
        Self::Text(if clean { text } else { text.replace(char::is_control, "\u{fffd}").into() })
    }

    fn or_absent(value: Option<Self>) -> Self {
        value.unwrap_or(Self::Absent)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) | Self::Digits(number) => number.fmt(f),
            Self::Alias(alias) => alias.fmt(f),
            Self::Time(time) => {
                let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
                match jiff::Timestamp::from_millisecond(millis) {
                    Ok(time) => write!(f, "{time:.3}"),
                    // Beyond the year 9999: a validity that never ends.
                    Err(_) => Ok(()),
                }
            }
            Self::Address(address) => address.fmt(f),
            Self::OperatorId(id) => id.fmt(f),
            Self::Ulid(ulid) => ulid.fmt(f),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            other => serializer.collect_str(other),
        }
    }
}

/// The name of a record, for ever: the same when it is written again, so that billing can tell. Sorts by the time of the
/// submission. Behind that: partition (16 bits), slot (56), kind (8).
pub fn record_id(partition: PartitionId, key: CdrKey, accepted: Timestamp) -> Ulid {
    let of_partition = u128::from(partition.number()) << 64 | u128::from(key.slot) << 8;
    Ulid::from_parts(accepted.as_millis(), of_partition | key.kind as u128)
}

/// The values of all fields, in the order of [`NAMES`]. `node`: the name of the node that writes it.
pub fn values<'a>(cdr: &'a Cdr, node: &'a str, seq: u64) -> [Value<'a>; NAMES.len()] {
    let message = SmFields::decode(&cdr.body).ok();
    let message = message.as_ref();
    let text = |of: fn(&SmFields<'a>) -> &'a [u8]| Value::or_absent(message.map(|sm| Value::octets(of(sm))));
    let octet = |of: fn(&SmFields<'a>) -> u8| Value::or_absent(message.map(|sm| Value::Number(of(sm).into())));
    let part = message.and_then(part_of).map(|(part, _)| part);
    let of_part = |number: Option<u64>| Value::or_absent(number.map(Value::Number));
    let at = |kind| if cdr.key.kind == kind { Value::Time(cdr.at) } else { Value::Absent };
    let ends = ends(cdr);
    let peer = cdr.peer.filter(|peer| ends.is_mt && !peer.address.is_unspecified());
    [
        Value::Number(SCHEMA),
        Value::Number(seq),
        Value::Ulid(record_id(cdr.message_id.partition(), cdr.key, cdr.accepted)),
        Value::Text(kind_name(cdr.key.kind).into()),
        Value::text(node.into()),
        Value::Digits(cdr.message_id.as_u64()),
        if cdr.aliased { Value::Alias(MessageAlias::of(cdr.message_id)) } else { Value::Absent },
        Value::Text(if ends.is_mt { "mt" } else { "mo" }.into()),
        Value::or_absent(ends.account.map(|name| Value::text(name.into()))),
        Value::or_absent(peer.map(|peer| Value::Text(bind_name(peer.bind).into()))),
        Value::or_absent(peer.map(|peer| Value::Address(peer.address))),
        Value::or_absent(ends.link.map(|name| Value::text(name.into()))),
        Value::or_absent(cdr.operator_message_id.as_ref().map(|id| match id {
            OperatorMessageId::Decimal(_) => Value::OperatorId(id),
            OperatorMessageId::Text(octets) => Value::octets(octets),
        })),
        text(|sm| sm.source.digits),
        octet(|sm| sm.source.ton),
        octet(|sm| sm.source.npi),
        text(|sm| sm.destination.digits),
        octet(|sm| sm.destination.ton),
        octet(|sm| sm.destination.npi),
        Value::Time(cdr.accepted),
        at(CdrKind::Final),
        Value::Time(cdr.done),
        at(CdrKind::Receipt),
        Value::Text(cdr.state.receipt_word().into()),
        Value::octets(&cdr.error),
        Value::Number(cdr.attempts.into()),
        Value::Number(cdr.priority.into()),
        text(|sm| sm.service_type),
        octet(|sm| sm.esm_class),
        octet(|sm| sm.data_coding),
        octet(|sm| sm.registered_delivery),
        text(|sm| sm.validity_period),
        Value::or_absent(message.map(|sm| Value::Number(sm.user_data().len() as u64))),
        of_part(part.map(|part| part.reference.into())),
        of_part(part.map(|part| part.total.into())),
        of_part(part.map(|part| part.number.into())),
    ]
}

/// From where to where.
struct Ends {
    is_mt: bool,
    account: Option<&'static str>,
    link: Option<&'static str>,
}

fn ends(cdr: &Cdr) -> Ends {
    let (is_mt, from_account, from_link) = match cdr.origin {
        Origin::Account(name) => (true, Some(name.as_str()), None),
        Origin::Operator(name) => (false, None, Some(name.as_str())),
    };
    let (to_account, to_link) = match cdr.outbox {
        Outbox::Account(name) => (Some(name.as_str()), None),
        Outbox::Operator(name) => (None, Some(name.as_str())),
    };
    Ends { is_mt, account: from_account.or(to_account), link: to_link.or(from_link) }
}

/// What `type` says, and the label of the metric.
pub const fn kind_name(kind: CdrKind) -> &'static str {
    match kind {
        CdrKind::Final => "final",
        CdrKind::Receipt => "receipt_given_up",
    }
}

const fn bind_name(bind: BindKind) -> &'static str {
    match bind {
        BindKind::Transmitter => "tx",
        BindKind::Receiver => "rx",
        BindKind::Transceiver => "trx",
    }
}
