//! What one key alone cannot say: names that must exist, or must not exist twice; limits that contradict each other.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use axum::http::Uri;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_store::journal::postgres::PostgresOptions;

use super::{
    Account, ByteSize, Config, Journal, Listener, MoRoute, Operator, OperatorBind, Problem, ProxyProtocol, Route,
};
use crate::cluster::CalledTls;
use crate::tls::{ServerTls, client_config};

/// The longest password that we take or send (Q28).
const PASSWORD_LENGTH_MAX: usize = 64;
/// The shortest lease of a partition in PostgreSQL.
const LEASE_MIN: Duration = Duration::from_secs(1);
/// The longest name of an operator.
const NAME_LENGTH_MAX: usize = 64;
/// As many nodes as there are numbers.
const NODES_MAX: u32 = 60;
/// The longest source address without its NUL (S39).
const ADDRESS_LENGTH_MAX: usize = 20;

/// Problems found so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn unless(&mut self, good: bool, key: impl Into<String>, reason: impl Into<String>) {
        if !good {
            self.0.push(Problem::new(key, reason));
        }
    }

    /// The second of two equals is the problem.
    fn unique<T: Hash + Eq>(&mut self, values: impl IntoIterator<Item = (T, String)>, reason: impl Display) {
        let mut seen = HashSet::new();
        for (value, key) in values {
            self.unless(seen.insert(value), key, reason.to_string());
        }
    }
}

