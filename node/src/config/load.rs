//! File and environment become one [`Config`].

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use config::{Environment, File, FileFormat, Value, ValueKind};

use super::error::{ConfigError, Problem};
use super::strict::Strict;
use super::{Account, Config, Operator, Secret};

/// What environment variables of ours begin with: `SMSC__SECTION__KEY`.
const PREFIX: &str = "SMSC__";

/// Variables of the environment that are meant for the configuration.
pub(super) type Variables = Vec<(String, OsString)>;

/// Those of this process.
pub(super) fn environment() -> Variables {
    let named = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    named.filter(|(name, _)| name.starts_with(PREFIX)).collect()
}

/// See [`Config::load`].
pub(super) fn load(path: &Path, environment: Variables) -> Result<Config, ConfigError> {
    let file = path.to_owned();
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => FileFormat::Toml,
        Some("yaml" | "yml") => FileFormat::Yaml,
        Some(_) | None => return Err(ConfigError::UnknownFormat { file }),
    };
    let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { file: file.clone(), error })?;
    let mut config = parse(path, &text, format, environment)?;
    let mut problems = read_secrets(&mut config);
    problems.extend(config.problems());
    problems.extend(config.certificate_problems());
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Invalid { file, problems }) }
}

/// Text and environment as a configuration of which each key alone is right.
pub(super) fn parse(
    path: &Path,
    text: &str,
    format: FileFormat,
    environment: Variables,
) -> Result<Config, ConfigError> {
    let invalid = |problem| ConfigError::Invalid { file: path.to_owned(), problems: vec![problem] };
    let syntax = |error| ConfigError::Syntax { file: path.to_owned(), reason: one_line(&error) };
    let written = config::Config::builder().add_source(File::from_str(text, format)).build().map_err(syntax)?;
    let variables = scalars(&written.cache, environment).map_err(invalid)?;
    let names: Vec<String> = variables.keys().cloned().collect();
    let in_file = match &written.cache.kind {
        ValueKind::Table(sections) => sections.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let source = Environment::with_prefix("SMSC").prefix_separator("__").separator("__").source(Some(variables));
    let merged = config::Config::builder().add_source(written).add_source(source).build().map_err(syntax)?;
    serde_path_to_error::deserialize(Strict(merged.cache)).map_err(|error| {
        let key = error.path().to_string();
        let key = if key == "." { String::new() } else { key };
        let name = format!("{PREFIX}{}", key.replace('.', "__")).to_lowercase();
        // A section that the file does not have was made by a variable.
        let section = (!in_file.contains(&key)).then(|| format!("{name}__"));
        let variable = names.into_iter().find(|variable| {
            let variable = variable.to_lowercase();
            variable == name || section.as_ref().is_some_and(|section| variable.starts_with(section))
        });
        invalid(Problem { variable, ..Problem::new(key, error.into_inner().to_string()) })
    })
}

/// The variables as text. They reach scalar keys of single sections only: a list in a variable would have to be a
/// language of its own.
fn scalars(written: &Value, environment: Variables) -> Result<config::Map<String, String>, Problem> {
    let mut variables = config::Map::new();
    for (name, value) in environment {
        let problem = |reason: &str| Problem { variable: Some(name.clone()), ..Problem::new("", reason) };
        let lower = name[PREFIX.len()..].to_lowercase();
        let parts: Vec<&str> = lower.split("__").collect();
        let &[section, key] = parts.as_slice() else {
            return Err(problem("expected a name of the form SMSC__SECTION__KEY"));
        };
        let ValueKind::Table(sections) = &written.kind else { return Err(problem("the file has no sections")) };
        let structure = |value: Option<&Value>| match value.map(|value| &value.kind) {
            Some(ValueKind::Array(_)) => (true, true),
            Some(ValueKind::Table(_)) => (false, true),
            Some(_) | None => (false, false),
        };
        let section = sections.get(section);
        let in_list = structure(section).0;
        let over_structure = match section.map(|section| &section.kind) {
            Some(ValueKind::Table(keys)) => structure(keys.get(key)).1,
            Some(_) | None => false,
        };
        if in_list || over_structure {
            return Err(problem("lists and tables are not set from the environment, expected a scalar key"));
        }
        let text = value.into_string().map_err(|_| problem("not UTF-8"))?;
        variables.insert(name, text);
    }
    Ok(variables)
}

/// Reads what `*_file` keys name into the keys without `_file`.
fn read_secrets(config: &mut Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, Account { password, password_file, .. }) in config.account.iter_mut().enumerate() {
        read_secret(password, password_file.as_deref(), &format!("account[{index}].password"), &mut problems);
    }
    for (index, Operator { password, password_file, .. }) in config.operator.iter_mut().enumerate() {
        read_secret(password, password_file.as_deref(), &format!("operator[{index}].password"), &mut problems);
    }
    if let Some(postgres) = &mut config.store.postgres {
        let file = postgres.password_file.clone();
        read_secret(&mut postgres.password, file.as_deref(), "store.postgres.password", &mut problems);
    }
    read_secret(&mut config.http.token, config.http.token_file.as_deref(), "http.token", &mut problems);
    problems
}

fn read_secret(secret: &mut Option<Secret>, file: Option<&Path>, key: &str, problems: &mut Vec<Problem>) {
    let Some(file) = file else { return };
    let key = format!("{key}_file");
    if secret.is_some() {
        problems.push(Problem::new(key, "given beside the secret itself, expected one of them"));
        return;
    }
    match fs::read_to_string(file) {
        Ok(text) => match text.trim_end_matches(['\r', '\n']) {
            "" => problems.push(Problem::new(key, format!("{} is empty", file.display()))),
            text => *secret = Some(Secret::new(text)),
        },
        Err(error) => problems.push(Problem::new(key, format!("{} cannot be read: {error}", file.display()))),
    }
}

/// A parser's message without its drawing of the line.
fn one_line(error: &config::ConfigError) -> String {
    let text = error.to_string();
    let drawn =
        |line: &str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|');
    let lines: Vec<&str> =
        text.lines().filter(|line| !drawn(line)).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(": ")
}

/// So that a text of our own can be read without a file.
pub(super) fn embedded(text: &str) -> Result<Config, ConfigError> {
    parse(Path::new("embedded.toml"), text, FileFormat::Toml, Variables::new())
}
