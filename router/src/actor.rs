//! (being written)
pub struct Router;
