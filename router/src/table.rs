//! Routing tables: which route takes a message. Pure, built once, looked up without allocation.

use smsc_store::Name;

use crate::error::RouterError;
use crate::route::{MoDestination, MoRoute, MtRoute};
use crate::selection::Targets;
use crate::trie::DigitTrie;

/// MT routes by destination: the longest prefix that has a route for the message wins; among equal prefixes account
/// and source beat the account alone, that the source alone, that the general route. A longer source beats a shorter.
#[derive(Clone, Debug, Default)]
pub struct MtRoutingTable {
    entries: Vec<MtEntry>,
    prefixes: DigitTrie<Vec<MtFilter>>,
}

/// A route, and its operators made ready to choose from.
#[derive(Clone, Debug)]
pub struct MtEntry {
    /// As it was configured.
    pub route: MtRoute,
    /// Its operators.
    pub targets: Targets,
}

/// What a route asks beyond its prefix. In a list the more particular stand first: the first that fits is the one.
#[derive(Clone, Debug)]
struct MtFilter {
    account: Option<Name>,
    source: Box<[u8]>,
    entry: usize,
}

impl MtFilter {
    fn takes(&self, account: Name, source: &[u8]) -> bool {
        self.account.is_none_or(|own| own == account) && source.starts_with(&self.source)
    }

    /// Lower is more particular.
    fn rank(&self) -> (bool, usize) {
        (self.account.is_none(), usize::MAX - self.source.len())
    }
}

impl MtRoutingTable {
    /// A table of these routes, in any order.
    pub fn new(routes: Vec<MtRoute>) -> Result<Self, RouterError> {
        let mut table = Self::default();
        for (entry, route) in routes.into_iter().enumerate() {
            check_operators(&route, entry + 1)?;
            let Some(filters) = table.prefixes.place(route.prefix.as_bytes()) else {
                return Err(RouterError::NotDigits { kind: "route", route: entry + 1, text: route.prefix });
            };
            let source = route.source.as_deref().unwrap_or_default().as_bytes().into();
            let filter = MtFilter { account: route.account, source, entry };
            if let Some(same) = filters.iter().find(|own| own.account == filter.account && own.source == filter.source)
            {
                let (first, second) = (same.entry + 1, entry + 1);
                return Err(RouterError::ConflictingRoutes { first, second, key: mt_key(&route) });
            }
            filters.push(filter);
            table.entries.push(MtEntry { targets: Targets::of(&route), route });
        }
        table.prefixes.values_mut().for_each(|filters| filters.sort_by_key(MtFilter::rank));
        Ok(table)
    }

    /// The route of a message; `destination` in normalised digits.
    pub fn find(&self, account: Name, source: &[u8], destination: &[u8]) -> Option<&MtEntry> {
        let fits = |(filters, _): (&Vec<MtFilter>, bool)| {
            filters.iter().find(|filter| filter.takes(account, source)).map(|filter| filter.entry)
        };
        // The shortest come first, so the last that fits is the longest.
        let entry = self.prefixes.prefixes_of(destination).filter_map(fits).last()?;
        self.entries.get(entry)
    }

    /// All routes, as they came.
    pub fn routes(&self) -> impl Iterator<Item = &MtRoute> {
        self.entries.iter().map(|entry| &entry.route)
    }
}

fn check_operators(route: &MtRoute, number: usize) -> Result<(), RouterError> {
    if route.operators.is_empty() {
        return Err(RouterError::NoOperators { route: number });
    }
    if let Some((operator, _)) = route.operators.iter().find(|(_, weight)| *weight == 0) {
        return Err(RouterError::ZeroWeight { route: number, operator: *operator });
    }
    let names: Vec<Name> = operators_of(route).collect();
    let repeated = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
    match repeated {
        Some((_, operator)) => Err(RouterError::RepeatedOperator { route: number, operator: *operator }),
        None => Ok(()),
    }
}

/// All operators of a route, failovers last.
pub(crate) fn operators_of(route: &MtRoute) -> impl Iterator<Item = Name> {
    route.operators.iter().map(|(name, _)| *name).chain(route.failover.iter().copied())
}

fn mt_key(route: &MtRoute) -> String {
    let mut key = format!("prefix `{}`", route.prefix);
    if let Some(account) = route.account {
        key.push_str(&format!(", account {account}"));
    }
    if let Some(source) = &route.source {
        key.push_str(&format!(", source `{source}`"));
    }
    key
}

