//! A collector of OpenTelemetry: takes spans by OTLP over gRPC, and keeps them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::eventually;
use crate::port::Port;

/// A running collector. Dropping it ends it.
#[derive(Debug)]
pub struct Collector {
    port: Port,
    desk: Desk,
    _runtime: Runtime,
}

/// What it was told of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// `service.instance.id`: the node.
    pub node: String,
    /// In hexadecimal.
    pub trace: String,
    /// In hexadecimal.
    pub id: String,
    /// In hexadecimal; empty: it has none.
    pub parent: String,
    /// What step it was.
    pub name: String,
    /// Nothing, or what went wrong.
    pub error: String,
    /// How long it took, in nanoseconds.
    pub nanoseconds: u64,
    attributes: Vec<(String, String)>,
}

impl Span {
    /// Such as `smsc.account`; empty if there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

#[derive(Clone, Debug, Default)]
struct Desk {
    spans: Arc<Mutex<Vec<Span>>>,
    stalls: bool,
    asked: Arc<AtomicUsize>,
}

impl Collector {
    /// Takes what comes.
    pub fn start() -> Self {
        Self::start_at(Port::take())
    }

    /// Takes what comes there.
    pub fn start_at(port: Port) -> Self {
        Self::start_with(port, Desk::default())
    }

    /// Takes connections and requests, and never answers.
    pub fn start_stalled() -> Self {
        Self::start_with(Port::take(), Desk { stalls: true, ..Desk::default() })
    }

    fn start_with(port: Port, desk: Desk) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(port.address())).expect("the port is free");
        let server = Server::builder().add_service(TraceServiceServer::new(desk.clone()));
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { port, desk, _runtime: runtime }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// What it has, in the order in which it came.
    pub fn spans(&self) -> Vec<Span> {
        self.desk.spans.lock().expect("nobody panics here").clone()
    }

    /// Waits for the spans of a message until there are so many, and returns them by their beginnings' order: root first.
    pub fn expect_spans(&self, message_id: &str, count: usize) -> Vec<Span> {
        let of_it = || -> Vec<Span> {
            self.spans().into_iter().filter(|span| span.attribute("smsc.message_id") == message_id).collect()
        };
        eventually("the spans of a message", || of_it().len() >= count);
        let mut spans = of_it();
        spans.sort_by_key(|span| !span.parent.is_empty());
        spans
    }

    /// Waits until it was asked.
    pub fn expect_asked(&self) {
        eventually("spans are offered", || self.desk.asked.load(Ordering::Relaxed) > 0);
    }
}

#[tonic::async_trait]
impl TraceService for Desk {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.stalls {
            std::future::pending::<()>().await;
        }
        let mut kept = self.spans.lock().expect("nobody panics here");
        for of_resource in request.into_inner().resource_spans {
            let resource = texts(of_resource.resource.unwrap_or_default().attributes);
            let node = resource.iter().find(|(key, _)| key == "service.instance.id").cloned().unwrap_or_default().1;
            let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            kept.extend(spans.map(|span| Span {
                node: node.clone(),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                error: span.status.unwrap_or_default().message,
                nanoseconds: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
                attributes: texts(span.attributes),
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn texts(attributes: Vec<KeyValue>) -> Vec<(String, String)> {
    let text = |value: KeyValue| match value.value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    };
    attributes.into_iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
