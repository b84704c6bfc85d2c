//! A verb becomes a request to the API. Pure, but for values that are read from files.

use std::fs;

use serde_json::{Map, Value, json};

use super::http::CtlError;
use super::verbs::{
    Cdr, Config, Entries, Links, Messages, Nodes, Queues, Rebalance, RouteName, Routes, Sessions, Trace, Traced,
    Upgrade, Verb,
};

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// GET, POST, PUT or DELETE.
    pub(super) method: &'static str,
    /// Below `/api/v1/`, with the query.
    pub(super) path: String,
    /// The JSON body.
    pub(super) body: Option<Value>,
}

impl Request {
    /// What the verb asks.
    pub(super) fn of(verb: &Verb) -> Result<Self, CtlError> {
        Ok(match verb {
            Verb::Status => get("status"),
            Verb::Nodes { verb: None | Some(Nodes::List) } => get("nodes"),
            Verb::Nodes { verb: Some(Nodes::Drain { name, dry_run }) } => node(name, "drain", *dry_run),
            Verb::Nodes { verb: Some(Nodes::Undrain { name, dry_run }) } => node(name, "undrain", *dry_run),
            Verb::Nodes { verb: Some(Nodes::Decommission { name, dry_run, .. }) } => {
                node(name, "decommission", *dry_run)
            }
            Verb::Rebalance { verb: None | Some(Rebalance::Plan) } => get("rebalance"),
            Verb::Rebalance { verb: Some(Rebalance::Start { rate }) } => {
                post(&["rebalance"], Some(json!({ "rate": rate })))
            }
            Verb::Rebalance { verb: Some(Rebalance::Stop) } => {
                Request { method: "DELETE", path: "rebalance".to_owned(), body: None }
            }
            Verb::Sessions { verb: None | Some(Sessions::List), account } => {
                get(&format!("sessions{}", query(&[("account", account.as_deref())])))
            }
            Verb::Sessions { verb: Some(Sessions::Disconnect { id }), .. } => {
                post(&["sessions", id, "disconnect"], None)
            }
            Verb::Links { verb: None | Some(Links::List) } => get("links"),
            Verb::Links { verb: Some(Links::Reconnect { id }) } => post(&["links", id, "reconnect"], None),
            Verb::Links { verb: Some(Links::Drop { id }) } => post(&["links", id, "drop"], None),
            Verb::Links { verb: Some(Links::Pause { id }) } => post(&["links", id, "pause"], None),
            Verb::Links { verb: Some(Links::Resume { id }) } => post(&["links", id, "resume"], None),
            Verb::Accounts { verb } => entries("accounts", "account", "system_id", verb.as_ref())?,
            Verb::Operators { verb } => entries("operators", "operator", "name", verb.as_ref())?,
            Verb::Routes { verb } => routes(verb.as_ref())?,
            Verb::Queues { verb } => queues(verb.as_ref()),
            Verb::Messages { verb } => messages(verb),
            Verb::Drain { name, yes } => post(&["drain"], Some(json!({ "node": name, "dry_run": !yes }))),
            Verb::Upgrade { verb: None | Some(Upgrade::Status) } => get("upgrade"),
            Verb::Upgrade { verb: Some(Upgrade::Finish { dry_run }) } => {
                post(&["upgrade", "finish"], Some(json!({ "dry_run": dry_run })))
            }
            Verb::Trace { verb } => trace(verb.as_ref()),
            Verb::Cdr { verb: None | Some(Cdr::Status) } => get("cdr"),
            Verb::Cdr { verb: Some(Cdr::Rotate) } => post(&["cdr", "rotate"], None),
            Verb::Config { verb: None | Some(Config::Show) } => get("config"),
            Verb::Config { verb: Some(Config::Diff) } => get("config/differences"),
            Verb::Config { verb: Some(Config::Reload) } => post(&["config", "reload"], None),
            Verb::Events { .. } | Verb::Top | Verb::Completions { .. } => {
                return Err(CtlError::Usage("this is no single request".to_owned()));
            }
        })
    }
}

impl Request {
    /// The same, put to one node alone.
    pub(super) fn to(self, node: Option<&str>) -> Self {
        let Some(node) = node else { return self };
        let mark = if self.path.contains('?') { '&' } else { '?' };
        Self { path: format!("{}{mark}node={}", self.path, escaped(node)), ..self }
    }
}

/// GET that path, with its query.
pub(super) fn get(path: &str) -> Request {
    Request { method: "GET", path: path.to_owned(), body: None }
}

