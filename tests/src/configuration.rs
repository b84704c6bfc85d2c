//! What a node of the cast reads: a small builder of configuration text.
//!
//! The text names only what a test cares about. For the rest the node's defaults hold, but for what would make tests
//! slow: an operator is tried again after 200 ms, and stopping does not wait for a balancer.

use std::fmt::Write;

use crate::esme::PASSWORD;
use crate::operator::Operator;

/// A configuration in the making; [`start`](Self::start) runs it.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    tables: String,
    sections: Vec<(&'static str, String)>,
    pub(crate) listeners: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Configuration {
    /// Nothing but a listener.
    pub fn new() -> Self {
        Self::default()
            .section("store", "disk_free_min = \"1MiB\"")
            .section("drain", "lb_delay = \"0s\"\ndeadline = \"15s\"")
            .section("telemetry", "log_level = \"debug\"\nlog_format = \"text\"")
    }

    /// With an account of that name, password [`PASSWORD`].
    pub fn account(self, system_id: &str) -> Self {
        self.account_with(system_id, "")
    }

    /// With an account that has these keys too.
    pub fn account_with(self, system_id: &str, keys: &str) -> Self {
        let password = match keys.contains("password") {
            true => String::new(),
            false => format!("password = {PASSWORD:?}\n"),
        };
        self.table("account", &format!("system_id = {system_id:?}\n{password}{keys}"))
    }

    /// With that operator.
    pub fn operator(self, operator: &Operator) -> Self {
        self.operator_with(operator, "")
    }

    /// With that operator, which has these keys too.
    pub fn operator_with(self, operator: &Operator, keys: &str) -> Self {
        self.operator_at(operator.name(), &operator.address().to_string(), keys)
    }

    /// With an operator at an address where perhaps nobody is.
    pub fn operator_at(self, name: &str, address: &str, keys: &str) -> Self {
        let mut text = format!("name = {name:?}\nsystem_id = \"smsc\"\npassword = {PASSWORD:?}\n");
        if !keys.contains("addresses") {
            let _ = writeln!(text, "addresses = [{address:?}]");
        }
        if !keys.contains("retry") {
            let _ = writeln!(text, "retry = [\"200ms\"]");
        }
        self.table("operator", &(text + keys))
    }

    /// With a route for a prefix to an operator.
    pub fn route(self, prefix: &str, operator: &str) -> Self {
        self.route_with(prefix, &format!("operators = [{{ name = {operator:?} }}]"))
    }

    /// With a route for a prefix, of these keys.
    pub fn route_with(self, prefix: &str, keys: &str) -> Self {
        self.table("route", &format!("prefix = {prefix:?}\n{keys}"))
    }

    /// With a route for MO messages to an account.
    pub fn mo_route(self, destination: &str, account: &str) -> Self {
        self.mo_route_with(destination, account, "")
    }

    /// The same with these keys too.
    pub fn mo_route_with(self, destination: &str, account: &str, keys: &str) -> Self {
        self.table("mo_route", &format!("destination = {destination:?}\naccount = {account:?}\n{keys}"))
    }

    /// With a second listener; `tls` is the value of its key.
    pub fn tls_listener(self, tls: &str) -> Self {
        self.listener(&format!("tls = {tls}"))
    }

    /// With one more listener that has these keys.
    pub fn listener(mut self, keys: &str) -> Self {
        self.listeners.push(keys.to_owned());
        self
    }

    /// With these keys in a section; a key that is there already is written anew.
    pub fn section(mut self, name: &'static str, keys: &str) -> Self {
        let index = match self.sections.iter().position(|(known, _)| *known == name) {
            Some(index) => index,
            None => {
                self.sections.push((name, String::new()));
                self.sections.len() - 1
            }
        };
        let text = &mut self.sections[index].1;
        for line in keys.lines().filter(|line| !line.trim().is_empty()) {
            let key = key_of(line);
            *text = text.lines().filter(|old| key_of(old) != key).map(|old| format!("{old}\n")).collect();
            let _ = writeln!(text, "{line}");
        }
        self
    }

    /// With an element of an array of tables, as it stands in the file.
    pub fn table(mut self, name: &str, keys: &str) -> Self {
        let _ = write!(self.tables, "[[{name}]]\n{keys}\n\n");
        self
    }

    /// With a variable in the node's environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, keys) in &self.sections {
            let _ = write!(text, "[{name}]\n{keys}\n");
        }
        text + &self.tables
    }
}

fn key_of(line: &str) -> &str {
    line.split('=').next().unwrap_or(line).trim()
}
