//! What listens in on one connection: the frames that come, and the octets that leave.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use serde_json::{Map, Value};
use smsc_proto::session::Direction;
use smsc_proto::smpp::codec::{Frame, next_frame};
use smsc_proto::smpp::pdu::Pdu;

use super::filter::Filter;
use super::line;
use super::trace::Trace;

/// Whose connection it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// An ESME's, bound as that account or as nobody yet.
    Esme(Option<String>),
    /// To that operator.
    Operator(String),
}

/// See the module.
pub struct Tap {
    watched: Vec<(Filter, Arc<Trace>)>,
    who: Who,
    peer: SocketAddr,
    /// What was written and is no whole PDU yet.
    sent: BytesMut,
}

impl Tap {
    /// For a connection that begins a PDU with the next octet in either direction.
    pub(super) fn new(watched: Vec<(Filter, Arc<Trace>)>, who: Who, peer: SocketAddr) -> Self {
        Self { watched, who, peer, sent: BytesMut::new() }
    }

    /// A PDU has come.
    pub fn received(&mut self, frame: &Frame) {
        self.pass_on(Direction::In, frame);
    }

    /// Octets were written.
    pub fn sent(&mut self, octets: &[u8]) {
        self.sent.extend_from_slice(octets);
        // What we write is no longer than what we keep.
        while let Ok(Some(frame)) = next_frame(&mut self.sent, usize::MAX) {
            self.pass_on(Direction::Out, &frame);
        }
    }

    /// Whether all traces that it listens for are over.
    pub fn is_over(&self) -> bool {
        self.watched.iter().all(|(_, trace)| trace.is_over())
    }

    fn pass_on(&mut self, direction: Direction, frame: &Frame) {
        let pdu = Pdu::decode(frame).ok();
        if let (Who::Esme(account), Some(Pdu::Bind(_, bind))) = (&mut self.who, &pdu) {
            *account = Some(String::from_utf8_lossy(&bind.system_id).into_owned());
        }
        let mut fields: Option<Map<String, Value>> = None;
        for (filter, trace) in &mut self.watched {
            if trace.is_over() || !filter.admits(direction, &frame.header, pdu.as_ref()) {
                continue;
            }
            let fields = fields.get_or_insert_with(|| line::fields(&frame.header, pdu.as_ref()));
            trace.write(direction, &self.who, self.peer, fields);
        }
    }
}
