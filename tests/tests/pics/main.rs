//! The protocol conformance statement, `deploy/PICS.md`, is made of the code: the operation table, the lists of TLVs and
//! codes, the timers, and of the acceptance list with the tests that name its numbers. It must not be stale.
//!
//! To renew it: `UPDATE_PICS=1 cargo test --workspace --test pics`

mod sources;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use smsc_proto::session::{Role, SessionState, Verdict, verdict};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;

const RENEW: &str = "UPDATE_PICS=1 cargo test --workspace --test pics";
const RULES: &str = include_str!("rules.txt");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

/// A number of the acceptance list.
struct Rule {
    number: &'static str,
    promise: &'static str,
    decision: &'static str,
}

fn rules() -> Vec<Rule> {
    let rule = |line: &'static str| {
        let mut columns = line.split('|').map(str::trim);
        let mut next = || columns.next().unwrap_or_default();
        Rule { number: next(), promise: next(), decision: next() }
    };
    RULES.lines().filter(|line| !line.starts_with('#')).map(rule).collect()
}

fn statement() -> String {
    let mut text = format!(
        "# Protocol conformance statement\n\nWhat this message centre does of SMPP 3.3, 3.4 and 5.0, as an MC towards ESMEs and as \
         an ESME towards operators.\nMade of the code and its tests; do not edit. To renew it: `{RENEW}`\n\n"
    );
    operations(&mut text);
    tlvs(&mut text);
    codes(&mut text);
    timers(&mut text);
    acceptance(&mut text);
    text
}

/// Operation by sender and state.
fn operations(text: &mut String) {
    text.push_str("## Operations\n\nWho may send what in which state (`proto/src/session/state.rs`). +: allowed. -: its response says ESME_RINVBNDSTS.\nB: ESME_RALYBND. N: generic_nack with ESME_RINVCMDID, in every state. An operation that is allowed here and not offered yet is nacked\nas well.\n\n| operation | sender |");
    for state in SessionState::ALL {
        let _ = write!(text, " {state:?} |");
    }
    let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(SessionState::ALL.len()));
    for command in CommandId::ALL.into_iter().filter(|command| !command.is_response()) {
        for (sender, name) in [(Role::Esme, "ESME"), (Role::Mc, "MC")] {
            let _ = write!(text, "| {} | {name} |", command.name());
            for state in SessionState::ALL {
                let sign = match verdict(sender, state, command) {
                    Verdict::Allowed => "+",
                    Verdict::WrongState => "-",
                    Verdict::AlreadyBound => "B",
                    Verdict::Unsupported | Verdict::Unknown => "N",
                };
                let _ = write!(text, " {sign} |");
            }
            text.push('\n');
        }
    }
}

/// The tags that have a name here. All others pass as they are.
fn tlvs(text: &mut String) {
    text.push_str("\n## TLVs\n\nAll tags pass in both directions as they came, in order, vendors' (0x1400 to 0x3FFF) too, unless an account's `tlv`\nsays otherwise. To an ESME go only those of 3.4's deliver_sm, unless `tlv.extra_to_esme`. Known by name:\n\n| tag | name |\n|---|---|\n");
    let source = std::fs::read_to_string(root().join("proto/src/smpp/tlv/tag.rs")).expect("the tags are there");
    let mut name = "";
    for line in source.lines() {
        if let Some(comment) = line.strip_prefix("/// ") {
            name = comment;
        } else if let Some((_, value)) = line.strip_prefix("pub const ").and_then(|line| line.split_once(": u16 = ")) {
            let _ = writeln!(text, "| {} | {name} |", value.trim_end_matches(';'));
        }
    }
}

fn codes(text: &mut String) {
    text.push_str("\n## Error codes\n\nAll others are read and passed on as they are. Codes of 5.0 go to 5.0 sessions only.\n\n| command_status | name | since |\n|---|---|---|\n");
    for (status, name) in CommandStatus::ALL {
        let since = if status.is_5_0_only() { "5.0" } else { "3.4" };
        let _ = writeln!(text, "| 0x{:08X} | {name} | {since} |", status.0);
    }
}

/// The keys of `[session]` with their defaults.
fn timers(text: &mut String) {
    text.push_str("\n## Timers and limits of a session\n\n| key | default | meaning |\n|---|---|---|\n");
    let source = std::fs::read_to_string(root().join("node/src/config/session.rs")).expect("the keys are there");
    let defaults = source.split("fn default()").nth(1).unwrap_or_default();
    let mut meaning = Vec::new();
    for line in source.split("impl Default").next().unwrap_or_default().lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            meaning.push(comment);
        } else if let Some(field) = line.strip_prefix("pub ").filter(|field| field.ends_with(',')) {
            let key = field.split(':').next().unwrap_or_default();
            let begin = format!("{key}: ");
            let default =
                defaults.lines().find_map(|line| line.trim().strip_prefix(begin.as_str())).unwrap_or_default();
            let _ = writeln!(text, "| {key} | `{}` | {} |", default.trim_end_matches(','), meaning.join(" "));
            meaning.clear();
        } else if !line.starts_with("#[") {
            meaning.clear();
        }
    }
}

fn acceptance(text: &mut String) {
    let tests = sources::tests_by_number(&root());
    let rules = rules();
    let open = rules.iter().filter(|rule| rule.decision.is_empty() && !tests.contains_key(rule.number));
    let open: Vec<&str> = open.map(|rule| rule.number).collect();
    text.push_str("\n## The acceptance list\n\nS: rules that implementations get wrong. Q: quirks of real peers. Each with the tests that name it, or a decision.\n\n");
    let _ = writeln!(text, "Without a test: {}.\n", if open.is_empty() { "none".to_owned() } else { open.join(", ") });
    for rule in &rules {
        let _ = writeln!(text, "**{}** {}.", rule.number, rule.promise);
        if !rule.decision.is_empty() {
            let _ = writeln!(text, "- decision: {}", rule.decision);
        }
        match tests.get(rule.number) {
            Some(tests) => {
                for test in tests {
                    let _ = writeln!(text, "- {test}");
                }
            }
            None if rule.decision.is_empty() => text.push_str("- open\n"),
            None => {}
        }
        text.push('\n');
    }
}

#[test]
fn the_statement_is_that_of_this_code() {
    let file = root().join("deploy/PICS.md");
    let statement = statement();
    if std::env::var_os("UPDATE_PICS").is_some() {
        std::fs::write(&file, statement).expect("deploy can be written");
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (committed.lines().collect(), statement.lines().collect());
    let gone = old.difference(&new).map(|line| format!("- {line}\n")).collect::<String>();
    let come = new.difference(&old).map(|line| format!("+ {line}\n")).collect::<String>();
    assert!(committed == statement, "deploy/PICS.md is stale; renew it: {RENEW}\n{gone}{come}");
}

#[test]
fn every_number_that_a_test_names_is_on_the_list() {
    let listed: BTreeSet<&str> = rules().iter().map(|rule| rule.number).collect();
    let named = sources::tests_by_number(&root());
    let unknown: Vec<&String> = named.keys().filter(|number| !listed.contains(number.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
