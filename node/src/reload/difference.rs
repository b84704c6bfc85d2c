//! What differs between two configurations. Pure.

use std::collections::BTreeMap;

use crate::config::Config;

/// That configuration, but what cannot change while the node runs is as it was started.
pub(super) fn in_force(started: &Config, wanted: Config) -> Config {
    let mut config = started.clone();
    config.account = wanted.account;
    config.operator = wanted.operator;
    config.route = wanted.route;
    config.mo_route = wanted.mo_route;
    config.router = wanted.router;
    config.http.tokens = wanted.http.tokens;
    config.telemetry.log_level = wanted.telemetry.log_level;
    config
}

/// The sections of the file that differ and do not follow while the node runs.
pub(super) fn waits_for_restart(started: &Config, now: &Config) -> Vec<&'static str> {
    let mut sections = Vec::new();
    let mut add = |differs: bool, section| {
        if differs {
            sections.push(section);
        }
    };
    add(started.node != now.node, "node");
    add(started.listener != now.listener, "listener");
    add(started.session != now.session, "session");
    add(started.store != now.store, "store");
    add(started.cluster != now.cluster, "cluster");
    add(started.drain != now.drain, "drain");
    let http = |config: &Config| (config.http.address, config.http.agent_check, config.http.token_file.is_some());
    add(http(started) != http(now), "http");
    add(started.cdr != now.cdr, "cdr");
    let mut telemetry = started.telemetry.clone();
    telemetry.log_level = now.telemetry.log_level;
    add(telemetry != now.telemetry, "telemetry");
    sections
}

/// What has changed, in a few words; `None`: nothing.
pub(super) fn summary(before: &Config, after: &Config) -> Option<String> {
    let accounts =
        |config: &Config| config.account.iter().map(|one| (one.system_id.to_string(), one.clone())).collect();
    let operators = |config: &Config| config.operator.iter().map(|one| (one.name.clone(), one.clone())).collect();
    let mut parts = Vec::new();
    parts.extend(changes("accounts", &accounts(before), &accounts(after)));
    parts.extend(changes("operators", &operators(before), &operators(after)));
    let routes = before.route != after.route || before.mo_route != after.mo_route || before.router != after.router;
    let other = [
        (routes, "routes"),
        (before.http.tokens != after.http.tokens, "tokens"),
        (before.telemetry.log_level != after.telemetry.log_level, "log level"),
    ];
    parts.extend(other.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| format!("{what} changed")));
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn changes<T: PartialEq>(what: &str, before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> Option<String> {
    let added = after.keys().filter(|name| !before.contains_key(*name)).map(|name| format!("+{name}"));
    let removed = before.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("-{name}"));
    let differs = |(name, one): &(&String, &T)| before.get(*name).is_some_and(|other| other != *one);
    let changed = after.iter().filter(differs).map(|(name, _)| name.clone());
    let names: Vec<String> = added.chain(removed).chain(changed).collect();
    /// More would make a line that nobody reads.
    const NAMED_MAX: usize = 10;
    match names.len() {
        0 => None,
        count if count > NAMED_MAX => Some(format!("{what}: {count} changed")),
        _ => Some(format!("{what}: {}", names.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn demo() -> Config {
        Config::demo(Path::new("data"))
    }

    #[test]
    fn what_cannot_follow_stays_and_is_named() {
        let started = demo();
        let mut wanted = demo();
        wanted.listener.pop();
        wanted.store.messages_max = 1;
        wanted.account[0].binds_max = 1;
        assert_eq!(waits_for_restart(&started, &wanted), ["listener", "store"]);
        let config = in_force(&started, wanted);
        assert_eq!((config.listener.len(), config.account[0].binds_max), (2, 1));
        assert_eq!(config.store, started.store);
    }

    #[test]
    fn a_log_level_waits_for_nothing() {
        let mut wanted = demo();
        wanted.telemetry.log_level = crate::config::LogLevel::Debug;
        assert!(waits_for_restart(&demo(), &wanted).is_empty());
        assert_eq!(summary(&demo(), &wanted).as_deref(), Some("log level changed"));
    }

    #[test]
    fn accounts_and_operators_are_named() {
        assert_eq!(summary(&demo(), &demo()), None);
        let mut wanted = demo();
        wanted.account[0].binds_max = 1;
        let mut added = wanted.operator[0].clone();
        added.name = "south".to_owned();
        wanted.operator.push(added);
        wanted.route.clear();
        let text = summary(&demo(), &wanted).expect("three things");
        assert_eq!(text, "accounts: demo; operators: +south; routes changed");
    }
}
