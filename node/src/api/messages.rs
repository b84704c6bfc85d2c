//! Where is this message? By our id, an operator's id, or its number and time. And: take it back.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use smsc_proto::address::Address;
use smsc_proto::ids::{MessageRef, OperatorMessageId, PartitionId};
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::timestamp::Timestamp;
use smsc_router::number::normalise;
use smsc_store::handle::address_hash;
use smsc_store::{Cancelling, DeliveryDetail, DeliveryPlace, Name, Origin, Outbox, Searching};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::{Params, moment};
use super::inquiries::{CancelMessages, HurryMessage, Look, Looked, Unanswered};
use super::page::PageEnd;
use super::{Node, Shared, audit, life, time};
use crate::cluster::{ClusterHandle, Peer};
use crate::config::Role;
use crate::operator::link_status::LinkState;
use crate::telemetry::logging::MaskedNumber;

/// Messages that are returned if the question does not say, and at most.
pub(super) const LIMIT: usize = 50;
const LIMIT_MAX: usize = 500;
/// How far back a number is looked for if the question does not say.
const SINCE: Duration = Duration::from_secs(86_400);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    id: Option<String>,
    operator_id: Option<String>,
    operator: Option<String>,
    number: Option<String>,
    from: Option<String>,
    until: Option<String>,
    /// Go on where the page before ended: its `next`.
    after: Option<String>,
    limit: Option<usize>,
}

/// GET messages
pub(super) async fn find(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Params(question): Params<Question>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let limit = question.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::field("limit", format!("expected 1 to {LIMIT_MAX}")));
    }
    let names = [&question.id, &question.operator_id, &question.number];
    if names.iter().filter(|name| name.is_some()).count() != 1 {
        let reason = "expected one of id, operator_id and number; a sender or a text cannot be searched: see the CDR";
        return Err(ApiError::field("number", reason));
    }
    let ranged = question.from.is_some() || question.until.is_some();
    if ranged && question.number.is_none() {
        return Err(ApiError::field("from", "from and until go with number: an id names one message"));
    }
    if question.after.is_some() && question.number.is_none() {
        return Err(ApiError::field("after", "after goes with number: an id names one message"));
    }
    let looked = match &question {
        Question { id: Some(id), .. } => look(node, Searching::Message(message_of(id)?), limit).await?,
        Question { operator_id: Some(id), operator, .. } => {
            by_operator_id(node, id, operator.as_deref(), limit).await?
        }
        Question { number: Some(_), .. } => by_number(node, &question, limit).await?,
        Question { number: None, .. } => Looked::default(),
    };
    let asked = question.number.as_deref();
    let messages: Vec<Value> =
        looked.deliveries.iter().map(|delivery| message(node, &caller, delivery, asked)).collect();
    let next = looked.next.map(|next| next.to_string());
    let answer = json!({ "messages": messages, "more": next.is_some(), "next": next });
    Ok(json_body(&without(answer, &looked.unreached)))
}

/// GET messages/{id}
pub(super) async fn show(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let deliveries = known(node, &id).await?;
    let messages: Vec<Value> = deliveries.iter().map(|delivery| message(node, &caller, delivery, None)).collect();
    Ok(json_body(&json!({ "id": id, "deliveries": messages })))
}

/// POST messages/{id}/cancel
pub(super) async fn cancel(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let deliveries = known(node, &id).await?;
    let Some(DeliveryDetail { status, .. }) = deliveries.first() else { return Err(unknown(&id)) };
    let Origin::Account(account) = status.origin else {
        return Err(ApiError::conflict("this message came from a handset: only messages of accounts can be cancelled"));
    };
    let what = Cancelling::Message(MessageRef::Id(status.message_id));
    let cancel = CancelMessages { account, like: status.fingerprint, what };
    let count = node.inquiries.send(cancel).await.map_err(|_| stopping())?.map_err(unanswered)?;
    if count == 0 {
        return Err(refused(node, "what is final, or may be with an operator, is not taken back", &deliveries));
    }
    let before: Vec<Value> = deliveries.iter().map(|one| state_of(one).into()).collect();
    audit::record(&caller, "message.cancel", &format!("message {id}"), &before.into(), &"DELETED".into());
    Ok(json_body(&json!({ "id": status.message_id.to_string(), "cancelled": count })))
}

