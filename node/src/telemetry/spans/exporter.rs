//! The thread that sends spans to a collector, by OTLP over gRPC, in batches.

use std::time::Duration;

use metrics::{Counter, counter};
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use smsc_store::Outbox;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Item, Span, Step, ids};
use crate::attempt::Answer;
use crate::config::Node;

/// Spans by what became of them: `exported`, `failed` (the collector did not take them) or `dropped` (no room).
pub(super) const TOTAL: &str = "smsc_otlp_spans_total";

/// The largest batch.
const BATCH_MAX: usize = 512;
/// How long the first of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How long a collector may take for one, with what is tried again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum CannotExport {
    /// The address, or what the environment says beside it (`OTEL_EXPORTER_OTLP_HEADERS` and others), cannot be used.
    #[error("telemetry.otlp_endpoint: {0}")]
    Settings(#[from] ExporterBuildError),
    /// No thread.
    #[error("no thread for spans: {0}")]
    Thread(#[from] std::io::Error),
}

/// See the module.
pub(super) struct Exporter {
    exporter: SpanExporter,
    scope: InstrumentationScope,
    is_away: bool,
    exported: Counter,
    failed: Counter,
}

impl Exporter {
    /// Starts the thread. It connects when there is something to send.
    pub(super) fn start(endpoint: &str, node: &Node, items: mpsc::Receiver<Item>) -> Result<(), CannotExport> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let exporter = {
            let _entered = runtime.enter();
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(ANSWER_WITHIN).build()?
        };
        let mut exporter = Self {
            exporter,
            scope: InstrumentationScope::builder("smsc").with_version(env!("CARGO_PKG_VERSION")).build(),
            is_away: false,
            exported: counter!(TOTAL, "result" => "exported"),
            failed: counter!(TOTAL, "result" => "failed"),
        };
        let about = [
            KeyValue::new("service.name", "smsc"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", node.name.clone()),
        ];
        exporter.exporter.set_resource(&Resource::builder_empty().with_attributes(about).build());
        let run = move || runtime.block_on(exporter.run(items));
        std::thread::Builder::new().name("spans".to_owned()).spawn(run)?;
        Ok(())
    }

    async fn run(mut self, mut items: mpsc::Receiver<Item>) {
        let mut batch = Vec::new();
        loop {
            let (is_last, flushed) = gather(&mut items, &mut batch).await;
            if !batch.is_empty() {
                self.export(&mut batch).await;
            }
            if let Some(flushed) = flushed {
                let _ = flushed.send(());
            }
            if is_last {
                return;
            }
        }
    }

    async fn export(&mut self, batch: &mut Vec<Span>) {
        let count = batch.len() as u64;
        let spans = batch.drain(..).map(|span| data(span, &self.scope)).collect();
        match self.exporter.export(spans).await {
            Ok(()) => {
                self.exported.increment(count);
                if std::mem::take(&mut self.is_away) {
                    tracing::info!(event = "spans.back", "the collector takes spans again");
                }
            }
            Err(error) => {
                self.failed.increment(count);
                if !std::mem::replace(&mut self.is_away, true) {
                    let reason = reason(&error);
                    tracing::warn!(
                        event = "spans.away",
                        "the collector takes no spans, and they are left out: {reason}"
                    );
                }
            }
        }
    }
}

/// Waits for a batch. Returns whether it is the last one, and who waits for it to leave.
async fn gather(items: &mut mpsc::Receiver<Item>, batch: &mut Vec<Span>) -> (bool, Option<oneshot::Sender<()>>) {
    let mut until = None;
    while batch.len() < BATCH_MAX {
        let next = match until {
            None => items.recv().await,
            Some(until) => match timeout_at(until, items.recv()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        match next {
            Some(Item::Span(span)) => batch.push(span),
            Some(Item::Flush(flushed)) => return (false, Some(flushed)),
            None => return (true, None),
        }
        until.get_or_insert_with(|| Instant::now() + LINGER);
    }
    (false, None)
}

/// As OpenTelemetry has it.
fn data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let (trace, root) = (ids::trace_of(span.message_id), ids::root_of(span.message_id));
    let (id, parent, kind) = match span.step {
        Step::Message => (root, SpanId::INVALID, SpanKind::Server),
        Step::Attempt(_) | Step::Deliver(_) => (SpanId::from(rand::random::<u64>().max(1)), root, SpanKind::Client),
    };
    let (key, name) = match span.peer {
        Outbox::Account(name) => ("smsc.account", name),
        Outbox::Operator(name) => ("smsc.link", name),
    };
    let mut attributes = vec![
        KeyValue::new("messaging.system", "smpp"),
        KeyValue::new("smsc.message_id", span.message_id.to_string()),
        KeyValue::new(key, name.as_str()),
    ];
    if let Answer::Status(..) = span.answer {
        attributes.push(KeyValue::new("smpp.command_status", span.answer.to_string()));
    }
    if let Step::Attempt(number) | Step::Deliver(number) = span.step {
        attributes.push(KeyValue::new("smsc.attempt", i64::from(number)));
    }
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: parent,
        parent_span_is_remote: false,
        span_kind: kind,
        name: match span.step {
            Step::Message => "message".into(),
            Step::Attempt(number) => format!("attempt {number}").into(),
            Step::Deliver(_) => "deliver".into(),
        },
        start_time: span.started,
        end_time: span.ended,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: if span.taken { Status::Unset } else { Status::error(span.answer.to_string()) },
        instrumentation_scope: scope.clone(),
    }
}

fn reason(error: &OTelSdkError) -> String {
    match error {
        OTelSdkError::Timeout(time) => format!("no answer within {} s", time.as_secs()),
        other => other.to_string(),
    }
}
