//! What waits for an operator is ended, or waits for another one from now on. Bounded: a request does so much as a second
//! allows and says whether there is more; whoever asks asks again, with the moment that it began at.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{Name, Outbox, Sweeping};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::{Body, moment};
use super::inquiries::{SweepMessages, SweptSoFar};
use super::messages::{stopping, unanswered, without};
use super::{Node, Shared, audit, time};

/// What is ended.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Purge {
    /// Only what waits for longer: `1h`; or what was accepted by then.
    older_than: Option<String>,
    /// Only say how many.
    #[serde(default)]
    dry_run: bool,
}

/// POST queues/{operator}/purge
pub(super) async fn purge(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(operator): Path<String>,
    Body(Purge { older_than, dry_run }): Body<Purge>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let accepted_until = accepted_until(node, older_than.as_deref())?;
    let what = if dry_run { Sweeping::CountEnds } else { Sweeping::End };
    let outbox = known(node, &operator)?;
    let answer = swept(node, SweepMessages { outbox, accepted_until, what }, dry_run).await?;
    if !dry_run {
        let before = json!({ "older_than": older_than });
        audit::record(&caller, "queue.purge", &operator, &before, &json!({ "ended": answer["count"] }));
    }
    Ok(json_body(&answer))
}

/// Where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    /// The operator.
    to: String,
    /// Only what waits for longer.
    older_than: Option<String>,
    /// Only say how many.
    #[serde(default)]
    dry_run: bool,
}

/// POST queues/{operator}/move
pub(super) async fn relocate(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(operator): Path<String>,
    Body(Move { to, older_than, dry_run }): Body<Move>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let target = configured(node, &to).ok_or_else(|| {
        ApiError::field("to", format!("there is no operator {to:?}: GET /api/v1/operators lists them"))
    })?;
    if to == operator {
        return Err(ApiError::field("to", "it waits there already: expected another operator"));
    }
    let outbox = known(node, &operator)?;
    let what = if dry_run { Sweeping::CountMoves } else { Sweeping::Move(Outbox::Operator(target)) };
    let accepted_until = accepted_until(node, older_than.as_deref())?;
    let answer = swept(node, SweepMessages { outbox, accepted_until, what }, dry_run).await?;
    if !dry_run {
        let after = json!({ "to": to, "moved": answer["count"] });
        audit::record(&caller, "queue.move", &operator, &Value::Null, &after);
    }
    Ok(json_body(&answer))
}

async fn swept(node: &Node, sweep: SweepMessages, dry_run: bool) -> Result<Value, ApiError> {
    let accepted_until = time(sweep.accepted_until);
    let swept = node.inquiries.send(sweep).await.map_err(|_| stopping())?.map_err(unanswered)?;
    let SweptSoFar { count, more, unreached } = swept;
    let answer = json!({ "dry_run": dry_run, "accepted_until": accepted_until, "count": count, "more": more });
    Ok(without(answer, &unreached))
}

fn accepted_until(node: &Node, older_than: Option<&str>) -> Result<Timestamp, ApiError> {
    let now = node.services.now();
    older_than.map_or(Ok(now), |text| moment("older_than", text, now))
}

/// The outbox of an operator that is configured, or that was and for which something waits.
fn known(node: &Node, operator: &str) -> Result<Outbox, ApiError> {
    let waits = |name: &Outbox| matches!(name, Outbox::Operator(name) if name.as_str() == operator);
    let name = configured(node, operator).map(Outbox::Operator);
    let outbox = name.or_else(|| node.services.store.outboxes().into_iter().find(waits));
    outbox.ok_or_else(|| {
        ApiError::not_found(format!("nothing waits for an operator {operator:?}: GET /api/v1/queues lists them"))
    })
}

fn configured(node: &Node, operator: &str) -> Option<Name> {
    let live = node.services.live_now();
    live.profiles.iter().map(|profile| profile.name).find(|name| name.as_str() == operator)
}