/// POST messages/{id}/retry
pub(super) async fn retry(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let deliveries = known(node, &id).await?;
    let Some(DeliveryDetail { status, .. }) = deliveries.first() else { return Err(unknown(&id)) };
    let message = HurryMessage(MessageRef::Id(status.message_id));
    let count = node.inquiries.send(message).await.map_err(|_| stopping())?.map_err(unanswered)?;
    if count == 0 {
        return Err(refused(node, "it does not wait for a next attempt", &deliveries));
    }
    let due: Vec<Value> = deliveries.iter().map(|one| time(one.due)).collect();
    audit::record(&caller, "message.retry", &format!("message {id}"), &json!({ "due": due }), &"due now".into());
    Ok(json_body(&json!({ "id": status.message_id.to_string(), "retried": count })))
}

/// Nothing could be done to any of them: why, and how each is.
fn refused(node: &Node, why: &str, deliveries: &[DeliveryDetail]) -> ApiError {
    let states: Vec<String> = deliveries.iter().map(|one| story(node, one)).collect();
    ApiError::conflict(format!("{why}: {}", states.join("; ")))
}

async fn look(node: &Node, what: Searching, limit: usize) -> Result<Looked, ApiError> {
    look_after(node, what, limit, None).await
}

async fn look_after(node: &Node, what: Searching, limit: usize, after: Option<PageEnd>) -> Result<Looked, ApiError> {
    node.inquiries.send(Look { what, limit, after }).await.map_err(|_| stopping())?.map_err(unanswered)
}

async fn known(node: &Node, id: &str) -> Result<Vec<DeliveryDetail>, ApiError> {
    let looked = look(node, Searching::Message(message_of(id)?), LIMIT_MAX).await?;
    match (looked.deliveries.is_empty(), looked.unreached.is_empty()) {
        (false, _) => Ok(looked.deliveries),
        (true, false) => Err(unanswered(Unanswered::OutOfReach)),
        (true, true) => Err(unknown(id)),
    }
}

/// An answer that lacks what these partitions may know: they are named as missing, as nodes are.
pub(super) fn without(mut answer: Value, unreached: &[PartitionId]) -> Value {
    let name = |partition: &PartitionId| format!("partition {}", partition.number());
    let why = "it is on its way to another node: ask again in a moment";
    answer["missing"] = unreached.iter().map(name).collect();
    answer["missing_why"] = Value::Object(unreached.iter().map(|one| (name(one), why.into())).collect());
    answer
}

fn message_of(id: &str) -> Result<MessageRef, ApiError> {
    let reason = "expected a message_id: digits, or up to eight hex digits for what a 3.3 session was told";
    MessageRef::from_octets(id.as_bytes()).ok_or_else(|| ApiError::field("id", reason))
}

/// As the operator's responses or its receipts write it.
async fn by_operator_id(node: &Node, id: &str, operator: Option<&str>, limit: usize) -> Result<Looked, ApiError> {
    let written = OperatorMessageId::from_octets(id.as_bytes());
    let written = written.ok_or_else(|| ApiError::field("operator_id", "expected 1 to 64 characters"))?;
    let profiles = node.services.live_now();
    let mut profiles: Vec<_> = profiles.profiles.iter().collect();
    if let Some(name) = operator {
        profiles.retain(|profile| profile.config.name == name);
        if profiles.is_empty() {
            let reason = format!("there is no operator {name:?}: GET /api/v1/operators lists them");
            return Err(ApiError::field("operator", reason));
        }
    }
    let mut all = Looked::default();
    for profile in profiles {
        let mut ids = vec![profile.ids.receipt(written.clone())];
        ids.extend(profile.ids.response(id.as_bytes()));
        ids.dedup();
        for id in ids {
            let found = look(node, Searching::OperatorId { operator: profile.name, id }, limit).await?;
            all.deliveries.extend(found.deliveries);
            all.unreached.extend(found.unreached);
        }
    }
    all.deliveries.sort_by_key(|one| std::cmp::Reverse(one.status.message_id));
    all.deliveries.dedup_by_key(|one| (one.status.message_id, one.status.destination));
    all.deliveries.truncate(limit);
    Ok(all)
}

