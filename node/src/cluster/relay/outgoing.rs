//! What is to be said to a peer: parts that wait for the connection, and leave as frames of all that waits.
//!
//! What may wait is bounded by credit: leases and outcomes by the windows, receipts and questions by their own. A peer that
//! is up and reads nothing is found out by the octets that wait, and its stream is ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::Stream;

use super::error::RelayError;
use super::wire::{Frame, Part, part};

/// Octets that may wait for one peer: what all windows of a busy node hold several times over.
const WAITING_MAX: usize = 64 << 20;
/// A frame takes no further part from here on. Parts are small, but for one body, so a frame stays far below what gRPC
/// allows.
const FRAME_OCTETS: usize = 256 << 10;

/// The near end.
#[derive(Debug)]
pub struct Outgoing {
    parts: mpsc::UnboundedSender<(Part, usize)>,
    waiting: Arc<AtomicUsize>,
}

/// The far end: what the connection takes.
#[derive(Debug)]
pub struct OutgoingFrames {
    parts: mpsc::UnboundedReceiver<(Part, usize)>,
    waiting: Arc<AtomicUsize>,
    first: bool,
}

/// Both ends of a queue.
pub fn outgoing() -> (Outgoing, OutgoingFrames) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::<AtomicUsize>::default();
    (Outgoing { parts: sender, waiting: waiting.clone() }, OutgoingFrames { parts: receiver, waiting, first: true })
}

impl Outgoing {
    /// Says one thing. Nothing happens when the connection is gone: its reader tells.
    pub fn say(&self, part: part::Part) -> Result<(), RelayError> {
        let part = Part { part: Some(part) };
        let size = part.encoded_len();
        let octets = self.waiting.fetch_add(size, Ordering::Relaxed) + size;
        let _ = self.parts.send((part, size));
        if octets > WAITING_MAX { Err(RelayError::Deaf { octets }) } else { Ok(()) }
    }
}

impl Stream for OutgoingFrames {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let mut frame = Frame::default();
        let mut octets = 0;
        while octets < FRAME_OCTETS {
            match self.parts.poll_recv(cx) {
                Poll::Ready(Some((part, size))) => {
                    octets += size;
                    frame.parts.push(part);
                    // The greeting goes alone.
                    if std::mem::take(&mut self.first) {
                        break;
                    }
                }
                Poll::Ready(None) if frame.parts.is_empty() => return Poll::Ready(None),
                Poll::Pending if frame.parts.is_empty() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        self.waiting.fetch_sub(octets, Ordering::Relaxed);
        Poll::Ready(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test]
    async fn what_waits_leaves_in_one_frame_behind_the_greeting() {
        let (outgoing, mut frames) = outgoing();
        outgoing.say(part::Part::Greeting(Default::default())).unwrap();
        (0..3).for_each(|batch| outgoing.say(part::Part::Confirmed(batch)).unwrap());
        assert_eq!(frames.next().await.unwrap().parts.len(), 1);
        assert_eq!(frames.next().await.unwrap().parts.len(), 3);
        drop(outgoing);
        assert_eq!(frames.next().await, None);
    }

    #[test]
    fn a_peer_that_reads_nothing_is_found_out() {
        let (outgoing, frames) = outgoing();
        let body = bytes::Bytes::from(vec![0; 1 << 20]);
        let deliveries = vec![super::super::wire::Delivery { body, ..Default::default() }];
        let leased = super::super::wire::Leased { deliveries, ..Default::default() };
        assert!((0..70).any(|_| outgoing.say(part::Part::Leased(leased.clone())).is_err()));
        drop(frames);
    }
}
