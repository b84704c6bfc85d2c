//! Where a configuration comes from, so that it can be read again, and with changes on top of it.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use config::{FileFormat, Value};
use serde_json::Value as Json;

use super::entry::{self, Change, EntryKey, Places};
use super::error::{ConfigError, Problem};
use super::load::{self, Merged};
use super::{Config, demo};

/// A file with the environment, or the demo that has none.
#[derive(Clone, Debug)]
pub enum Source {
    /// `.toml` or `.yaml`.
    File(PathBuf),
    /// The loopback demo with its data in that folder.
    Demo(PathBuf),
}

/// What a source said at one moment. Each key may still be wrong.
#[derive(Clone)]
pub struct Written {
    merged: Merged,
    demo: Option<PathBuf>,
}

/// A configuration with changes on top.
pub struct Changed {
    /// The configuration.
    pub config: Config,
    /// Changes that do not fit what they are made to, with the reason. They are left out, and tried again at the next
    /// occasion.
    pub left_out: Vec<(EntryKey, String)>,
}

impl Source {
    /// The file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Demo(_) => None,
        }
    }

    /// Reads it.
    pub fn read(&self) -> Result<Written, ConfigError> {
        match self {
            Self::File(path) => Ok(Written { merged: load::merge_file(path, load::environment())?, demo: None }),
            Self::Demo(data_dir) => Ok(Written { merged: load::embedded(demo::TEXT)?, demo: Some(data_dir.clone()) }),
        }
    }
}

impl Written {
    /// What it says, checked.
    pub fn config(&self) -> Result<Config, ConfigError> {
        self.checked(self.merged.value.clone())
    }

    /// The same with changes; those that do not fit are left out. An error is the source's own.
    pub fn with(&self, changes: &[Change]) -> Result<Changed, ConfigError> {
        self.config()?;
        let mut left_out = Vec::new();
        let mut kept: Vec<&Change> = changes.iter().collect();
        loop {
            match self.try_with(kept.iter().copied()) {
                Ok(config) => return Ok(Changed { config, left_out }),
                Err(failed) => {
                    let (error, value) = *failed;
                    let blamed = blamed(&kept, &error, &value);
                    if blamed.is_empty() {
                        return Err(error);
                    }
                    // From the end, so that those before keep their places.
                    for (index, reason) in blamed.into_iter().rev() {
                        left_out.push((kept.remove(index).key.clone(), reason));
                    }
                }
            }
        }
    }

    /// The same with all changes, or why that cannot be.
    pub fn with_all(&self, changes: &[Change]) -> Result<Config, ConfigError> {
        self.try_with(changes.iter()).map_err(|failed| failed.0)
    }

    /// What is said with these changes, for people: without secrets.
    pub fn shown(&self, changes: &[Change]) -> Json {
        let mut value = self.merged.value.clone();
        entry::apply(changes, &mut value);
        entry::shown(&value)
    }

    /// Whether the source itself has that entry.
    pub fn has(&self, key: &EntryKey) -> bool {
        Places::of(&self.merged.value).get(key).is_some()
    }

    fn try_with<'a>(&self, changes: impl Iterator<Item = &'a Change>) -> Result<Config, Box<(ConfigError, Value)>> {
        let mut value = self.merged.value.clone();
        entry::apply(changes, &mut value);
        self.checked(value.clone()).map_err(|error| Box::new((error, value)))
    }

    fn checked(&self, value: Value) -> Result<Config, ConfigError> {
        let mut config = self.merged.read(value)?;
        if let Some(data_dir) = &self.demo {
            demo::complete(&mut config, data_dir);
        }
        load::check(&self.merged.file, config, self.demo.is_none())
    }
}

/// Which changes are to be left out because of this error, in their order: those whose entries are wrong, else the last
/// that takes something out that others need, else the last.
fn blamed(changes: &[&Change], error: &ConfigError, value: &Value) -> BTreeMap<usize, String> {
    let places = Places::of(value);
    let place = |change: &Change| Some((change.key.list(), places.get(&change.key)?));
    let by_place: HashMap<_, _> =
        changes.iter().enumerate().filter_map(|(index, change)| Some((place(change)?, index))).collect();
    let mut blamed = BTreeMap::new();
    for problem in error.problems() {
        let Some((list, rest)) = problem.key.split_once('[') else { continue };
        let place = rest.split_once(']').and_then(|(place, _)| place.parse().ok());
        if let Some(index) = place.and_then(|place| by_place.get(&(list, place))) {
            blamed.entry(*index).or_insert_with(|| named(problem, list));
        }
    }
    let others = || changes.iter().rposition(|change| change.keys.is_none()).or(changes.len().checked_sub(1));
    if blamed.is_empty()
        && let Some(index) = others()
    {
        let reason = error.problems().first().map_or_else(|| error.to_string(), ToString::to_string);
        blamed.insert(index, reason);
    }
    blamed
}

