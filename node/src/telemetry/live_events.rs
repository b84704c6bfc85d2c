//! What happens, for whoever watches: the events that the log has at `info` and above, as they come.
//!
//! Costs nothing while nobody watches. Who does not keep up misses events and is told how many; the node never waits.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};
use tokio::sync::broadcast;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::logging::{Fields, level_name};

/// Events that a watcher may be behind.
const BEHIND_MAX: usize = 512;

/// One event.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// Its name, such as `link.bind`.
    pub name: String,
    /// All of it as a JSON object.
    pub json: String,
}

fn sender() -> &'static broadcast::Sender<Arc<LiveEvent>> {
    static SENDER: OnceLock<broadcast::Sender<Arc<LiveEvent>>> = OnceLock::new();
    SENDER.get_or_init(|| broadcast::Sender::new(BEHIND_MAX))
}

/// What happens from now on.
pub fn subscribe() -> broadcast::Receiver<Arc<LiveEvent>> {
    sender().subscribe()
}

/// Hands events on.
pub(super) struct LiveEvents;

impl<S: Subscriber> Layer<S> for LiveEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if sender().receiver_count() == 0 {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let name = match fields.name {
            Some(Value::String(name)) => name,
            // Words of libraries are for the log.
            Some(_) | None => return,
        };
        let mut object = Map::new();
        object.insert("time".to_owned(), jiff::Timestamp::now().to_string().into());
        object.insert("level".to_owned(), level_name(*event.metadata().level()).into());
        object.insert("event".to_owned(), name.as_str().into());
        object.extend(fields.rest);
        // Whoever has gone meanwhile misses nothing.
        let _ = sender().send(Arc::new(LiveEvent { name, json: Value::Object(object).to_string() }));
    }
}
