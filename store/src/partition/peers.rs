//! Over which connections the messages came, each kept once.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;
use smsc_proto::smpp::pdu::BindKind;

use crate::messages::Peer;

/// Peers by number, counted: thousands of messages share one. Number 0 is no peer.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    entries: Vec<(Option<Peer>, u32)>,
    free: Vec<u32>,
    numbers: FxHashMap<(std::net::IpAddr, u8), u32>,
}

fn key(peer: Peer) -> (std::net::IpAddr, u8) {
    (peer.address, peer.bind as u8)
}

impl Peers {
    /// The number of a peer, which one more delivery uses.
    pub(crate) fn hold(&mut self, peer: Peer) -> u32 {
        if let Some(number) = self.numbers.get(&key(peer)) {
            self.entries[*number as usize - 1].1 += 1;
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.entries.push((None, 0));
            self.entries.len() as u32
        });
        self.entries[number as usize - 1] = (Some(peer), 1);
        self.numbers.insert(key(peer), number);
        number
    }

    /// One delivery fewer uses it.
    pub(crate) fn release(&mut self, number: u32) {
        let Some((peer, uses)) = (number as usize).checked_sub(1).and_then(|index| self.entries.get_mut(index)) else {
            return;
        };
        *uses = uses.saturating_sub(1);
        if *uses == 0
            && let Some(peer) = peer.take()
        {
            self.numbers.remove(&key(peer));
            self.free.push(number);
        }
    }

    /// The peer with this number; one that says nothing if there is none.
    pub(crate) fn get_or_unknown(&self, number: u32) -> Peer {
        self.get(number).unwrap_or(Peer { address: Ipv4Addr::UNSPECIFIED.into(), bind: BindKind::Transceiver })
    }

    /// The peer with this number.
    pub(crate) fn get(&self, number: u32) -> Option<Peer> {
        (number as usize).checked_sub(1).and_then(|index| self.entries.get(index)).and_then(|entry| entry.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8, bind: BindKind) -> Peer {
        Peer { address: [10, 0, 0, last].into(), bind }
    }

    #[test]
    fn one_connection_has_one_number_while_it_is_used() {
        let mut peers = Peers::default();
        let number = peers.hold(peer(1, BindKind::Transceiver));
        assert_eq!(peers.hold(peer(1, BindKind::Transceiver)), number);
        assert_ne!(peers.hold(peer(1, BindKind::Transmitter)), number);
        peers.release(number);
        assert_eq!(peers.get(number).map(|peer| peer.address), Some([10, 0, 0, 1].into()));
        peers.release(number);
        assert!(peers.get(number).is_none() && peers.get(0).is_none());
        assert_eq!(peers.hold(peer(9, BindKind::Receiver)), number);
    }
}
