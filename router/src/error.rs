//! What is wrong with the routes of a configuration. All of it is the operator's to mend before the node starts.

use smsc_store::Name;

/// Routes that no table can be made of. Routes are named by their place in the configuration, from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// Two MT routes for the same prefix, account and source.
    #[error("route {first} and route {second} are both for {key}")]
    ConflictingRoutes {
        /// The earlier one.
        first: usize,
        /// The later one.
        second: usize,
        /// What both take.
        key: String,
    },
    /// Two MO routes for the same destination, keyword and operator.
    #[error("mo_route {first} and mo_route {second} are both for {key}")]
    ConflictingMoRoutes {
        /// The earlier one.
        first: usize,
        /// The later one.
        second: usize,
        /// What both take.
        key: String,
    },
    /// A prefix or destination with something else than digits.
    #[error("{kind} {route}: `{text}` is not written in digits")]
    NotDigits {
        /// `route` or `mo_route`.
        kind: &'static str,
        /// Which.
        route: usize,
        /// What is written there.
        text: String,
    },
    /// An MT route that leads nowhere.
    #[error("route {route}: no operators")]
    NoOperators {
        /// Which.
        route: usize,
    },
    /// A weight that never draws a message.
    #[error("route {route}: the weight of {operator} is 0")]
    ZeroWeight {
        /// Which route.
        route: usize,
        /// Whose weight.
        operator: Name,
    },
    /// An operator that stands twice in one route.
    #[error("route {route}: {operator} stands there twice")]
    RepeatedOperator {
        /// Which route.
        route: usize,
        /// Which operator.
        operator: Name,
    },
    /// A route to or from an operator that is not configured.
    #[error("{kind} {route}: there is no operator {operator}")]
    UnknownOperator {
        /// `route` or `mo_route`.
        kind: &'static str,
        /// Which route.
        route: usize,
        /// Which operator.
        operator: Name,
    },
    /// A keyword that no first word of a text can equal.
    #[error("mo_route {route}: the keyword `{keyword}` is not one word")]
    NotAKeyword {
        /// Which route.
        route: usize,
        /// The keyword.
        keyword: String,
    },
}
