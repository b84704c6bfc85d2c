//! Entries of a configuration that may be changed while the node runs: accounts, operators, routes. An entry has a name,
//! its [`EntryKey`], and a change puts something in its place or takes it out.

use std::collections::{HashMap, HashSet};
use std::fmt;

use config::{Value, ValueKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Keys of secrets: never shown.
const SECRETS: [&str; 3] = ["password", "password_hash", "token"];
/// Of these a configuration has one: a change that gives another takes the place of all.
const CREDENTIALS: [&str; 3] = ["password", "password_file", "password_hash"];
/// The lists that entries stand in.
const LISTS: [&str; 4] = ["account", "operator", "route", "mo_route"];

/// What an entry is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum EntryKey {
    /// An `[[account]]`.
    Account {
        /// Its name.
        system_id: String,
    },
    /// An `[[operator]]`.
    Operator {
        /// Its name.
        name: String,
    },
    /// A `[[route]]`.
    Route {
        /// Digits that the destination begins with.
        prefix: String,
        /// Only for this account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// Only for sources that begin with this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
    },
    /// A `[[mo_route]]`.
    MoRoute {
        /// The number, or a prefix with `*` at its end.
        destination: String,
        /// The first word of the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keyword: Option<String>,
        /// Only from this operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<String>,
    },
}

/// What takes an entry's place; `None`: it is taken out. Of an account or an operator that the file has, the keys that
/// are given change; routes are exchanged whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which entry.
    pub key: EntryKey,
    /// Its keys as a file would write them, without those that name it.
    pub keys: Option<Map<String, Json>>,
}

impl EntryKey {
    /// The list that it stands in.
    pub const fn list(&self) -> &'static str {
        match self {
            Self::Account { .. } => "account",
            Self::Operator { .. } => "operator",
            Self::Route { .. } => "route",
            Self::MoRoute { .. } => "mo_route",
        }
    }

    /// Keyword in one case: it is compared without.
    #[must_use]
    pub fn normalised(self) -> Self {
        match self {
            Self::MoRoute { destination, keyword, operator } => {
                Self::MoRoute { destination, keyword: keyword.map(|word| word.to_lowercase()), operator }
            }
            other => other,
        }
    }

    /// The keys that name it, with their values.
    fn names(&self) -> Vec<(&'static str, Option<&str>)> {
        match self {
            Self::Account { system_id } => vec![("system_id", Some(system_id))],
            Self::Operator { name } => vec![("name", Some(name))],
            Self::Route { prefix, account, source } => {
                vec![("prefix", Some(prefix)), ("account", account.as_deref()), ("source", source.as_deref())]
            }
            Self::MoRoute { destination, keyword, operator } => vec![
                ("destination", Some(destination)),
                ("keyword", keyword.as_deref()),
                ("operator", operator.as_deref()),
            ],
        }
    }

    /// What an element of a list is known by; `None`: it has no name that could be one.
    fn of(list: &str, element: &Value) -> Option<Self> {
        let ValueKind::Table(table) = &element.kind else { return None };
        let text = |name: &str| match table.get(name).map(|value| &value.kind) {
            Some(ValueKind::String(text)) => Some(Some(text.clone())),
            Some(ValueKind::Nil) | None => Some(None),
            Some(_) => None,
        };
        let key = match list {
            "account" => Self::Account { system_id: text("system_id")?? },
            "operator" => Self::Operator { name: text("name")?? },
            "route" => Self::Route { prefix: text("prefix")??, account: text("account")?, source: text("source")? },
            "mo_route" => Self::MoRoute {
                destination: text("destination")??,
                keyword: text("keyword")?,
                operator: text("operator")?,
            },
            _ => return None,
        };
        Some(key.normalised())
    }
}

/// Where each entry of a configuration stands in its list. Thousands of changes are looked up in it.
pub(super) struct Places(HashMap<EntryKey, usize>);

impl Places {
    /// Of that configuration.
    pub(super) fn of(configuration: &Value) -> Self {
        let mut places = HashMap::new();
        let ValueKind::Table(sections) = &configuration.kind else { return Self(places) };
        for list in LISTS {
            let Some(ValueKind::Array(elements)) = sections.get(list).map(|list| &list.kind) else { continue };
            for (position, element) in elements.iter().enumerate() {
                if let Some(key) = EntryKey::of(list, element) {
                    // Of two with one name, which the check refuses, the first.
                    places.entry(key).or_insert(position);
                }
            }
        }
        Self(places)
    }

