//! Configurations for people.

use serde_json::Value;

use super::tables::{list, short, table};
use super::text_of;

/// All of it.
pub(super) fn whole(answer: &Value) -> String {
    let mut text = reloaded(answer);
    for danger in list(&answer["dangers"]) {
        text.push_str(&format!("WARNING: {}: {}\n", text_of(&danger["key"]), text_of(&danger["note"])));
    }
    let values = serde_json::to_string_pretty(&answer["values"]).unwrap_or_default();
    text.push_str(&format!("what file, environment and changes say, without defaults and secrets:\n{values}\n"));
    text
}

/// Where nodes differ, and what waits for a restart.
pub(super) fn differences(answer: &Value) -> String {
    let nodes: Vec<String> = list(&answer["nodes"]).map(|node| text_of(&node["node"])).collect();
    let of_node = |node: &Value| {
        let row = |wait: &Value| [&node["node"], &wait["key"], &wait["in_force"], &wait["file"]].map(said).to_vec();
        list(&node["waits"]).map(row).collect::<Vec<_>>()
    };
    let waits: Vec<_> = list(&answer["nodes"]).flat_map(of_node).collect();
    let differing = list(&answer["differences"]).map(|one| {
        let values = nodes.iter().map(|node| said(&one["values"][node]));
        std::iter::once(text_of(&one["key"])).chain(values).collect::<Vec<_>>()
    });
    let differing: Vec<_> = differing.collect();
    let mut text = String::new();
    if !waits.is_empty() {
        text += "what counts from the next start on:\n";
        text += &table(&["NODE", "KEY", "IN FORCE", "THE FILE SAYS"], waits);
    }
    if !differing.is_empty() {
        text += "where nodes differ:\n";
        let titles: Vec<&str> = std::iter::once("KEY").chain(nodes.iter().map(String::as_str)).collect();
        text += &table(&titles, differing);
    }
    match (text.is_empty(), nodes.len()) {
        (true, 0 | 1) => "what the file says is in force\n".to_owned(),
        (true, _) => format!("{} are configured alike, and what their files say is in force\n", nodes.join(", ")),
        (false, _) => text,
    }
}

/// A value as a file has it; nothing where none is said.
fn said(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How the last reading of the file went.
pub(super) fn reloaded(answer: &Value) -> String {
    let file = match text_of(&answer["file"]) {
        file if file.is_empty() => "the demo's own configuration".to_owned(),
        file => file,
    };
    let mut text = format!("{file}, read {}\n", short(&answer["loaded"]));
    if !answer["error"].is_null() {
        let error = &answer["error"];
        text.push_str(&format!("NOT IN FORCE as it is since {}:\n", short(&error["at"])));
        let reason = error["reason"].as_str().unwrap_or_default();
        reason.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    for one in list(&answer["left_out"]) {
        text.push_str(&format!("not in force: {}: {}\n", text_of(&one["key"]), text_of(&one["reason"])));
    }
    let waits: Vec<String> = list(&answer["waits_for_restart"]).map(text_of).collect();
    if !waits.is_empty() {
        text.push_str(&format!("counts from the next start on: {}\n", waits.join(", ")));
    }
    text
}
