//! What happens, as it happens: server-sent events.
//!
//! The events are those of the log at `info` and above. Each watcher may be some hundred behind; who is further is told
//! how many he has missed, and goes on with the present.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::wrappers::ReceiverStream;

use super::Shared;
use super::error::ApiError;
use super::input::Params;
use crate::telemetry::live_events;

/// A watcher that is silent for so long gets a comment, so that both sides see whether the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// Only events whose name begins so.
    #[serde(default)]
    prefix: String,
}

/// GET events
pub(super) async fn watch(
    State(api): State<Arc<Shared>>,
    Params(query): Params<Query>,
) -> Result<impl IntoResponse, ApiError> {
    let place = api
        .watchers
        .clone()
        .try_acquire_owned()
        .map_err(|_| ApiError::unavailable("as many watchers as may be are here already: close another one"))?;
    let mut happening = live_events::subscribe();
    let mut closing = api.closing.subscribe();
    let (sender, events) = tokio::sync::mpsc::channel::<Result<Event, Infallible>>(16);
    tokio::spawn(async move {
        let _place = place;
        loop {
            let event = tokio::select! {
                event = happening.recv() => match event {
                    Ok(event) if event.name.starts_with(&query.prefix) => {
                        Event::default().event(event.name.as_str()).data(event.json.as_str())
                    }
                    Ok(_) => continue,
                    Err(RecvError::Lagged(missed)) => {
                        Event::default().event("missed").data(format!("{{\"missed\":{missed}}}"))
                    }
                    Err(RecvError::Closed) => return,
                },
                _ = closing.wait_for(|closing| *closing) => return,
                () = sender.closed() => return,
            };
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
    });
    Ok(Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