    /// An entry's place in its list.
    pub(super) fn get(&self, key: &EntryKey) -> Option<usize> {
        self.0.get(&key.clone().normalised()).copied()
    }
}

/// Carries changes out, one after the other.
pub(super) fn apply<'a>(changes: impl IntoIterator<Item = &'a Change>, configuration: &mut Value) {
    let mut places = Places::of(configuration);
    let ValueKind::Table(sections) = &mut configuration.kind else { return };
    let mut taken_out = HashSet::new();
    for change in changes {
        let list = change.key.list();
        let empty = || Value::new(None, ValueKind::Array(Vec::new()));
        let list = sections.entry(list.to_owned()).or_insert_with(empty);
        let ValueKind::Array(elements) = &mut list.kind else { continue };
        let key = change.key.clone().normalised();
        let place = places.0.get(&key).copied();
        match (change.element(place.map(|place| &elements[place])), place) {
            (Some(element), Some(place)) => elements[place] = element,
            (Some(element), None) => {
                places.0.insert(key, elements.len());
                elements.push(element);
            }
            (None, Some(place)) => {
                places.0.remove(&key);
                taken_out.insert((change.key.list(), place));
            }
            (None, None) => {}
        }
    }
    for list in LISTS {
        let Some(ValueKind::Array(elements)) = sections.get_mut(list).map(|list| &mut list.kind) else { continue };
        let mut place = 0..;
        elements.retain(|_| place.next().is_none_or(|place| !taken_out.contains(&(list, place))));
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.list())?;
        for (name, value) in self.names() {
            if let Some(value) = value {
                write!(f, " {name}={value:?}")?;
            }
        }
        Ok(())
    }
}

impl Change {
    /// What stands in its place then; `None`: nothing.
    fn element(&self, before: Option<&Value>) -> Option<Value> {
        let keys = self.keys.as_ref()?;
        let patches = matches!(self.key, EntryKey::Account { .. } | EntryKey::Operator { .. });
        let mut table = match before.map(|before| &before.kind) {
            Some(ValueKind::Table(table)) if patches => table.clone(),
            Some(_) | None => config::Map::new(),
        };
        if keys.keys().any(|key| CREDENTIALS.contains(&key.as_str())) {
            CREDENTIALS.iter().for_each(|key| _ = table.remove(*key));
        }
        for (key, value) in keys {
            match value {
                // As good as not written: the default holds.
                Json::Null => _ = table.remove(key),
                value => _ = table.insert(key.clone(), of_json(value)),
            }
        }
        for (name, value) in self.key.names() {
            if let Some(value) = value {
                table.insert(name.to_owned(), Value::new(None, ValueKind::String(value.to_owned())));
            }
        }
        Some(Value::new(None, ValueKind::Table(table)))
    }
}

fn of_json(json: &Json) -> Value {
    let kind = match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(truth) => ValueKind::Boolean(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => ValueKind::I64(number),
            (None, Some(number)) => ValueKind::U64(number),
            (None, None) => ValueKind::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => ValueKind::String(text.clone()),
        Json::Array(values) => ValueKind::Array(values.iter().map(of_json).collect()),
        Json::Object(entries) => {
            ValueKind::Table(entries.iter().map(|(key, value)| (key.clone(), of_json(value))).collect())
        }
    };
    Value::new(None, kind)
}

/// A configuration for people: as JSON, without secrets.
pub(super) fn shown(value: &Value) -> Json {
    match &value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(truth) => (*truth).into(),
        ValueKind::I64(number) => (*number).into(),
        ValueKind::U64(number) => (*number).into(),
        ValueKind::I128(number) => number.to_string().into(),
        ValueKind::U128(number) => number.to_string().into(),
        ValueKind::Float(number) => (*number).into(),
        ValueKind::String(text) => without_password(text).into(),
        ValueKind::Array(values) => values.iter().map(shown).collect(),
        ValueKind::Table(table) => {
            let entry = |(key, value): (&String, &Value)| match SECRETS.contains(&key.as_str()) {
                true => (key.clone(), "***".into()),
                false => (key.clone(), shown(value)),
            };
            let mut entries: Vec<_> = table.iter().map(entry).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect())
        }
    }
}

