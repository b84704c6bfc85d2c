//! PROXY headers: nothing behind one is read, whatever stands before and behind.
//!
//! Input: what a connection begins with.

use smsc_proto::proxy_header::{LENGTH_MAX, NoProxyHeader, Progress, read};

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Reads as a connection is read: so many octets as are asked for.
pub fn run(input: &[u8]) {
    let mut received = 0;
    let known = loop {
        match read(&input[..received]) {
            Ok(Progress::Needs(count)) => {
                assert!(count > 0 && received + count <= LENGTH_MAX, "{count} more than {received}");
                if received + count > input.len() {
                    return;
                }
                received += count;
            }
            Ok(Progress::Client(client)) => break Ok(client),
            Err(error) => break Err(error),
        }
    };
    match known {
        Ok(client) => {
            let header = &input[..received];
            assert_eq!(read(input), Ok(Progress::Client(client)), "what follows changes nothing");
            match header.strip_prefix(V2) {
                Some(rest) => {
                    let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
                    assert_eq!(rest.len(), 4 + length, "a second version is as long as it says");
                }
                None => {
                    let end = header.windows(2).position(|two| two == b"\r\n");
                    assert_eq!(end, Some(received - 2), "a first version ends with the first line");
                    assert!(header.starts_with(b"PROXY ") && received <= 108, "{header:?}");
                }
            }
        }
        Err(NoProxyHeader) => assert!(received <= LENGTH_MAX),
    }
}

/// Headers of both versions and all kinds, and what is none.
pub fn seeds() -> Vec<Vec<u8>> {
    let v2 = |command: u8, family: u8, rest: &[u8]| {
        [V2, &[command, family], &(rest.len() as u16).to_be_bytes(), rest, b"behind"].concat()
    };
    let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x9C, 0x40, 0x0A, 0xD7];
    let v6 = [&[0x20, 1, 0x0D, 0xB8][..], &[0; 28], &[0x9C, 0x40, 0x0A, 0xD7]].concat();
    let with_tlv = [&v4[..], &[5, 0, 2, b'i', b'd']].concat();
    vec![
        b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 2775\r\nbehind".to_vec(),
        b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 2775\r\nbehind".to_vec(),
        b"PROXY UNKNOWN\r\nbehind".to_vec(),
        b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        v2(0x20, 0x00, b""),
        v2(0x21, 0x11, &v4),
        v2(0x21, 0x12, &v4),
        v2(0x21, 0x21, &v6),
        v2(0x21, 0x11, &with_tlv),
        v2(0x21, 0x31, &[b'/'; 216]),
    ]
}
