//! A configuration as a list of its keys, so that two can be compared. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

/// What an entry of a list is known by, of each list that has such entries.
const NAMES: [&[&str]; 5] =
    [&["system_id"], &["name"], &["prefix", "account", "source"], &["destination"], &["address"]];

/// Every key that a configuration for people says, by its path: `session.response`, `account["bank"].binds_max`. Entries
/// of lists go by what they are known by, so that another order is no difference.
pub fn keys(shown: &Json) -> BTreeMap<String, Json> {
    let mut keys = BTreeMap::new();
    add(shown, String::new(), &mut keys);
    keys
}

fn add(value: &Json, path: String, keys: &mut BTreeMap<String, Json>) {
    match value {
        Json::Object(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                add(value, path, keys);
            }
        }
        Json::Array(entries) if entries.iter().any(Json::is_object) => {
            for (index, entry) in entries.iter().enumerate() {
                add(entry, format!("{path}[{}]", name_of(entry).unwrap_or_else(|| index.to_string())), keys);
            }
        }
        value => _ = keys.insert(path, value.clone()),
    }
}

fn name_of(entry: &Json) -> Option<String> {
    let table = entry.as_object()?;
    let names = NAMES.iter().find(|names| names.first().is_some_and(|first| table.contains_key(*first)))?;
    let texts: Vec<String> = names.iter().filter_map(|name| text(table, name)).collect();
    Some(texts.join(", "))
}

fn text(table: &Map<String, Json>, name: &str) -> Option<String> {
    Some(format!("{:?}", table.get(name)?.as_str()?))
}

/// The keys that two do not say alike: with what the one says and what the other.
pub fn different(one: &BTreeMap<String, Json>, other: &BTreeMap<String, Json>) -> Vec<(String, Json, Json)> {
    let mut all: Vec<&String> = one.keys().chain(other.keys()).collect();
    all.sort_unstable();
    all.dedup();
    let said = |by: &BTreeMap<String, Json>, key: &String| by.get(key).cloned().unwrap_or_default();
    let both = all.into_iter().map(|key| (key.clone(), said(one, key), said(other, key)));
    both.filter(|(_, one, other)| one != other).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_key_has_a_path_and_entries_go_by_their_names() {
        let shown = json!({
            "session": { "response": "5s" },
            "account": [{ "system_id": "bank", "binds_max": 3 }, { "system_id": "shop", "allowed_sources": ["A", "B"] }],
            "route": [{ "prefix": "46", "account": "bank", "operators": [{ "name": "north", "weight": 2 }] }],
        });
        let keys: Vec<String> = keys(&shown).into_keys().collect();
        assert_eq!(
            keys,
            [
                "account[\"bank\"].binds_max",
                "account[\"bank\"].system_id",
                "account[\"shop\"].allowed_sources",
                "account[\"shop\"].system_id",
                "route[\"46\", \"bank\"].account",
                "route[\"46\", \"bank\"].operators[\"north\"].name",
                "route[\"46\", \"bank\"].operators[\"north\"].weight",
                "route[\"46\", \"bank\"].prefix",
                "session.response",
            ]
        );
    }

    #[test]
    fn another_order_is_no_difference_and_another_value_and_one_that_is_missing_are() {
        let of = |accounts: Json| keys(&json!({ "account": accounts }));
        let (bank, shop) = (json!({ "system_id": "bank", "binds_max": 3 }), json!({ "system_id": "shop" }));
        assert_eq!(different(&of(json!([bank, shop])), &of(json!([shop, bank]))), []);
        let more = json!({ "system_id": "bank", "binds_max": 4 });
        let found = different(&of(json!([bank, shop])), &of(json!([more])));
        assert_eq!(
            found,
            [
                ("account[\"bank\"].binds_max".to_owned(), json!(3), json!(4)),
                ("account[\"shop\"].system_id".to_owned(), json!("shop"), Json::Null)
            ]
        );
    }
}