fn post(parts: &[&str], body: Option<Value>) -> Request {
    let parts: Vec<String> = parts.iter().map(|part| escaped(part)).collect();
    Request { method: "POST", path: parts.join("/"), body }
}

fn trace(verb: Option<&Trace>) -> Request {
    let of = |Traced { account, number }: &Traced, limit: Option<&str>| {
        query(&[("account", account.as_deref()), ("number", number.as_deref()), ("limit", limit)])
    };
    match verb {
        None | Some(Trace::List) => get("traces"),
        Some(Trace::Start { whose: Traced { account, number }, time }) => {
            let fields = [("account", account), ("number", number)];
            let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
            let mut body: Map<String, Value> = given.collect();
            body.insert("seconds".to_owned(), time.as_secs().into());
            post(&["traces"], Some(Value::Object(body)))
        }
        Some(Trace::Stop { whose }) => {
            Request { method: "DELETE", path: format!("traces{}", of(whose, None)), body: None }
        }
        Some(Trace::Show { whose, lines }) => get(&format!("traces/lines{}", of(whose, Some(&lines.to_string())))),
    }
}

fn node(name: &str, order: &str, dry_run: bool) -> Request {
    post(&["nodes", name, order], Some(json!({ "dry_run": dry_run })))
}

fn put(mut key: Map<String, Value>, what: (&str, Value), dry_run: bool) -> Request {
    key.insert(what.0.to_owned(), what.1);
    if dry_run {
        key.insert("dry_run".to_owned(), true.into());
    }
    Request { method: "PUT", path: "overrides".to_owned(), body: Some(Value::Object(key)) }
}

fn delete(key: &Map<String, Value>) -> Request {
    let fields: Vec<(&str, Option<&str>)> = key.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Request { method: "DELETE", path: format!("overrides{}", query(&fields)), body: None }
}

fn key(kind: &str, fields: &[(&str, Option<&str>)]) -> Map<String, Value> {
    let mut key = Map::new();
    key.insert("kind".to_owned(), kind.into());
    key.extend(fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), Value::from((*value)?)))));
    key
}

fn entries(list: &str, kind: &str, field: &str, verb: Option<&Entries>) -> Result<Request, CtlError> {
    let of = |name: &str| key(kind, &[(field, Some(name))]);
    Ok(match verb {
        None | Some(Entries::List) => get(list),
        Some(Entries::Set { name, keys, dry_run }) => {
            let keys: Map<String, Value> = keys.iter().map(|text| assignment(text)).collect::<Result<_, _>>()?;
            put(of(name), ("set", Value::Object(keys)), *dry_run)
        }
        Some(Entries::Remove { name }) => put(of(name), ("remove", true.into()), false),
        Some(Entries::Unset { name }) => delete(&of(name)),
    })
}

fn routes(verb: Option<&Routes>) -> Result<Request, CtlError> {
    let of = |RouteName { prefix, account, source }: &RouteName| {
        let fields =
            [("prefix", Some(prefix.as_str())), ("account", account.as_deref()), ("source", source.as_deref())];
        key("route", &fields)
    };
    Ok(match verb {
        None | Some(Routes::List) => get("routes"),
        Some(Routes::Set { route, to, failover, dry_run }) => {
            let operators: Vec<Value> = to.iter().map(|text| weighted(text)).collect::<Result<_, _>>()?;
            put(of(route), ("set", json!({ "operators": operators, "failover": failover })), *dry_run)
        }
        Some(Routes::Remove { route }) => put(of(route), ("remove", true.into()), false),
        Some(Routes::Unset { route }) => delete(&of(route)),
        Some(Routes::Test { number, account, source }) => {
            let fields = [
                ("number", Some(number.as_str())),
                ("account", Some(account.as_str())),
                ("source", Some(source.as_str())),
            ];
            get(&format!("routes/test{}", query(&fields)))
        }
    })
}

fn queues(verb: Option<&Queues>) -> Request {
    match verb {
        None | Some(Queues::List) => get("queues"),
        Some(Queues::Purge { operator, older_than, really }) => {
            let mut body = json!({ "dry_run": !really.yes });
            if let Some(older_than) = older_than {
                body["older_than"] = older_than.as_str().into();
            }
            post(&["queues", operator, "purge"], Some(body))
        }
        Some(Queues::Move { from, to, really }) => {
            post(&["queues", from, "move"], Some(json!({ "to": to, "dry_run": !really.yes })))
        }
    }
}