impl Config {
    /// All contradictions between keys. Touches no file.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut found = Problems::default();
        self.check_node(&mut found);
        check_listeners(&self.listener, &mut found);
        check_accounts(&self.account, &mut found);
        self.check_client_certificates(&mut found);
        check_operators(&self.operator, &mut found);
        self.check_routes(&mut found);
        self.check_mo_routes(&mut found);
        self.check_postgres(&mut found);
        self.check_cluster(&mut found);
        self.check_telemetry(&mut found);
        found.0
    }

    /// Certificates and keys that cannot be used; of operators only, if the listeners' are made later.
    pub(super) fn certificate_problems(&self, of_listeners: bool) -> Vec<Problem> {
        let mut found = Problems::default();
        for (index, listener) in self.listener.iter().enumerate().filter(|_| of_listeners) {
            if let Some(Err(error)) = listener.tls.as_ref().map(ServerTls::load) {
                found.unless(false, format!("listener[{index}].tls"), error.to_string());
            }
        }
        for (index, operator) in self.operator.iter().enumerate() {
            if let Some(Err(error)) = operator.tls.as_ref().map(|tls| client_config(tls.ca.as_deref())) {
                found.unless(false, format!("operator[{index}].tls"), error.to_string());
            }
        }
        let ca = self.store.postgres.as_ref().and_then(|postgres| postgres.ca.as_deref());
        if let Some(Err(error)) = ca.map(|ca| client_config(Some(ca))) {
            found.unless(false, "store.postgres.ca", error.to_string());
        }
        if let Some(Err(error)) = self.cluster.as_ref().and_then(|cluster| cluster.tls.as_ref()).map(CalledTls::load) {
            found.unless(false, "cluster.tls", error.to_string());
        }
        found.0
    }

    fn check_telemetry(&self, found: &mut Problems) {
        let Some(endpoint) = &self.telemetry.otlp_endpoint else { return };
        let uri: Option<Uri> = endpoint.parse().ok();
        let fits = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        let reason = format!("{endpoint:?}, expected an address such as \"http://collector:4317\"");
        found.unless(fits, "telemetry.otlp_endpoint", reason);
    }

    fn check_node(&self, found: &mut Problems) {
        let printable = !self.node.name.is_empty() && self.node.name.bytes().all(|octet| octet.is_ascii_graphic());
        found.unless(printable, "node.name", "expected printable ASCII characters without blanks");
        let size = self.session.pdu_size_max;
        let possible = (ByteSize::kib(1)..=ByteSize::mib(1)).contains(&size);
        found.unless(possible, "session.pdu_size_max", "expected a size from \"1KiB\" to \"1MiB\"");
        found.unless(self.store.messages_max > 0, "store.messages_max", "zero, expected a number of at least 1");
        let guarded = self.http.address.ip().is_loopback() || self.http.token_file.is_some();
        let reason = format!("{} is not loopback, expected http.token_file beside it", self.http.address);
        found.unless(guarded, "http.address", reason);
        let reason = "shorter than drain.lb_delay, expected a longer time";
        found.unless(self.drain.deadline >= self.drain.lb_delay, "drain.deadline", reason);
    }

    /// An account that must show a certificate needs a listener that asks for one.
    fn check_client_certificates(&self, found: &mut Problems) {
        let asks = |listener: &Listener| listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let asked = self.listener.iter().any(asks);
        for (index, account) in self.account.iter().enumerate() {
            let key = format!("account[{index}].client_certificate");
            let reason = "given while no listener has tls.client_ca: the account could not bind";
            found.unless(asked || account.client_certificate.is_none(), key.as_str(), reason);
            let named = account.client_certificate.as_ref().is_none_or(|name| !name.is_empty());
            found.unless(named, key.as_str(), "empty, expected a common name or DNS name");
        }
    }

    fn check_routes(&self, found: &mut Problems) {
        let selector = |route: &Route| (route.prefix.clone(), route.account.clone(), route.source.clone());
        let keys = self.route.iter().enumerate().map(|(index, route)| (selector(route), format!("route[{index}]")));
        found.unique(keys, "a second route with this prefix, account and source");
        for (index, route) in self.route.iter().enumerate() {
            let key = format!("route[{index}]");
            found.unless(
                !route.operators.is_empty(),
                format!("{key}.operators"),
                "empty, expected at least one operator",
            );
            let chosen = route.operators.iter().enumerate();
            let chosen = chosen.map(|(at, operator)| (operator.name.as_str(), format!("{key}.operators[{at}].name")));
            let failover = route.failover.iter().enumerate();
            let failover = failover.map(|(at, name)| (name.as_str(), format!("{key}.failover[{at}]")));
            let named: Vec<(&str, String)> = chosen.chain(failover).collect();
            for (name, key) in &named {
                self.check_operator_exists(name, key, found);
            }
            found.unique(named, "the same operator twice in one route");
            if let Some(account) = &route.account {
                self.check_account_exists(account, &format!("{key}.account"), found);
            }
        }
    }

    fn check_mo_routes(&self, found: &mut Problems) {
        let selector = |route: &MoRoute| {
            let keyword = route.keyword.as_ref().map(|keyword| keyword.to_lowercase());
            (format!("{:?}", route.destination), keyword, route.operator.clone())
        };
        let keys = self.mo_route.iter().enumerate();
        let keys = keys.map(|(index, route)| (selector(route), format!("mo_route[{index}]")));
        found.unique(keys, "a second route with this destination, keyword and operator");
        for (index, route) in self.mo_route.iter().enumerate() {
            let key = format!("mo_route[{index}]");
            self.check_account_exists(&route.account, &format!("{key}.account"), found);
            if let Some(operator) = &route.operator {
                self.check_operator_exists(operator, &format!("{key}.operator"), found);
            }
            let word = |keyword: &String| !keyword.is_empty() && !keyword.contains(char::is_whitespace);
            let good = route.keyword.as_ref().is_none_or(word);
            found.unless(good, format!("{key}.keyword"), "expected one word");
        }
    }

    fn check_operator_exists(&self, name: &str, key: &str, found: &mut Problems) {
        let exists = self.operator.iter().any(|operator| operator.name == name);
        found.unless(exists, key, format!("no operator is named {name:?}, expected the name of an [[operator]]"));
    }

    fn check_account_exists(&self, name: &str, key: &str, found: &mut Problems) {
        let exists = self.account.iter().any(|account| *account.system_id == *name);
        found.unless(exists, key, format!("no account is named {name:?}, expected the system_id of an [[account]]"));
    }

    fn check_postgres(&self, found: &mut Problems) {
        let asked = self.store.journal == Journal::Postgres;
        let reason = "none while store.journal is \"postgres\", expected { urls = [\"postgres://...\"] }";
        found.unless(!asked || self.store.postgres.is_some(), "store.postgres", reason);
        let Some(postgres) = &self.store.postgres else { return };
        let reason = "shorter than 1 s: a partition would be lost with every hiccup, expected some seconds";
        found.unless(postgres.lease >= LEASE_MIN, "store.postgres.lease", reason);
        // The same as at the start, but for TLS, whose files are looked at with the other certificates.
        let urls = postgres.urls.iter().map(|url| url.expose());
        let tls = client_config(None).ok();
        if let Err(error) = PostgresOptions::new(urls, None, postgres.lease, &self.node.name, tls) {
            found.unless(false, "store.postgres.urls", error.to_string());
        }
    }

    fn check_cluster(&self, found: &mut Problems) {
        let Some(cluster) = &self.cluster else { return };
        let named = (1..=NAME_LENGTH_MAX).contains(&cluster.name.len())
            && cluster.name.bytes().all(|octet| octet.is_ascii_graphic());
        let reason = format!("expected 1 to {NAME_LENGTH_MAX} printable ASCII characters without blanks");
        found.unless(named, "cluster.name", reason);
        let reason = format!("{}, expected at most {NODES_MAX}: numbers end at 59", cluster.nodes_expected);
        found.unless(cluster.nodes_expected <= NODES_MAX, "cluster.nodes_expected", reason);
        let reason = "empty while other nodes are expected: this node would find none, expected names or addresses";
        found.unless(!cluster.seeds.is_empty() || cluster.nodes_expected == 1, "cluster.seeds", reason);
    }
}

