//! The life of a message, step by step: taken, stored, routed, tried, reported, forwarded.
//!
//! Told from what is known: the store keeps state, times and the operator's id; why attempts failed is remembered for a
//! while; the route is that of the table of now, which is said.

use serde_json::{Value, json};
use smsc_proto::address::Address;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::timestamp::Timestamp;
use smsc_router::number::normalise;
use smsc_store::{DeliveryDetail, DeliveryPlace, Name, Origin, Outbox};

use super::explain::rule;
use super::messages::{state_of, story};
use super::{Node, time};
use crate::console::failures::FailedAttempt;

/// How a step went.
#[derive(Clone, Copy)]
enum Went {
    /// Well.
    Done,
    /// Not.
    Failed,
    /// It is under way, or waits.
    Now,
}

impl Went {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Now => "now",
        }
    }
}

/// The steps, oldest first. `asked` is the number that was looked for.
pub(super) fn of(
    node: &Node,
    delivery: &DeliveryDetail,
    asked: Option<&str>,
    fields: Option<&SmFields<'_>>,
) -> Vec<Value> {
    let status = &delivery.status;
    let (Outbox::Operator(towards) | Outbox::Account(towards)) = delivery.outbox;
    let mut steps = Vec::new();
    let mut add = |step: &str, at: Option<Timestamp>, went: Went, text: String| {
        steps.push(json!({ "step": step, "at": at.map(time), "went": went.name(), "text": text }));
    };
    let from = match status.origin {
        Origin::Account(name) => format!("by account {name}"),
        Origin::Operator(name) => format!("from operator {name}"),
    };
    add("accepted", Some(status.accepted), Went::Done, from);
    let partition = status.message_id.partition().number();
    match delivery.place {
        DeliveryPlace::Storing => add("stored", None, Went::Now, "being written to the journal".to_owned()),
        _ => add("stored", None, Went::Done, format!("in partition {partition}, durable before it was acknowledged")),
    }
    add("routed", None, Went::Done, routed(node, delivery, asked, fields));
    let failed = node.services.failures.of(status.message_id);
    let (to_operator, to_account): (Vec<_>, Vec<_>) = failed.into_iter().partition(|one| goes_out(status.origin, one));
    for one in &to_operator {
        add(
            "attempt",
            Some(one.at),
            Went::Failed,
            format!("attempt {} to {}: {}", one.number, one.towards, one.answer),
        );
    }
    let handed = status.operator_message_id.is_some() || delivery.place == DeliveryPlace::Enroute;
    let known = to_operator.len() + usize::from(handed);
    if status.attempts as usize > known {
        let text = format!("{} attempts in all; what the others were told is not remembered here", status.attempts);
        add("attempt", None, Went::Done, text);
    }
    if let Some(id) = &status.operator_message_id {
        add("sent", None, Went::Done, format!("{towards} took it (ESME_ROK) and calls it {id}"));
    }
    if !status.state.is_final() {
        let step = if handed { "receipt" } else { "waiting" };
        add(step, None, Went::Now, story(node, delivery));
        return steps;
    }
    let (word, error) = (state_of(delivery), std::str::from_utf8(&status.error).unwrap_or("000"));
    let well = status.state == smsc_proto::message_state::MessageState::Delivered;
    let text = match error {
        "000" => word.to_owned(),
        error => format!("{word}, error {error}"),
    };
    // Receipts tell minutes: it may seem to have come before it went.
    let text = if status.operator_message_id.is_some() {
        format!("{text}, at the time of the operator's receipt")
    } else {
        text
    };
    let step = if matches!(status.origin, Origin::Account(_)) { "receipt" } else { "ended" };
    add(step, status.done, if well { Went::Done } else { Went::Failed }, text);
    for one in &to_account {
        let text = format!("attempt {} to {}: {}", one.number, one.towards, one.answer);
        add("forward", Some(one.at), Went::Failed, text);
    }
    if let Origin::Account(account) = status.origin {
        match delivery.place {
            DeliveryPlace::Done => {
                let text = format!("{account} has its receipt, or asked for none");
                add("forwarded", None, Went::Done, text);
            }
            _ => add("forwarded", None, Went::Now, story(node, delivery)),
        }
    }
    steps
}

/// Whether an attempt was one to hand over the message, not its receipt.
fn goes_out(origin: Origin, attempt: &FailedAttempt) -> bool {
    !matches!(origin, Origin::Account(account) if account == attempt.towards)
}

fn routed(node: &Node, delivery: &DeliveryDetail, asked: Option<&str>, fields: Option<&SmFields<'_>>) -> String {
    let operator = match delivery.outbox {
        Outbox::Operator(operator) => operator,
        Outbox::Account(account) => return format!("to account {account}"),
    };
    let Origin::Account(account) = delivery.status.origin else { return format!("to operator {operator}") };
    let source = fields.map(|fields| String::from_utf8_lossy(fields.source.digits).into_owned());
    let number = match (fields, asked) {
        (Some(fields), _) => normalise(&fields.destination, None),
        (None, Some(asked)) => normalise(&Address::new(0, 0, asked.as_bytes()), None),
        (None, None) => None,
    };
    let number = number.map(|digits| String::from_utf8_lossy(&digits).into_owned());
    match number {
        None => {
            format!(
                "to operator {operator}; its number is not kept when it is final: search by number to see the route"
            )
        }
        Some(number) => chosen(node, account, &source.unwrap_or_default(), &number, operator),
    }
}

fn chosen(node: &Node, account: Name, source: &str, number: &str, operator: Name) -> String {
    match rule(node, account, source, number, operator) {
        None => format!("to operator {operator}; by the routes of now none takes it"),
        Some((why, true)) => format!("to operator {operator}: {why}"),
        Some((why, false)) => {
            format!("to operator {operator}; by the routes of now it would go elsewhere: {why}")
        }
    }
}