async fn by_number(node: &Node, question: &Question, limit: usize) -> Result<Looked, ApiError> {
    let number = question.number.as_deref().unwrap_or_default();
    let digits = normalise(&Address::new(0, 0, number.as_bytes()), None);
    if number.is_empty() || number.len() > 21 {
        return Err(ApiError::field("number", "expected a destination of up to 20 digits, perhaps with +"));
    }
    let destination = digits.map_or_else(|| address_hash(number.as_bytes()), |digits| address_hash(&digits));
    let now = node.services.now();
    let since = Timestamp::from_millis(now.as_millis().saturating_sub(SINCE.as_millis() as u64));
    let from = question.from.as_deref().map_or(Ok(since), |text| moment("from", text, now))?;
    // Ids may be a little ahead of a clock that was set back.
    let ever = now.plus(Duration::from_secs(60));
    let until = question.until.as_deref().map_or(Ok(ever), |text| moment("until", text, now))?;
    if from >= until {
        return Err(ApiError::field("from", "not before until: expected an earlier time"));
    }
    let after = question.after.as_deref().map(str::parse::<PageEnd>).transpose();
    let after = after.map_err(|error| ApiError::field("after", error.to_string()))?;
    let highest = after.map(|after| after.id);
    let wanted = limit + after.map_or(0, |after| after.shown);
    let what = Searching::Destination { destination, from, until, highest, limit: wanted, after: None };
    look_after(node, what, limit, after).await
}

/// One delivery as JSON, with its life in words. `asked` is the number that was looked for: of what is final it is not
/// kept any more.
fn message(node: &Node, caller: &Caller, delivery: &DeliveryDetail, asked: Option<&str>) -> Value {
    let status = &delivery.status;
    let (origin_kind, origin) = match status.origin {
        Origin::Account(name) => ("account", name),
        Origin::Operator(name) => ("operator", name),
    };
    let (kind, towards) = towards(delivery.outbox);
    let fields = delivery.body.as_deref().and_then(|body| SmFields::decode(body).ok());
    let number = |address: &Address<'_>| match caller.role {
        // Handsets' numbers are for who works with messages.
        Role::Viewer => MaskedNumber(address.digits).to_string(),
        Role::Operator | Role::Admin => String::from_utf8_lossy(address.digits).into_owned(),
    };
    json!({
        "id": status.message_id.to_string(),
        "node": node.services.config.node.name,
        "partition": status.message_id.partition().number(),
        "direction": if origin_kind == "account" { "mt" } else { "mo" },
        "origin": { "kind": origin_kind, "name": origin.as_str() },
        "towards": { "kind": kind, "name": towards.as_str() },
        "state": state_of(delivery),
        "final": status.state.is_final(),
        "place": place_name(delivery.place),
        "operator_message_id": status.operator_message_id.as_ref().map(ToString::to_string),
        "error": std::str::from_utf8(&status.error).ok().filter(|error| *error != "000"),
        "attempts": status.attempts,
        "unanswered": delivery.unanswered,
        "priority": delivery.priority,
        "source": fields.as_ref().map(|fields| number(&fields.source)),
        "destination": fields.as_ref().map(|fields| number(&fields.destination)),
        "accepted": time(status.accepted),
        "due": time(delivery.due),
        "expires": time(delivery.expires),
        "done": status.done.map(time),
        "story": story(node, delivery),
        "life": life::of(node, delivery, asked, fields.as_ref()),
    })
}

pub(super) fn state_of(delivery: &DeliveryDetail) -> &'static str {
    delivery.status.state.receipt_word()
}

const fn place_name(place: DeliveryPlace) -> &'static str {
    match place {
        DeliveryPlace::Storing => "storing",
        DeliveryPlace::Scheduled => "scheduled",
        DeliveryPlace::Retry => "retry",
        DeliveryPlace::Ready => "ready",
        DeliveryPlace::Leased => "leased",
        DeliveryPlace::Enroute => "enroute",
        DeliveryPlace::Done => "done",
    }
}

