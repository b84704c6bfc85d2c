//! Routes as the configuration writes them.

use smsc_store::Name;

/// An MT route: the longest prefix wins; among equal prefixes one bound to account and source beats a general one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtRoute {
    /// Digits that the normalised destination begins with; empty: every destination.
    pub prefix: String,
    /// Only for this account.
    pub account: Option<Name>,
    /// Only for sources that begin with this.
    pub source: Option<String>,
    /// Chosen among by weighted rendezvous hash of (source, destination); weights of at least 1.
    pub operators: Vec<(Name, u32)>,
    /// Tried in order when none of the others is available.
    pub failover: Vec<Name>,
}

/// An MO route: an exact destination beats a prefix, a longer prefix a shorter one, keyword and operator refine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoRoute {
    /// The number that the handset wrote to.
    pub destination: MoDestination,
    /// The first word of the text, compared without case.
    pub keyword: Option<String>,
    /// Only from this operator.
    pub operator: Option<Name>,
    /// Who gets it.
    pub account: Name,
}

/// Which MO destinations a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoDestination {
    /// This number.
    Exact(String),
    /// Numbers that begin so.
    Prefix(String),
}
