//! Keys that are read and have no effect yet: `smsc check` and the start of the node say so.
//!
//! This is the only list of them. Whoever gives a key its effect takes it off.

use super::{AccountTlv, Alphabet, Config, LongMessages, MoNoRoute, ProxyProtocol, Router, Store};

/// A key that was given and does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Such as `account[0].tlv`.
    pub key: String,
    /// What to expect of it.
    pub note: &'static str,
}

const LATER: &str = "takes effect in a later release";
const ALPHABET: &str = "read for the text of receipts only; messages are converted in a later release";
const PARK: &str = "messages are parked in a later release; until then operators are told ESME_RX_T_APPN and keep them";

impl Config {
    /// The keys of this configuration that differ from their defaults and have no effect in this release.
    pub fn without_effect(&self) -> Vec<Pending> {
        let mut keys = Vec::new();
        let mut add = |given: bool, key: String| {
            if given {
                keys.push(Pending { key, note: LATER });
            }
        };
        for (index, listener) in self.listener.iter().enumerate() {
            add(listener.proxy_protocol != ProxyProtocol::Off, format!("listener[{index}].proxy_protocol"));
            add(!listener.trusted_proxies.is_empty(), format!("listener[{index}].trusted_proxies"));
        }
        for (index, account) in self.account.iter().enumerate() {
            add(account.tlv != AccountTlv::default(), format!("account[{index}].tlv"));
        }
        for (index, operator) in self.operator.iter().enumerate() {
            add(operator.exclusive, format!("operator[{index}].exclusive"));
            add(operator.alphabet != Alphabet::Gsm7, format!("operator[{index}].alphabet"));
            add(operator.long_messages != LongMessages::Keep, format!("operator[{index}].long_messages"));
        }
        add(self.router.mo_park_max != Router::default().mo_park_max, "router.mo_park_max".to_owned());
        add(self.store.memory_max != Store::default().memory_max, "store.memory_max".to_owned());
        add(self.store.postgres.is_some(), "store.postgres".to_owned());
        add(self.http.agent_check.is_some(), "http.agent_check".to_owned());
        add(self.http.token_file.is_some(), "http.token_file".to_owned());
        add(self.cdr.is_some(), "cdr".to_owned());
        add(self.telemetry.otlp_endpoint.is_some(), "telemetry.otlp_endpoint".to_owned());
        for (index, account) in self.account.iter().enumerate() {
            if account.alphabet != Alphabet::Gsm7 {
                keys.push(Pending { key: format!("account[{index}].alphabet"), note: ALPHABET });
            }
        }
        if self.router.mo_no_route == MoNoRoute::Park {
            keys.push(Pending { key: "router.mo_no_route".to_owned(), note: PARK });
        }
        keys
    }
}
