//! Which route, operator and link a message to a number would take now, and why.

use serde_json::{Value, json};
use smsc_router::route::MtRoute;
use smsc_router::selection::{Pair, Targets};
use smsc_store::Name;

use super::Node;
use super::accounts::origin;
use super::links::link_id;
use super::messages::linked_elsewhere;
use crate::config::EntryKey;
use crate::esme::account::Account;
use crate::operator::link_status::LinkState;
use crate::reload::Origins;

/// The answer as JSON; `why` holds sentences for people.
pub(super) fn explain(node: &Node, origins: &Origins, account: &Account, number: &[u8], source: &str) -> Value {
    let digits = String::from_utf8_lossy(number).into_owned();
    let snapshot = node.services.router.snapshot();
    let mut why = Vec::new();
    let asked = json!({ "number": digits, "account": account.name.as_str(), "source": source });
    let source = source.as_bytes();
    if !account.allows_source(source) {
        why.push("the account may not send as this source: it would be told ESME_RINVSRCADR".to_owned());
    }
    let Some(route) = snapshot.mt_route(account.name, source, number) else {
        let status = node.services.live().config.router.no_route.name();
        why.push(format!("no route takes {digits}: a submit would be told {status}"));
        return json!({ "asked": asked, "route": null, "operator": null, "links": [], "why": why });
    };
    let fitting: Vec<&MtRoute> =
        snapshot.mt_routes().filter(|route| takes(route, account.name, source, number)).collect();
    why.push(chosen_route(route, &fitting));
    let pair = Pair { source, destination: number };
    let first = Targets::of(route).choose(pair, |_| true);
    let chosen = snapshot.mt(account.name, source, number).ok();
    why.push(chosen_operator(route, first, chosen, |name| snapshot.is_available(name)));
    let links: Vec<_> = node.links.list().into_iter().filter(|link| Some(link.operator) == chosen).collect();
    let bound: Vec<String> = links.iter().filter(|link| link.status.state == LinkState::Bound).map(link_id).collect();
    why.push(match (&bound[..], chosen) {
        ([], Some(name)) if linked_elsewhere(node, name).is_some() => {
            let peer = linked_elsewhere(node, name).unwrap_or_default();
            format!("the link to {name} is on {peer}, which takes it from here when its window has room")
        }
        ([], Some(name)) => {
            let last = links.iter().find_map(|link| link.status.error.as_ref());
            let last = last.map_or(String::new(), |(_, error)| format!(" (last error: {error})"));
            format!("{name} has no bound link{last}: the message would wait")
        }
        ([only], _) => format!("{only} takes it when its window has room"),
        (several, _) => format!("whichever of {} has room first takes it", several.join(", ")),
    });
    let operators: Vec<Value> = route
        .operators
        .iter()
        .map(|(name, weight)| {
            json!({ "name": name.as_str(), "weight": weight, "available": snapshot.is_available(*name) })
        })
        .collect();
    let key = EntryKey::Route {
        prefix: route.prefix.clone(),
        account: route.account.map(|name| name.as_str().to_owned()),
        source: route.source.clone(),
    };
    json!({
        "asked": asked,
        "route": {
            "prefix": route.prefix,
            "account": route.account.map(|name| name.as_str()),
            "source": route.source,
            "operators": operators,
            "failover": route.failover.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "origin": origin(origins, &key),
        },
        "operator": chosen.map(|name| name.as_str()),
        "links": bound,
        "why": why,
    })
}

/// The route that such a message takes by the table of now, and whether it leads to that operator. `None`: none takes it.
pub(super) fn rule(node: &Node, account: Name, source: &str, number: &str, operator: Name) -> Option<(String, bool)> {
    let snapshot = node.services.router.snapshot();
    let (source, number) = (source.as_bytes(), number.as_bytes());
    let route = snapshot.mt_route(account, source, number)?;
    let fitting: Vec<&MtRoute> = snapshot.mt_routes().filter(|route| takes(route, account, source, number)).collect();
    let leads = route.operators.iter().any(|(name, _)| *name == operator) || route.failover.contains(&operator);
    Some((chosen_route(route, &fitting), leads))
}