/// A problem of an entry, without its place in the list, which says little when it was put there by a change.
fn named(problem: &Problem, list: &str) -> String {
    let inside = problem.key.strip_prefix(list).and_then(|rest| rest.split_once(']')).map_or("", |(_, key)| key);
    match inside.trim_start_matches('.') {
        "" => problem.reason.clone(),
        key => format!("{key}: {}", problem.reason),
    }
}

/// How a file is written, by its name.
pub(super) fn format_of(path: &Path) -> Result<FileFormat, ConfigError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(FileFormat::Toml),
        Some("yaml" | "yml") => Ok(FileFormat::Yaml),
        Some(_) | None => Err(ConfigError::UnknownFormat { file: path.to_owned() }),
    }
}

/// A file's text.
pub(super) fn text_of(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { file: path.to_owned(), error })
}

impl Config {
    /// The files beside the configuration that it takes secrets and authorities from: when one changes it is to be read
    /// again.
    pub fn files(&self) -> Vec<PathBuf> {
        let accounts = self.account.iter().filter_map(|account| account.password_file.clone());
        let operators = self.operator.iter().filter_map(|operator| operator.password_file.clone());
        let authorities = self.operator.iter().filter_map(|operator| operator.tls.as_ref()?.ca.clone());
        accounts.chain(operators).chain(authorities).chain(self.http.token_file.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FILE: &str = r#"
[[listener]]
address = "127.0.0.1:2775"
[[account]]
system_id = "demo"
password = "secret"
[[operator]]
name = "op-a"
addresses = ["127.0.0.1:2875"]
system_id = "smsc"
password = "secret"
[[route]]
prefix = ""
operators = [{ name = "op-a" }]
"#;

    fn written() -> Written {
        Written { merged: load::embedded(FILE).expect("TOML"), demo: None }
    }

    fn route(prefix: &str, operator: &str) -> Change {
        let key = EntryKey::Route { prefix: prefix.to_owned(), account: None, source: None };
        Change { key, keys: json!({"operators": [{"name": operator}]}).as_object().cloned() }
    }

    fn operator(name: &str, keys: Json) -> Change {
        Change { key: EntryKey::Operator { name: name.to_owned() }, keys: keys.as_object().cloned() }
    }

    #[test]
    fn changes_are_checked_as_the_file_is() {
        let error = written().with_all(&[route("46", "nobody")]).expect_err("there is no such operator").to_string();
        assert!(error.contains("route[1].operators[0].name") && error.contains("nobody"), "{error}");
        let error = written().with_all(&[operator("op-a", json!({"window": "wide"}))]).expect_err("no number");
        assert!(error.to_string().contains("operator[0].window"), "{error}");
    }

    #[test]
    fn changes_that_need_each_other_come_in_any_order() {
        let added = operator("op-b", json!({"addresses": ["127.0.0.1:1"], "system_id": "x", "password": "y"}));
        let config = written().with_all(&[route("46", "op-b"), added]).expect("both are good");
        assert_eq!((config.operator.len(), config.route.len()), (2, 2));
    }

    #[test]
    fn a_change_that_does_not_fit_is_left_out_with_its_reason_and_the_others_hold() {
        let changed = written().with(&[route("46", "nobody"), route("47", "op-a")]).expect("the file is good");
        assert_eq!(changed.config.route.len(), 2);
        let [(key, reason)] = &changed.left_out[..] else { panic!("one is left out: {:?}", changed.left_out) };
        assert_eq!(key, &route("46", "nobody").key);
        assert!(reason.starts_with("operators[0].name: no operator is named \"nobody\""), "{reason}");
    }

    #[test]
    fn taking_out_what_the_file_needs_is_left_out() {
        let removed = Change { key: EntryKey::Operator { name: "op-a".into() }, keys: None };
        let changed = written().with(std::slice::from_ref(&removed)).expect("the file is good");
        assert_eq!((changed.config.operator.len(), changed.left_out.len()), (1, 1));
        let rerouted = Change { key: route("", "").key, keys: None };
        let changed = written().with(&[removed, rerouted]).expect("the file is good");
        assert_eq!((changed.config.operator.len(), changed.left_out.len()), (0, 0));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = written().shown(&[operator("op-a", json!({"password": "hunter2"}))]).to_string();
        assert!(!shown.contains("hunter2") && !shown.contains("secret\""), "{shown}");
    }
}