fn messages(verb: &Messages) -> Request {
    match verb {
        Messages::Find { id, operator_id, operator, number, from, until, after, limit } => {
            let limit = limit.map(|limit| limit.to_string());
            get(&format!(
                "messages{}",
                query(&[
                    ("id", id.as_deref()),
                    ("operator_id", operator_id.as_deref()),
                    ("operator", operator.as_deref()),
                    ("number", number.as_deref()),
                    ("from", from.as_deref()),
                    ("until", until.as_deref()),
                    ("after", after.as_deref()),
                    ("limit", limit.as_deref()),
                ])
            ))
        }
        Messages::Trace { id } => get(&format!("messages/{}", escaped(id))),
        Messages::Cancel { id } => post(&["messages", id, "cancel"], None),
        Messages::Retry { id } => post(&["messages", id, "retry"], None),
    }
}

/// `north:3`, or `north`.
fn weighted(text: &str) -> Result<Value, CtlError> {
    match text.rsplit_once(':') {
        None => Ok(json!({ "name": text })),
        Some((name, weight)) => match weight.parse::<u32>() {
            Ok(weight) => Ok(json!({ "name": name, "weight": weight })),
            Err(_) => Err(CtlError::Usage(format!("{text:?}: {weight:?} is no weight, expected OPERATOR:NUMBER"))),
        },
    }
}

/// `key=value`: numbers, truth values, lists and tables as JSON writes them, anything else is text.
fn assignment(text: &str) -> Result<(String, Value), CtlError> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| CtlError::Usage(format!("{text:?}: expected KEY=VALUE, such as throughput_max=500")))?;
    let value = match value.strip_prefix('@') {
        Some(file) => {
            let text = fs::read_to_string(file)
                .map_err(|error| CtlError::Usage(format!("{key}: {file} cannot be read: {error}")))?;
            Value::from(text.trim_end_matches(['\r', '\n']))
        }
        None if value.is_empty() => Value::Null,
        // A password of digits is text all the same.
        None if matches!(key, "password" | "system_id") => value.into(),
        None => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    };
    Ok((key.to_owned(), value))
}

fn query(fields: &[(&str, Option<&str>)]) -> String {
    let given: Vec<String> =
        fields.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped((*value)?)))).collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

/// Percent-encoded, as part of a path or a query.
fn escaped(text: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
    let octets = text.bytes();
    octets.map(|octet| if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_is_asked_alone() {
        assert_eq!(get("links").to(Some("smsc 1")).path, "links?node=smsc%201");
        assert_eq!(get("messages?id=7").to(Some("a")).path, "messages?id=7&node=a");
        assert_eq!(get("links").to(None).path, "links");
    }

    #[test]
    fn a_route_is_set_with_its_weights() {
        let route = RouteName { prefix: "4670".into(), account: Some("bank".into()), source: None };
        let to = vec!["north:3".to_owned(), "south".to_owned()];
        let verb = Routes::Set { route, to, failover: vec!["west".into()], dry_run: false };
        let request = routes(Some(&verb)).expect("good");
        assert_eq!((request.method, request.path.as_str()), ("PUT", "overrides"));
        assert_eq!(
            request.body,
            Some(json!({
                "kind": "route", "prefix": "4670", "account": "bank",
                "set": { "operators": [{ "name": "north", "weight": 3 }, { "name": "south" }], "failover": ["west"] },
            }))
        );
        assert!(weighted("north:much").is_err());
    }

    #[test]
    fn values_are_what_they_look_like() {
        let value = |text| assignment(text).map(|(_, value)| value).expect("good");
        assert_eq!(value("throughput_max=500"), json!(500));
        assert_eq!(value("receipt_lifetime=3d"), json!("3d"));
        assert_eq!(value("allow_from=[\"10.0.0.0/8\"]"), json!(["10.0.0.0/8"]));
        assert_eq!(value("password=123456"), json!("123456"));
        assert_eq!(value("outbind="), Value::Null);
        assert!(assignment("throughput_max").is_err() && assignment("=5").is_err());
        assert!(assignment("password=@no/such/file").is_err());
    }

    #[test]
    fn what_a_url_cannot_hold_is_escaped() {
        let verb = Routes::Test { number: "+4670".into(), account: "a&b".into(), source: String::new() };
        assert_eq!(routes(Some(&verb)).expect("good").path, "routes/test?number=%2B4670&account=a%26b&source=");
        assert_eq!(post(&["links", "north:0", "pause"], None).path, "links/north%3A0/pause");
    }
}
