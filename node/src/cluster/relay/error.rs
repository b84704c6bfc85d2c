//! Why a stream to a peer is ended from here.

/// What is wrong with a stream. All of them end it; a new one begins with what is open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// The peer's fault: a part that no release says.
    #[error("the peer said something that cannot be understood: {0}")]
    Malformed(&'static str),
    /// The peer's fault: messages that nobody asked for.
    #[error("the peer gave leases of partition {partition} that nobody asked for")]
    NotAskedFor {
        /// Which.
        partition: u16,
    },
    /// The network's fault, or the peer is stopped.
    #[error("the peer has said nothing for {seconds} s")]
    Silent {
        /// How long we wait.
        seconds: u64,
    },
    /// The peer's fault: it is up and does not read.
    #[error("the peer does not read: {octets} octets wait for it")]
    Deaf {
        /// How many.
        octets: usize,
    },
}