fn check_listeners(listeners: &[Listener], found: &mut Problems) {
    found.unless(!listeners.is_empty(), "listener", "none, expected at least one [[listener]]");
    let fixed = listeners.iter().enumerate().filter(|(_, listener)| listener.address.port() != 0);
    let keys = fixed.map(|(index, listener)| (listener.address, format!("listener[{index}].address")));
    found.unique(keys, "a second listener with this address");
    for (index, listener) in listeners.iter().enumerate() {
        let reachable = listener.proxy_protocol == ProxyProtocol::Off || !listener.trusted_proxies.is_empty();
        let reason =
            "empty while proxy_protocol is \"required\": nobody could connect, expected the balancers' networks";
        found.unless(reachable, format!("listener[{index}].trusted_proxies"), reason);
    }
}

fn check_accounts(accounts: &[Account], found: &mut Problems) {
    let keys = accounts.iter().enumerate();
    let keys = keys.map(|(index, account)| (account.system_id.clone(), format!("account[{index}].system_id")));
    found.unique(keys, "a second account with this system_id");
    for (index, account) in accounts.iter().enumerate() {
        let key = |name: &str| format!("account[{index}].{name}");
        let in_clear = account.password.is_some() || account.password_file.is_some();
        let reason = match (in_clear, account.password_hash.is_some()) {
            (false, false) => Some("none, expected password, password_file or password_hash"),
            (true, true) => Some("given beside password_hash, expected one of them"),
            (true, false) | (false, true) => None,
        };
        found.unless(reason.is_none(), key("password"), reason.unwrap_or_default());
        let length = account.password.as_ref().map_or(1, |password| password.expose().len());
        let reason = format!("{length} octets, expected 1 to {PASSWORD_LENGTH_MAX}");
        found.unless((1..=PASSWORD_LENGTH_MAX).contains(&length), key("password"), reason);
        let ordered = account.validity_default <= account.validity_max;
        found.unless(ordered, key("validity_default"), "longer than validity_max, expected a shorter time");
        let good = account.source_default.len() <= ADDRESS_LENGTH_MAX && account.source_default.is_ascii();
        found.unless(good, key("source_default"), format!("expected at most {ADDRESS_LENGTH_MAX} ASCII characters"));
        for (at, source) in account.allowed_sources.iter().enumerate() {
            let prefix = source.strip_suffix('*').unwrap_or(source);
            let good = !source.is_empty() && !prefix.contains('*');
            let reason = format!("{source:?}, expected an address, a prefix such as \"4670*\", or \"*\"");
            found.unless(good, format!("account[{index}].allowed_sources[{at}]"), reason);
        }
    }
}

fn check_operators(operators: &[Operator], found: &mut Problems) {
    let keys = operators.iter().enumerate();
    let keys = keys.map(|(index, operator)| (operator.name.as_str(), format!("operator[{index}].name")));
    found.unique(keys, "a second operator with this name");
    for (index, operator) in operators.iter().enumerate() {
        let key = |name: &str| format!("operator[{index}].{name}");
        let named = (1..=NAME_LENGTH_MAX).contains(&operator.name.len())
            && operator.name.bytes().all(|octet| octet.is_ascii_graphic());
        let reason = format!("expected 1 to {NAME_LENGTH_MAX} printable ASCII characters without blanks");
        found.unless(named, key("name"), reason);
        found.unless(!operator.addresses.is_empty(), key("addresses"), "empty, expected at least one \"host:port\"");
        let given = operator.password.is_some() || operator.password_file.is_some();
        found.unless(given, key("password"), "none, expected password or password_file");
        let length = operator.password.as_ref().map_or(0, |password| password.expose().len());
        let reason = format!("{length} octets, expected at most {PASSWORD_LENGTH_MAX}");
        found.unless(length <= PASSWORD_LENGTH_MAX, key("password"), reason);
        found.unless(!operator.retry.is_empty(), key("retry"), "empty, expected at least one duration");
        let short = |text: &str, max| text.len() <= max && text.is_ascii();
        found.unless(short(&operator.system_type, 12), key("system_type"), "expected at most 12 ASCII characters");
        found.unless(short(&operator.address_range, 40), key("address_range"), "expected at most 40 ASCII characters");
        for (at, rule) in operator.senders.iter().enumerate() {
            let prefix = rule.from.strip_suffix('*').unwrap_or(&rule.from);
            let good = !rule.from.is_empty() && !prefix.contains('*');
            let reason = format!("{:?}, expected a sender, a prefix such as \"4670*\", or \"*\"", rule.from);
            found.unless(good, format!("operator[{index}].senders[{at}].from"), reason);
            let reason = format!("expected at most {ADDRESS_LENGTH_MAX} ASCII characters");
            found.unless(short(&rule.to, ADDRESS_LENGTH_MAX), format!("operator[{index}].senders[{at}].to"), reason);
        }
        let single = operator.links == 1 && operator.bind == OperatorBind::Transceiver;
        let reason = "true with more than one link or a pair of binds: one bind is all that there may be";
        found.unless(single || !operator.exclusive, key("exclusive"), reason);
        let natural = !operator.status.contains_key(&CommandStatus::ESME_ROK);
        found.unless(natural, key("status"), "ESME_ROK always means accepted, expected only error codes");
    }
}
