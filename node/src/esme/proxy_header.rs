//! Reads a PROXY header from a connection, and nothing behind it.
//!
//! Before TLS, and to its last octet only: what follows belongs to the client. Who may send one is decided by the listener
//! before the first octet is read.

use std::io;
use std::net::SocketAddr;

use smsc_proto::proxy_header::{NoProxyHeader, Progress, read};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Why a connection has no usable header.
#[derive(Debug, thiserror::Error)]
pub enum NoHeader {
    /// Closed before its first octet: a balancer's or Kubernetes' TCP check, nothing to worry about.
    #[error("closed without a word")]
    Silent,
    /// What came is no PROXY header, or one that we do not take.
    #[error(transparent)]
    Junk(#[from] NoProxyHeader),
    /// The connection broke, or was closed in the middle of the header.
    #[error("the connection ended in its PROXY header: {0}")]
    Broken(io::Error),
}

/// Reads the header and nothing behind it. `None`: the balancer speaks for itself.
pub async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, NoHeader> {
    let mut received = Vec::with_capacity(128);
    loop {
        let missing = match read(&received)? {
            Progress::Needs(missing) => missing,
            Progress::Client(client) => return Ok(client),
        };
        let count = (&mut *stream).take(missing as u64).read_buf(&mut received).await.map_err(NoHeader::Broken)?;
        if count == 0 {
            return Err(match received.is_empty() {
                true => NoHeader::Silent,
                false => NoHeader::Broken(io::ErrorKind::UnexpectedEof.into()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of these octets, and what is left for the client.
    fn read(octets: &[u8]) -> (Result<Option<SocketAddr>, NoHeader>, &[u8]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut rest = octets;
        let header = runtime.block_on(read_header(&mut rest));
        (header, rest)
    }

    #[test]
    fn what_is_behind_the_header_is_left_for_the_client() {
        let (header, rest) = read(b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 2775\r\nthe client's first octets");
        assert_eq!(header.expect("a good header"), "192.0.2.7:40000".parse().ok());
        assert_eq!(rest, b"the client's first octets");
        assert!(matches!(read(b"GET / HTTP/1.1\r\n\r\n").0, Err(NoHeader::Junk(_))));
    }

    #[test]
    fn a_check_that_only_connects_is_told_from_a_header_that_breaks_off() {
        assert!(matches!(read(b"").0, Err(NoHeader::Silent)));
        assert!(matches!(read(b"PROXY TCP4 192.0.2.7").0, Err(NoHeader::Broken(_))));
    }
}
