//! Call detail records: how far they are written, and closing a file before its time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use smsc_proto::timestamp::Timestamp;

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::{Node, Shared, audit, time};
use crate::cdr::folder::ClosedFile;
use crate::cdr::lines::extension;
use crate::cdr::status::OpenFile;

/// How long closing a file may take, before the disk is said to hang.
const ROTATE_MAX: Duration = Duration::from_secs(10);
/// Records that may wait: beyond it billing is late.
const BACKLOG_MAX: u64 = 50_000;

/// GET cdr
pub(super) async fn status(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let (backlog, oldest) = backlog(node);
    let name = &node.services.config.node.name;
    let Some(cdr) = &node.cdr else {
        return Ok(json_body(&json!({ "nodes": [{ "node": name, "on": false, "backlog_records": backlog }] })));
    };
    let view = cdr.status.view();
    let status = json!({
        "node": name,
        "on": true,
        "folder": cdr.options.folder.display().to_string(),
        "format": extension(cdr.options.format),
        "rotate_size_octets": cdr.options.rotate_size,
        "rotate_every_seconds": cdr.options.rotate_every.as_secs(),
        "backlog_records": backlog,
        "oldest_record_age_seconds": oldest.as_secs_f64(),
        "records_written": view.records,
        "last_written": view.last_written.map(time),
        "next_seq": view.next_seq,
        "file": view.file.map(|file| open_file(&file)),
        "files_closed": view.files,
        "last_closed": view.last_closed.as_ref().map(closed_file),
        "failure": view.failure.map(|(since, reason)| json!({ "since": time(since), "reason": reason })),
    });
    Ok(json_body(&json!({ "nodes": [status] })))
}

/// POST cdr/rotate
pub(super) async fn rotate(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let Some(cdr) = &node.cdr else {
        return Err(ApiError::conflict("CDRs are off: [cdr] is not configured"));
    };
    let closed = match cdr.rotate(ROTATE_MAX).await {
        Some(closed) => closed.map_err(|error| ApiError::unavailable(error.to_string()))?,
        None => {
            return Err(ApiError::unavailable("the disk of the CDR folder does not answer, or the node is stopping"));
        }
    };
    let file = closed.as_ref().map(closed_file).unwrap_or_default();
    audit::record(&caller, "cdr.rotate", "cdr", &Value::Null, &file);
    let note = if closed.is_some() { "closed" } else { "no record was written since the last file was closed" };
    let name = &node.services.config.node.name;
    Ok(json_body(&json!({ "nodes": [{ "node": name, "closed": file, "note": note }] })))
}

/// What of it needs somebody: severity, reason, and what to do.
pub(super) fn alarm(node: &Node) -> Option<(&'static str, String, &'static str)> {
    let (backlog, _) = backlog(node);
    let failure = node.cdr.as_ref().and_then(|cdr| cdr.status.view().failure);
    match failure {
        Some((_, reason)) => {
            let reason = format!("call detail records cannot be written, {backlog} wait: {reason}");
            Some(("critical", reason, "mend the folder: nothing is lost, and the writer tries again every second"))
        }
        None if backlog > BACKLOG_MAX && node.cdr.is_some() => {
            let reason = format!("{backlog} call detail records wait to be written");
            Some(("critical", reason, "smsc ctl cdr status: is the disk of the folder slow, or does it hang?"))
        }
        None => None,
    }
}

/// How many records wait, and how long the oldest has.
fn backlog(node: &Node) -> (u64, Duration) {
    let partitions = node.services.store.stats();
    let owed = partitions.iter().map(|partition| partition.stats.cdrs_owed).sum();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = Timestamp::from_millis(u64::try_from(now).unwrap_or(u64::MAX));
    let oldest = partitions.iter().filter_map(|partition| partition.stats.cdrs_owed_since).min();
    (owed, oldest.map_or(Duration::ZERO, |oldest| now.since(oldest)))
}

fn open_file(file: &OpenFile) -> Value {
    json!({ "name": file.name, "records": file.records, "octets": file.octets, "opened": time(file.opened) })
}

fn closed_file(file: &ClosedFile) -> Value {
    json!({ "name": file.name, "records": file.records, "closed": time(file.closed) })
}
