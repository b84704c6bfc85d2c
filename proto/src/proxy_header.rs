//! The PROXY header (v1 or v2) that a balancer puts in front of a connection: who the client really is.
//!
//! What follows it belongs to the client, so that whoever reads takes no octet more than [`read`] asks for.

use std::net::SocketAddr;

use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};

/// The longest header that we take. v1 has at most 107 octets; v2 has room for TLVs that we do not read.
pub const LENGTH_MAX: usize = 4_096;
/// How a v1 header begins; what reads the rest would take any octet for the blank.
const V1_BEGINS: &[u8] = b"PROXY ";
/// How a v2 header begins.
const V2_BEGINS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The shortest v1 header.
const V1_LENGTH_MIN: usize = b"PROXY UNKNOWN\r\n".len();
/// The fixed part of a v2 header; its last two octets say how long the rest is.
const V2_HEAD: usize = 16;
const V2_FIRST_OCTET: u8 = b'\r';

const CONFIG: ParseConfig = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };

/// What is known after so many octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many more belong to the header for certain: at least one.
    Needs(usize),
    /// The header is there: who the client is. `None`: the balancer speaks for itself (LOCAL, UNKNOWN), such as in a check.
    Client(Option<SocketAddr>),
}

/// It is no header, or one that we do not take: of another protocol, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what came first is no PROXY header")]
pub struct NoProxyHeader;

/// Reads what has come so far.
pub fn read(received: &[u8]) -> Result<Progress, NoProxyHeader> {
    // Somebody who says something else is not kept waiting for the shortest header's length.
    if ![V1_BEGINS, V2_BEGINS].iter().any(|begins| begins.iter().zip(received).all(|(one, other)| one == other)) {
        return Err(NoProxyHeader);
    }
    match ProxyHeader::parse(received, CONFIG) {
        Ok((header, _)) => client(&header).map(Progress::Client),
        Err(Error::BufferTooShort) => missing(received).map(Progress::Needs),
        Err(_) => Err(NoProxyHeader),
    }
}

fn client(header: &ProxyHeader<'_>) -> Result<Option<SocketAddr>, NoProxyHeader> {
    match header.proxied_address() {
        None => Ok(None),
        Some(address) if address.protocol == Protocol::Stream => Ok(Some(address.source)),
        // A header for UDP in front of a TCP connection.
        Some(_) => Err(NoProxyHeader),
    }
}

/// How many octets can be read for certain without reading over the end of the header.
fn missing(received: &[u8]) -> Result<usize, NoProxyHeader> {
    let length = match received {
        [V2_FIRST_OCTET, ..] => match received.get(V2_HEAD - 2..V2_HEAD) {
            Some(length) => V2_HEAD + usize::from(u16::from_be_bytes([length[0], length[1]])),
            None => V2_HEAD,
        },
        // It ends with the first CR LF, so it is asked for octet by octet: at most ninety times.
        _ => V1_LENGTH_MIN.max(received.len() + 1),
    };
    match length.checked_sub(received.len()) {
        Some(missing @ 1..) if length <= LENGTH_MAX => Ok(missing),
        _ => Err(NoProxyHeader),
    }
}

#[cfg(test)]
mod tests {
    use proxy_header::ProxiedAddress;

    use super::*;

    const BIND: &[u8] = b"the client's first octets";

    fn v1(text: &str) -> Vec<u8> {
        [text.as_bytes(), BIND].concat()
    }

    fn v2(header: &ProxyHeader<'_>) -> Vec<u8> {
        let mut octets = Vec::new();
        header.encode_v2(&mut octets).expect("a small header");
        [&octets, BIND].concat()
    }

    /// What is read of these octets, and what is left for the client; an error also when they end too early.
    fn read(octets: &[u8]) -> (Result<Option<SocketAddr>, NoProxyHeader>, usize) {
        let mut received = 0;
        loop {
            match super::read(&octets[..received]) {
                Ok(Progress::Needs(count)) if received + count <= octets.len() => received += count,
                Ok(Progress::Needs(_)) => return (Err(NoProxyHeader), 0),
                Ok(Progress::Client(client)) => return (Ok(client), octets.len() - received),
                Err(error) => return (Err(error), octets.len() - received),
            }
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("a test writes addresses")
    }

    #[test]
    fn the_client_is_who_the_header_says_and_nothing_behind_it_is_read() {
        let (ours, client) = (address("10.0.0.1:2775"), address("192.0.2.7:40000"));
        let (ours6, client6) = (address("[2001:db8::1]:2775"), address("[2001:db8::7]:40000"));
        for (octets, client) in [
            (v1("PROXY TCP4 192.0.2.7 10.0.0.1 40000 2775\r\n"), client),
            (v1("PROXY TCP6 2001:db8::7 2001:db8::1 40000 2775\r\n"), client6),
            (v2(&ProxyHeader::with_address(ProxiedAddress::stream(client, ours))), client),
            (v2(&ProxyHeader::with_address(ProxiedAddress::stream(client6, ours6))), client6),
        ] {
            let (header, left) = read(&octets);
            assert_eq!(header.expect("a good header"), Some(client));
            assert_eq!(left, BIND.len());
        }
    }

    #[test]
    fn a_balancer_may_speak_for_itself() {
        for octets in
            [v1("PROXY UNKNOWN\r\n"), v1("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), v2(&ProxyHeader::with_local())]
        {
            let (header, left) = read(&octets);
            assert_eq!((header.expect("a good header"), left), (None, BIND.len()));
        }
    }

    #[test]
    fn tlvs_are_read_over() {
        let mut header =
            ProxyHeader::with_address(ProxiedAddress::stream(address("192.0.2.7:1"), address("10.0.0.1:2")));
        header.append_tlv(proxy_header::Tlv::UniqueId(b"id of a connection"[..].into()));
        let (read_as, left) = read(&v2(&header));
        assert_eq!((read_as.expect("a good header"), left), (Some(address("192.0.2.7:1")), BIND.len()));
    }

    #[test]
    fn what_is_no_header_is_junk() {
        let datagram =
            ProxyHeader::with_address(ProxiedAddress::datagram(address("192.0.2.7:1"), address("10.0.0.1:2")));
        let too_long = [b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xFF\xFF", &[0; 100][..]].concat();
        let endless = format!("PROXY TCP4 {}", "1".repeat(200));
        for octets in [
            &[0, 0, 0, 33, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1][..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"PROXY\xA0UNKNOWN\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 forty 2775\r\n",
            b"PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n",
            &v2(&datagram),
            &too_long,
            endless.as_bytes(),
        ] {
            assert_eq!(read(octets).0, Err(NoProxyHeader), "{octets:?}");
        }
    }
}
