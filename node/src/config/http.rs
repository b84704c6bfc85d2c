//! `[http]`: where metrics, health and the API are served, and who may use the API.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::value::Secret;

/// A token that is shorter could be guessed.
const TOKEN_LENGTH_MIN: usize = 16;

/// The HTTP port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Console, API, `/metrics`, `/livez`, `/readyz`, `/startupz`.
    pub address: SocketAddr,
    /// A file that holds the tokens of the API, one a line: `role name token`; required when the address is not
    /// loopback. Without it everybody on this machine may do everything.
    pub token_file: Option<PathBuf>,
    /// Where HAProxy's agent check is answered, to anybody: whether new sessions are wanted, and the store's free part as
    /// the weight. Absent: nowhere.
    pub agent_check: Option<SocketAddr>,
    /// What `token_file` holds; empty without one.
    #[serde(skip)]
    pub tokens: Vec<Token>,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What its bearer may do.
    pub role: Role,
    /// Who that is, for the audit log.
    pub name: String,
    /// The token itself.
    pub secret: Secret,
}

/// What a caller of the API may do. Each may do what the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// See everything but secrets.
    Viewer,
    /// Act on messages, sessions and links, and change routes.
    Operator,
    /// Change accounts and operators, reload, drain.
    Admin,
}

impl Role {
    /// As a token file writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn of(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.name() == text)
    }
}

/// Reads a token file: lines of `role name token`, empty lines and comments behind `#`. A line of one word is the token
/// of an admin by the name of `admin`. The reason for a refusal never shows a token.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |reason: &str| format!("line {}: {reason}", index + 1);
        let words: Vec<&str> = line.split_whitespace().collect();
        let (role, name, secret) = match words[..] {
            [secret] => (Role::Admin, "admin", secret),
            [role, name, secret] => {
                let role = Role::of(role).ok_or_else(|| at("expected viewer, operator or admin as the first word"))?;
                (role, name, secret)
            }
            _ => return Err(at("expected `role name token`, or a token alone")),
        };
        if secret.len() < TOKEN_LENGTH_MIN {
            return Err(at(&format!(
                "the token has {} characters, expected at least {TOKEN_LENGTH_MIN}",
                secret.len()
            )));
        }
        let known = |token: &Token| token.name == name || token.secret.expose() == secret;
        if tokens.iter().any(known) {
            return Err(at("a second token with this name, or the same token again"));
        }
        tokens.push(Token { role, name: name.to_owned(), secret: Secret::new(secret) });
    }
    if tokens.is_empty() {
        return Err("holds no token, expected a line `role name token`".to_owned());
    }
    Ok(tokens)
}

impl Default for Http {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            token_file: None,
            agent_check: None,
            tokens: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_names_roles_and_who_has_them() {
        let text = "# who may what\n\nviewer grafana 0123456789abcdef\nadmin  alice   fedcba9876543210\n";
        let read = tokens(text).expect("a good file");
        let read: Vec<_> = read.iter().map(|token| (token.role, token.name.as_str())).collect();
        assert_eq!(read, [(Role::Viewer, "grafana"), (Role::Admin, "alice")]);
    }

    #[test]
    fn a_token_alone_is_an_admins() {
        let read = tokens("0123456789abcdef\n").expect("a good file");
        assert_eq!((read[0].role, read[0].name.as_str()), (Role::Admin, "admin"));
    }

    #[test]
    fn a_bad_line_is_named_and_no_token_is_shown() {
        for (text, reason) in [
            ("", "holds no token"),
            ("# nothing\n", "holds no token"),
            ("short\n", "line 1: the token has 5 characters"),
            ("\nboss alice 0123456789abcdef", "line 2: expected viewer, operator or admin"),
            ("admin alice", "line 1: expected `role name token`"),
            ("admin a 0123456789abcdef\nviewer a fedcba9876543210", "line 2: a second token with this name"),
            (
                "admin a 0123456789abcdef\nviewer b 0123456789abcdef",
                "line 2: a second token with this name, or the same",
            ),
        ] {
            let refused = tokens(text).expect_err(text);
            assert!(refused.contains(reason), "{refused}");
            assert!(!refused.contains("0123456789abcdef"), "{refused}");
        }
    }
}
