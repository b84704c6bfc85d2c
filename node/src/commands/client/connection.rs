//! A connection and its buffers. Whole batches travel: one read brings all frames that are there, one write takes all
//! that is to be said.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use smsc_proto::smpp::codec::{FramingError, HEADER_LENGTH, Header};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Octets of one read, and what a connection's buffer grows to while the peer sends nothing but whole PDUs.
const READ_SIZE: usize = 64 * 1024;
/// The largest PDU that is taken (S2).
pub(crate) const PDU_SIZE_MAX: usize = 80 * 1024;

/// A socket, with or without TLS.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS, its handshake done.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A socket and what was read from it and is to be written to it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// What came and was not taken yet. Never more than one PDU and one read.
    pub(crate) input: BytesMut,
    /// What is to be written.
    pub(crate) output: BytesMut,
}

impl Connection {
    /// Over an open socket.
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, input: BytesMut::with_capacity(READ_SIZE), output: BytesMut::with_capacity(4_096) }
    }

    /// Writes what can be written now. `Pending` while something is left.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = match &mut self.stream {
                Stream::Plain(stream) => pin!(stream).poll_write(cx, &self.output),
                Stream::Tls(stream) => pin!(stream).poll_write(cx, &self.output),
            };
            match written {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(octets)) => self.output.advance(octets),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        match &mut self.stream {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            // rustls keeps whole records back until it is told that this was all.
            Stream::Tls(stream) => pin!(stream).poll_flush(cx),
        }
    }

    /// One read. Zero octets: the peer has closed.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(READ_SIZE);
        match &mut self.stream {
            Stream::Plain(stream) => fill(stream, &mut self.input, cx),
            Stream::Tls(stream) => fill(stream.as_mut(), &mut self.input, cx),
        }
    }

    /// Writes everything that is to be said.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }
}

fn fill(stream: &mut (impl AsyncRead + Unpin), input: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    // The future holds no state between polls, so that a fresh one may be polled each time.
    pin!(stream.read_buf(input)).as_mut().poll(cx)
}

/// One PDU, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRef<'a> {
    /// Its header.
    pub(crate) header: Header,
    /// Exactly the octets behind the header.
    pub(crate) body: &'a [u8],
}

/// The whole PDUs at the front of `input`, without taking them off. When it is done, `taken` octets are to be dropped.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    input: &'a [u8],
    taken: usize,
}

impl<'a> Frames<'a> {
    /// Begins at the front.
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { input, taken: 0 }
    }

    /// How many octets the PDUs so far took.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// The next whole PDU; `None` when it is not there yet.
    pub(crate) fn next(&mut self) -> Result<Option<FrameRef<'a>>, FramingError> {
        let rest = &self.input[self.taken..];
        let Some(octets) = rest.first_chunk::<HEADER_LENGTH>() else { return Ok(None) };
        let header = Header::decode(octets);
        let length = header.command_length as usize;
        if length < HEADER_LENGTH {
            return Err(FramingError::TooShort(header.command_length));
        }
        if length > PDU_SIZE_MAX {
            let (command_length, sequence_number) = (header.command_length, header.sequence_number);
            return Err(FramingError::TooLong { command_length, sequence_number });
        }
        let Some(body) = rest.get(HEADER_LENGTH..length) else { return Ok(None) };
        self.taken += length;
        Ok(Some(FrameRef { header, body }))
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::smpp::codec::encode_header_only;
    use smsc_proto::smpp::command_id::CommandId;
    use smsc_proto::smpp::command_status::CommandStatus;

    use super::*;

    fn two_and_a_half() -> BytesMut {
        let mut octets = BytesMut::new();
        for sequence_number in 1..=3 {
            encode_header_only(CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK, sequence_number, &mut octets);
        }
        octets.truncate(40);
        octets
    }

    #[test]
    fn whole_pdus_are_read_and_the_rest_stays() {
        let octets = two_and_a_half();
        let mut frames = Frames::new(&octets);
        let mut numbers = Vec::new();
        while let Some(frame) = frames.next().expect("these are PDUs") {
            numbers.push(frame.header.sequence_number);
        }
        assert_eq!((numbers, frames.taken()), (vec![1, 2], 32));
    }

    #[test]
    fn a_length_that_cannot_be_is_an_error() {
        assert!(matches!(Frames::new(&[0; 16]).next(), Err(FramingError::TooShort(0))));
        let mut huge = [0; 16];
        huge[0] = 1;
        huge[15] = 9;
        assert!(matches!(Frames::new(&huge).next(), Err(FramingError::TooLong { sequence_number: 9, .. })));
    }
}
