//! The stream: however it is cut into reads, the same frames come out, and every octet is in one of them or behind them.
//!
//! Input: the size limit in steps of eight octets, the octets of one read, the stream.

use bytes::BytesMut;
use smsc_proto::smpp::codec::{Frame, FramingError, HEADER_LENGTH, next_frame};

use crate::pdu;

/// Cuts the stream in one go and piece by piece.
pub fn run(input: &[u8]) {
    let Some(([limit, piece], stream)) = input.split_first_chunk() else { return };
    let size_max = HEADER_LENGTH + 8 * usize::from(*limit);
    let whole = cut(stream, stream.len().max(1), size_max);
    let pieces = cut(stream, 1 + usize::from(*piece), size_max);
    assert_eq!(whole.frames, pieces.frames, "the frames depend on how the stream was read");
    assert_eq!(whole.error, pieces.error, "the end depends on how the stream was read");

    let mut octets = Vec::new();
    for Frame { header, body } in &whole.frames {
        assert_eq!(header.command_length as usize, HEADER_LENGTH + body.len());
        assert!(header.command_length as usize <= size_max, "a frame over the limit");
        octets.extend_from_slice(&header.encode());
        octets.extend_from_slice(body);
    }
    octets.extend_from_slice(&whole.rest);
    assert_eq!(octets, stream, "octets got lost, or came twice");
    match whole.error {
        None => assert!(whole.rest.len() < size_max, "a whole frame was left"),
        Some(FramingError::TooShort(length)) => assert!((length as usize) < HEADER_LENGTH),
        Some(FramingError::TooLong { command_length, .. }) => assert!(command_length as usize > size_max),
    }
}

struct Cut {
    frames: Vec<Frame>,
    error: Option<FramingError>,
    rest: BytesMut,
}

fn cut(stream: &[u8], piece: usize, size_max: usize) -> Cut {
    let mut cut = Cut { frames: Vec::new(), error: None, rest: BytesMut::new() };
    for piece in stream.chunks(piece) {
        cut.rest.extend_from_slice(piece);
        loop {
            let before = cut.rest.len();
            match next_frame(&mut cut.rest, size_max) {
                Ok(Some(frame)) => cut.frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(cut.rest.len(), before, "an error leaves the buffer as it is");
                    assert_eq!(next_frame(&mut cut.rest, size_max), Err(error), "and comes again");
                    cut.error = Some(error);
                    return cut;
                }
            }
        }
    }
    cut
}

/// Streams of several PDUs, whole, cut off, and out of step.
pub fn seeds() -> Vec<Vec<u8>> {
    let stream: Vec<u8> = pdu::examples().iter().flat_map(|pdu| pdu::encoded(pdu, 7).to_vec()).collect();
    let seed = |limit: u8, piece: u8, stream: &[u8]| [&[limit, piece], stream].concat();
    let mut seeds = vec![
        seed(255, 0, &stream),
        seed(255, 40, &stream[..stream.len() - 5]),
        seed(4, 15, &stream),
        seed(255, 3, b"\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\x01\0\0\0\x0F\0\0\0\x15"),
        seed(255, 9, b"\xFF\xFF\xFF\xFF\0\0\0\x15\0\0\0\0\0\0\0\x01"),
    ];
    seeds.extend(pdu::examples().iter().map(|pdu| seed(255, 16, &pdu::encoded(pdu, u32::MAX))));
    seeds
}