pub(super) fn towards(outbox: Outbox) -> (&'static str, Name) {
    match outbox {
        Outbox::Operator(name) => ("operator", name),
        Outbox::Account(name) => ("account", name),
    }
}

/// What has become of it, and what it waits for, in a sentence.
pub(super) fn story(node: &Node, delivery: &DeliveryDetail) -> String {
    let status = &delivery.status;
    let at = |moment| time(moment).as_str().unwrap_or_default().to_owned();
    if status.state.is_final() {
        let (word, done) = (state_of(delivery), at(status.done.unwrap_or_default()));
        let Origin::Account(account) = status.origin else { return format!("{word} at {done}") };
        return match delivery.place {
            DeliveryPlace::Done => format!("{word} at {done}; nothing is left to do"),
            DeliveryPlace::Leased => format!("{word} at {done}; its receipt is with {account}, not answered yet"),
            _ if !has_receiver(node, account) => {
                format!("{word} at {done}; its receipt waits: {account} has no receiver or transceiver bound")
            }
            _ => format!("{word} at {done}; its receipt waits for room in a window of {account}"),
        };
    }
    let (_, name) = towards(delivery.outbox);
    let attempts = status.attempts;
    match delivery.place {
        DeliveryPlace::Storing => "being written to the journal".to_owned(),
        DeliveryPlace::Scheduled => format!("leaves for {name} at {}, as its sender asked", at(delivery.due)),
        DeliveryPlace::Retry => format!("{attempts} attempts came to nothing: again at {}", at(delivery.due)),
        DeliveryPlace::Leased => format!("sent to {name}, not answered yet"),
        DeliveryPlace::Enroute => match &status.operator_message_id {
            Some(id) => format!("{name} has it as {id}: its receipt is awaited until {}", at(delivery.expires)),
            None => {
                format!("may be with {name}, which did not answer: a receipt is awaited until {}", at(delivery.expires))
            }
        },
        DeliveryPlace::Ready | DeliveryPlace::Done => waits_for(node, delivery.outbox),
    }
}

fn waits_for(node: &Node, outbox: Outbox) -> String {
    match outbox {
        Outbox::Operator(name) => {
            let links = node.links.list();
            let mut own = links.iter().filter(|link| link.operator == name);
            if own.clone().any(|link| link.status.state == LinkState::Bound) {
                return format!("waits for room in a window of {name}, or for its pace");
            }
            if let Some(peer) = linked_elsewhere(node, name) {
                return format!("waits for room in a window of {name}, whose link is on {peer}, or for its pace");
            }
            let last = own.find_map(|link| link.status.error.as_ref());
            let last = last.map_or(String::new(), |(_, error)| format!(": {error}"));
            format!("waits for {name}, which has no bound link{last}")
        }
        Outbox::Account(name) if has_receiver(node, name) => format!("waits for room in a window of {name}"),
        Outbox::Account(name) => format!("waits for {name}, which has no receiver or transceiver bound"),
    }
}

/// Whether a receiver or transceiver of the account is bound to any node.
fn has_receiver(node: &Node, account: Name) -> bool {
    let elsewhere = |cluster: &ClusterHandle| cluster.view().receives_elsewhere(account);
    node.services.directory.has_receiver(account) || node.services.cluster.as_ref().is_some_and(elsewhere)
}

/// The first of the other nodes that have a bound link to the operator.
pub(super) fn linked_elsewhere(node: &Node, operator: Name) -> Option<String> {
    let view = node.services.cluster.as_ref()?.view();
    let mut peers = view.counted();
    let bound = |peer: &&Peer| peer.facts.links.get(&operator).is_some_and(|links| links.bound > 0);
    peers.find(bound).map(|peer| peer.name.to_string())
}

fn unknown(id: &str) -> ApiError {
    ApiError::not_found(format!(
        "message {id} is not known here: it never was, or it is final and older than store.retention (then the CDR has it)"
    ))
}

pub(super) fn unanswered(unanswered: Unanswered) -> ApiError {
    ApiError::unavailable(unanswered.to_string())
}

pub(super) fn stopping() -> ApiError {
    ApiError::unavailable("the node is stopping")
}
