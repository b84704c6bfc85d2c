//! What can go wrong with the store: ours to mend, never the peer's.

/// Why the store cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// (to be refined by the store helpers)
    #[error("{0}")]
    Other(String),
}