/// MO routes by destination: an exact one beats a prefix, a longer prefix a shorter; on the same destination keyword
/// and operator beat the keyword alone, that the operator alone, that the route without both.
#[derive(Clone, Debug, Default)]
pub struct MoRoutingTable {
    routes: Vec<MoRoute>,
    destinations: DigitTrie<MoFilters>,
}

#[derive(Clone, Debug, Default)]
struct MoFilters {
    exact: Vec<MoFilter>,
    prefix: Vec<MoFilter>,
}

#[derive(Clone, Debug)]
struct MoFilter {
    keyword: Option<Box<[u8]>>,
    operator: Option<Name>,
    route: usize,
}

impl MoFilter {
    fn takes(&self, operator: Name, word: &[u8]) -> bool {
        self.operator.is_none_or(|own| own == operator)
            && self.keyword.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(word))
    }

    fn is_like(&self, other: &Self) -> bool {
        let alike = match (&self.keyword, &other.keyword) {
            (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
            (own, other) => own.is_none() && other.is_none(),
        };
        alike && self.operator == other.operator
    }

    /// Lower is more particular.
    fn rank(&self) -> (bool, bool) {
        (self.keyword.is_none(), self.operator.is_none())
    }
}

impl MoRoutingTable {
    /// A table of these routes, in any order.
    pub fn new(routes: Vec<MoRoute>) -> Result<Self, RouterError> {
        let mut destinations = DigitTrie::<MoFilters>::default();
        for (index, route) in routes.iter().enumerate() {
            let number = index + 1;
            if let Some(keyword) = route
                .keyword
                .as_ref()
                .filter(|keyword| first_word(keyword.as_bytes()) != keyword.as_bytes() || keyword.is_empty())
            {
                return Err(RouterError::NotAKeyword { route: number, keyword: keyword.clone() });
            }
            let (digits, exact) = match &route.destination {
                MoDestination::Exact(digits) => (digits, true),
                MoDestination::Prefix(digits) => (digits, false),
            };
            let filters = match destinations.place(digits.as_bytes()) {
                Some(filters) if exact && !digits.is_empty() => &mut filters.exact,
                Some(filters) if !exact => &mut filters.prefix,
                _ => return Err(RouterError::NotDigits { kind: "mo_route", route: number, text: digits.clone() }),
            };
            let keyword = route.keyword.as_ref().map(|keyword| keyword.as_bytes().into());
            let filter = MoFilter { keyword, operator: route.operator, route: index };
            if let Some(same) = filters.iter().find(|own| own.is_like(&filter)) {
                let (first, second) = (same.route + 1, number);
                return Err(RouterError::ConflictingMoRoutes { first, second, key: mo_key(route) });
            }
            filters.push(filter);
        }
        for filters in destinations.values_mut() {
            filters.exact.sort_by_key(MoFilter::rank);
            filters.prefix.sort_by_key(MoFilter::rank);
        }
        Ok(Self { routes, destinations })
    }

    /// The route of a message; `destination` in normalised digits, `text` in ASCII or a superset.
    pub fn find(&self, operator: Name, destination: &[u8], text: &[u8]) -> Option<&MoRoute> {
        let word = first_word(text);
        let fit = |filters: &[MoFilter]| {
            filters.iter().find(|filter| filter.takes(operator, word)).map(|filter| filter.route)
        };
        let mut found = None;
        for (filters, whole) in self.destinations.prefixes_of(destination) {
            found = fit(&filters.prefix).or(found);
            if whole {
                found = fit(&filters.exact).or(found);
            }
        }
        self.routes.get(found?)
    }

    /// All routes, as they came.
    pub fn routes(&self) -> impl Iterator<Item = &MoRoute> {
        self.routes.iter()
    }
}

/// What stands before the first white space, that at the beginning not counted.
fn first_word(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    &text[..end]
}

fn mo_key(route: &MoRoute) -> String {
    let mut key = match &route.destination {
        MoDestination::Exact(digits) => format!("destination `{digits}`"),
        MoDestination::Prefix(digits) => format!("destination `{digits}*`"),
    };
    if let Some(keyword) = &route.keyword {
        key.push_str(&format!(", keyword `{keyword}`"));
    }
    if let Some(operator) = route.operator {
        key.push_str(&format!(", operator {operator}"));
    }
    key
}

#[cfg(test)]
mod tests;
