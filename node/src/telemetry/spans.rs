//! Spans of messages, for OpenTelemetry: where a message was, how long each step took, and on which node.
//!
//! ```text
//!   message          an ESME's submit_sm until it was answered; of an operator's MO the moment it was   (the root)
//!   ├─ attempt N     to an operator, until it answered or could not any more
//!   └─ deliver       of a receipt or an MO to an ESME, likewise
//! ```
//!
//! No state goes with a message: trace and root are [derived](ids) from its id, so that steps on other nodes, and hours
//! later, come to the same trace; and whether a message has spans at all is decided by its id, so that all nodes decide
//! alike. Never a text, never a number.
//!
//! Sessions never wait: spans go through one bounded queue to [a thread of its own](exporter); what finds no room is
//! dropped and counted.

mod exporter;
mod ids;

use std::time::{Duration, Instant, SystemTime};

use metrics::{Counter, counter};
use smsc_proto::ids::MessageId;
use smsc_store::Outbox;
use tokio::sync::{mpsc, oneshot};

use self::exporter::Exporter;
use self::ids::Sample;
use crate::attempt::{Answer, Attempt};
use crate::config::{Node, Telemetry};

pub use self::exporter::CannotExport;

/// Spans on their way to the exporter.
const QUEUE_MAX: usize = 8_192;

/// Takes spans. Cheap to ask: two multiplications decide whether a message has any.
#[derive(Debug)]
pub struct Spans {
    sample: Sample,
    queue: mpsc::Sender<Item>,
    dropped: Counter,
}

#[derive(Debug)]
enum Item {
    Span(Span),
    /// What came before it is to leave, and then this is answered.
    Flush(oneshot::Sender<()>),
}

/// One step of a message.
#[derive(Clone, Copy, Debug)]
struct Span {
    message_id: MessageId,
    step: Step,
    /// Who it came from, or goes to.
    peer: Outbox,
    answer: Answer,
    /// What the answer means: it went well.
    taken: bool,
    started: SystemTime,
    ended: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Message,
    Attempt(u32),
    Deliver(u32),
}

impl Spans {
    /// Spans go where the configuration says; `None` if it says nothing.
    pub fn start(node: &Node, telemetry: &Telemetry) -> Result<Option<Self>, CannotExport> {
        let Some(endpoint) = &telemetry.otlp_endpoint else { return Ok(None) };
        let (queue, items) = mpsc::channel(QUEUE_MAX);
        Exporter::start(endpoint, node, items)?;
        let dropped = counter!(exporter::TOTAL, "result" => "dropped");
        Ok(Some(Self { sample: Sample::of(telemetry.otlp_ratio), queue, dropped }))
    }

    /// Messages of that peer, which came at `since`, are durable and answered.
    pub fn accepted(&self, from: Outbox, since: Instant, ids: impl Iterator<Item = MessageId>) {
        for message_id in ids.filter(|id| self.sample.contains(*id)) {
            self.add(message_id, Step::Message, from, (Answer::OK, true), since);
        }
    }

    /// An attempt to hand a message to that peer has ended.
    pub fn attempted(&self, to: Outbox, attempt: &Attempt, answer: Answer, taken: bool) {
        if self.sample.contains(attempt.message_id) {
            let step = match to {
                Outbox::Operator(_) => Step::Attempt(attempt.number),
                Outbox::Account(_) => Step::Deliver(attempt.number),
            };
            self.add(attempt.message_id, step, to, (answer, taken), attempt.sent);
        }
    }

    fn add(&self, message_id: MessageId, step: Step, peer: Outbox, (answer, taken): (Answer, bool), since: Instant) {
        let ended = SystemTime::now();
        let started = ended.checked_sub(since.elapsed()).unwrap_or(ended);
        let span = Span { message_id, step, peer, answer, taken, started, ended };
        if self.queue.try_send(Item::Span(span)).is_err() {
            self.dropped.increment(1);
        }
    }

    /// Sends what there is, in so much time at most.
    pub async fn flush(&self, within: Duration) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            if self.queue.send(Item::Flush(done)).await.is_ok() {
                let _ = flushed.await;
            }
        };
        if tokio::time::timeout(within, flush).await.is_err() {
            tracing::warn!(event = "spans.left", "the collector has not taken the last spans");
        }
    }
}