/// The keys of a change for people: without secrets.
pub fn without_secrets(keys: &Map<String, Json>) -> Map<String, Json> {
    let hidden = |(key, value): (&String, &Json)| match (SECRETS.contains(&key.as_str()), value) {
        (true, Json::Null) => (key.clone(), Json::Null),
        (true, _) => (key.clone(), "***".into()),
        (false, value) => (key.clone(), value.clone()),
    };
    keys.iter().map(hidden).collect()
}

/// `scheme://user:password@host` without what stands before the `@`.
fn without_password(text: &str) -> String {
    match text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, host)) => format!("{scheme}://***@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn configuration(json: &Json) -> Value {
        of_json(json)
    }

    fn change(key: EntryKey, keys: Json) -> Change {
        Change { key, keys: keys.as_object().cloned() }
    }

    fn account(system_id: &str) -> EntryKey {
        EntryKey::Account { system_id: system_id.to_owned() }
    }

    fn route(prefix: &str, account: Option<&str>) -> EntryKey {
        EntryKey::Route { prefix: prefix.to_owned(), account: account.map(str::to_owned), source: None }
    }

    #[test]
    fn of_an_account_only_the_given_keys_change() {
        let mut value =
            configuration(&json!({"account": [{"system_id": "bank", "password_file": "x", "binds_max": 2}]}));
        apply([&change(account("bank"), json!({"throughput_max": 9, "binds_max": null}))], &mut value);
        assert_eq!(
            shown(&value),
            json!({"account": [{"system_id": "bank", "password_file": "x", "throughput_max": 9}]})
        );
    }

    #[test]
    fn a_new_password_takes_the_place_of_a_file_or_hash() {
        let mut value = configuration(&json!({"account": [{"system_id": "bank", "password_hash": "h"}]}));
        apply([&change(account("bank"), json!({"password": "new"}))], &mut value);
        let table = json!({"account": [{"system_id": "bank", "password": "***"}]});
        assert_eq!(shown(&value), table, "and is not shown");
    }

    #[test]
    fn a_route_is_exchanged_whole_and_others_stay() {
        let mut value = configuration(&json!({"route": [
            {"prefix": "46", "operators": [{"name": "a"}], "failover": ["b"]},
            {"prefix": "46", "account": "bank", "operators": [{"name": "a"}]},
        ]}));
        apply([&change(route("46", None), json!({"operators": [{"name": "c"}]}))], &mut value);
        assert_eq!(
            shown(&value),
            json!({"route": [
                {"prefix": "46", "operators": [{"name": "c"}]},
                {"prefix": "46", "account": "bank", "operators": [{"name": "a"}]},
            ]})
        );
        apply([&Change { key: route("46", Some("bank")), keys: None }], &mut value);
        assert_eq!(shown(&value), json!({"route": [{"prefix": "46", "operators": [{"name": "c"}]}]}));
    }

    #[test]
    fn what_the_file_does_not_have_is_added() {
        let mut value = configuration(&json!({}));
        apply([&change(route("47", None), json!({"operators": [{"name": "a", "weight": 2}]}))], &mut value);
        assert_eq!(shown(&value), json!({"route": [{"prefix": "47", "operators": [{"name": "a", "weight": 2}]}]}));
    }

    #[test]
    fn changes_of_one_list_do_not_get_in_each_others_way() {
        let mut value = configuration(&json!({"route": [{"prefix": "1"}, {"prefix": "2"}, {"prefix": "3"}]}));
        let gone = |prefix| Change { key: route(prefix, None), keys: None };
        let (set, new) = (change(route("3", None), json!({"x": 3})), change(route("4", None), json!({"x": 4})));
        apply([&gone("1"), &set, &gone("2"), &new, &gone("5")], &mut value);
        assert_eq!(shown(&value), json!({"route": [{"prefix": "3", "x": 3}, {"prefix": "4", "x": 4}]}));
    }

    #[test]
    fn keywords_are_the_same_in_any_case() {
        let key = EntryKey::MoRoute { destination: "7".into(), keyword: Some("JOIN".into()), operator: None };
        let value = configuration(&json!({"mo_route": [{"destination": "7", "keyword": "Join", "account": "x"}]}));
        assert_eq!(Places::of(&value).get(&key), Some(0));
        assert_eq!(key.to_string(), "mo_route destination=\"7\" keyword=\"JOIN\"");
    }

    #[test]
    fn passwords_in_urls_are_not_shown() {
        assert_eq!(without_password("postgres://smsc:secret@db/smsc"), "postgres://***@db/smsc");
        assert_eq!(without_password("smpp.example:2775"), "smpp.example:2775");
    }
}