fn takes(route: &MtRoute, account: Name, source: &[u8], number: &[u8]) -> bool {
    number.starts_with(route.prefix.as_bytes())
        && route.account.is_none_or(|own| own == account)
        && route.source.as_ref().is_none_or(|own| source.starts_with(own.as_bytes()))
}

fn chosen_route(route: &MtRoute, fitting: &[&MtRoute]) -> String {
    let own = described(route);
    let others: Vec<String> = fitting.iter().filter(|other| **other != route).map(|other| described(other)).collect();
    if others.is_empty() {
        return format!("route {own} is the only one that takes it");
    }
    let same_prefix = fitting.iter().any(|other| *other != route && other.prefix == route.prefix);
    let rule = match same_prefix {
        true => "among equal prefixes the one that names account and source wins",
        false => "the longest prefix wins",
    };
    format!("route {own} takes it: {rule} (also fitting: {})", others.join("; "))
}

fn described(route: &MtRoute) -> String {
    let mut text = format!("{:?}", route.prefix);
    if let Some(account) = route.account {
        text.push_str(&format!(" account {account}"));
    }
    if let Some(source) = &route.source {
        text.push_str(&format!(" source {source:?}"));
    }
    text
}

fn chosen_operator(
    route: &MtRoute,
    first: Option<Name>,
    chosen: Option<Name>,
    available: impl Fn(Name) -> bool,
) -> String {
    let (Some(first), Some(chosen)) = (first, chosen) else { return "the route names no operator".to_owned() };
    if first == chosen && !available(chosen) {
        return format!("none of the route's operators is available: the first choice, {chosen}, keeps it waiting");
    }
    if first == chosen {
        return match route.operators.len() {
            1 => format!("{chosen} is the route's only operator"),
            _ => format!("{chosen}, by weight and the hash of source and destination: the same each time"),
        };
    }
    match route.failover.contains(&chosen) {
        true => format!(
            "failover {chosen}: {first} and the others are passed over, they have had no bound link for failover_after"
        ),
        false => {
            format!("{chosen} in place of {first}, which is passed over: it has had no bound link for failover_after")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::intern(text)
    }

    fn route(prefix: &str, account: Option<&str>) -> MtRoute {
        MtRoute {
            prefix: prefix.to_owned(),
            account: account.map(name),
            source: None,
            operators: vec![(name("ex-a"), 3), (name("ex-b"), 1)],
            failover: vec![name("ex-c")],
        }
    }

    #[test]
    fn the_route_is_told_with_those_that_it_beat_and_why() {
        let (long, short, own) = (route("4670", None), route("46", None), route("4670", Some("ex-bank")));
        assert_eq!(chosen_route(&long, &[&long]), "route \"4670\" is the only one that takes it");
        let text = chosen_route(&long, &[&long, &short]);
        assert_eq!(text, "route \"4670\" takes it: the longest prefix wins (also fitting: \"46\")");
        let text = chosen_route(&own, &[&own, &long]);
        assert!(text.contains("the one that names account and source wins"), "{text}");
    }

    #[test]
    fn the_operator_is_told_with_the_reason_of_the_choice() {
        let route = route("46", None);
        let said = |chosen: &str, up: &[&str]| {
            chosen_operator(&route, Some(name("ex-a")), Some(name(chosen)), |name| up.contains(&name.as_str()))
        };
        assert!(said("ex-a", &["ex-a"]).contains("by weight"));
        assert!(said("ex-b", &["ex-b"]).contains("in place of ex-a, which is passed over"));
        assert!(said("ex-c", &["ex-c"]).contains("failover ex-c"));
        assert!(said("ex-a", &[]).contains("none of the route's operators is available"));
    }
}
