//! The page: its frame, and which parts stand in it in which order.

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::ask::{Asker, Refused};
use super::{life, sections};

/// What a visitor looks at: the query of the page's address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct View {
    /// What is searched: a message id, an operator's id, a number.
    pub q: String,
    /// How far back a number is looked for, such as `24h`.
    pub since: String,
    /// Rows that are open, such as `link:north:0`, separated by commas.
    pub open: String,
    /// The number whose route is asked for.
    pub number: String,
    /// The account that it would come from.
    pub account: String,
    /// The sender that it would have.
    pub source: String,
    /// 1: big numbers for a wall.
    pub wall: String,
    /// Why nothing is searched.
    #[serde(skip)]
    pub refusal: Option<String>,
}

impl View {
    /// Whether a row is open.
    pub fn is_open(&self, row: &str) -> bool {
        self.open.split(',').any(|open| open == row)
    }

    /// The address of this page with the row opened, or closed if it is open.
    pub fn with_toggled(&self, row: &str, anchor: &str) -> String {
        let mut open: Vec<&str> = self.open.split(',').filter(|open| !open.is_empty() && *open != row).collect();
        if !self.is_open(row) {
            open.push(row);
        }
        let open = open.join(",");
        let given = [("q", &self.q), ("since", &self.since), ("open", &open)];
        let given: Vec<String> = given
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .collect();
        format!("?{}#{anchor}", given.join("&"))
    }
}

/// A value in a query.
pub(super) fn escaped(value: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~:".contains(&octet);
    value.bytes().fold(String::new(), |text, octet| match plain(octet) {
        true => text + char::from(octet).encode_utf8(&mut [0; 4]),
        false => text + &format!("%{octet:02X}"),
    })
}

/// Who looks, and what he may do.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// As the audit log names him.
    pub name: String,
    /// viewer, operator or admin.
    pub role: String,
    /// Whether he came with a token.
    pub token: bool,
}

impl Visitor {
    /// Whether he may act on messages, sessions and links, and change routes.
    pub fn operates(&self) -> bool {
        self.role == "operator" || self.is_admin()
    }

    /// Whether he may do everything.
    pub fn is_admin(&self) -> bool {
        self.role == "admin"
    }

    fn of(whoami: &Value) -> Self {
        let text = |key: &str| whoami[key].as_str().unwrap_or_default().to_owned();
        Self { name: text("name"), role: text("role"), token: whoami["token_needed"] == true }
    }
}

/// A part of the page, which the script exchanges by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Is it working?
    Status,
    /// A message that was searched.
    Found,
    /// What is broken: links.
    Links,
    /// What is broken: nodes.
    Nodes,
    /// Who is affected.
    Accounts,
    /// What waits.
    Queues,
    /// Where messages go, and why.
    Routes,
    /// Whether call detail records are written.
    Cdr,
    /// What was changed on top of the file.
    Changes,
    /// What was wrong, and when.
    Alarms,
    /// Who did what.
    Audit,
}

impl Part {
    /// All of them, in the order of the page.
    const ALL: [(Self, &'static str); 11] = [
        (Self::Found, "found"),
        (Self::Status, "status"),
        (Self::Links, "links"),
        (Self::Nodes, "nodes"),
        (Self::Accounts, "accounts"),
        (Self::Queues, "queues"),
        (Self::Routes, "routes"),
        (Self::Cdr, "cdr"),
        (Self::Changes, "changes"),
        (Self::Alarms, "alarms"),
        (Self::Audit, "audit"),
    ];

    /// The part of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, own)| *own == name).map(|(part, _)| part)
    }
}

/// The parts that were asked for, one behind the other.
pub async fn parts(asker: &Asker, names: &[Part], view: &View) -> Result<String, Refused> {
    let visitor = Visitor::of(&asker.get("whoami").await?);
    let mut text = String::new();
    for part in names {
        text.push_str(&part_html(asker, *part, view, &visitor).await?.into_string());
    }
    Ok(text)
}

/// One part. An answer that cannot be shown is told in its place, and does not take the others with it.
async fn part_html(asker: &Asker, part: Part, view: &View, visitor: &Visitor) -> Result<Markup, Refused> {
    let html = match part {
        Part::Status => sections::status(asker, visitor).await,
        Part::Found => Ok(life::found(asker, view, visitor).await),
        Part::Links => sections::links(asker, view, visitor).await,
        Part::Nodes => sections::nodes(asker, visitor).await,
        Part::Accounts => sections::accounts(asker, view, visitor).await,
        Part::Queues => sections::queues(asker, visitor).await,
        Part::Routes => sections::routes(asker, view, visitor).await,
        Part::Cdr => sections::cdr(asker, visitor).await,
        Part::Changes => sections::changes(asker, visitor).await,
        Part::Alarms => sections::alarms(asker).await,
        Part::Audit => sections::audit(asker).await,
    };
    match html {
        Err(Refused { status: StatusCode::INTERNAL_SERVER_ERROR, reason }) => {
            let (_, name) = Part::ALL.into_iter().find(|(own, _)| *own == part).unwrap_or(Part::ALL[0]);
            Ok(html! { section id=(name) .part { div .heading { h2 { (name) } } p .error { (reason) } } })
        }
        html => html,
    }
}

/// The whole page, for whoever may see it; else its frame, and why it is empty.
pub async fn whole(asker: &Asker, view: &View) -> (StatusCode, String) {
    let visitor = match asker.get("whoami").await {
        Ok(whoami) => Visitor::of(&whoami),
        Err(Refused { status: StatusCode::UNAUTHORIZED, .. }) => {
            return (StatusCode::OK, frame(view, None, token_wanted()).into_string());
        }
        Err(refused) => return (refused.status, frame(view, None, refusal(&refused)).into_string()),
    };
    let mut content = Vec::new();
    for (part, _) in Part::ALL {
        match part_html(asker, part, view, &visitor).await {
            Ok(html) => content.push(html),
            Err(refused) => return (refused.status, frame(view, Some(&visitor), refusal(&refused)).into_string()),
        }
    }
    let content = html! { @for part in content { (part) } };
    (StatusCode::OK, frame(view, Some(&visitor), content).into_string())
}

fn refusal(refused: &Refused) -> Markup {
    html! { section #status .part { div .headline .bad { h1 { "No answer yet" } } p .reason { (refused.reason) } } }
}

fn token_wanted() -> Markup {
    html! {
        section #status .part {
            div .headline { h1 { "A token, please" } }
            p { "This node asks for a token of its " code { "http.token_file" } ". It is kept until this tab is closed." }
            noscript { p { "Without JavaScript: " a href="/console/tables" { "see the tables" } ", any name and the token as the password." } }
        }
    }
}

fn frame(view: &View, visitor: Option<&Visitor>, content: Markup) -> Markup {
    let wall = view.wall == "1";
    html! {
        (DOCTYPE)
        html lang="en" data-wall[wall] {
            head {
                meta charset="utf-8";
                title { "smsc" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="dark light";
                link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/console/assets/uPlot.min.css";
                link rel="stylesheet" href="/console/assets/console.css";
                script src="/console/assets/theme.js" {}
                script src="/console/assets/uPlot.iife.min.js" defer {}
                script src="/console/assets/console.js" type="module" {}
                @if view.q.is_empty() { noscript { meta http-equiv="refresh" content="10"; } }
            }
            body data-role=[visitor.map(|visitor| visitor.role.as_str())] {
                a .skip href="#status" { "Skip to the status" }
                header .top {
                    a .brand href="/" aria-label="smsc, start" { (mark()) span { "smsc" } }
                    (search(view))
                    nav .tools aria-label="Page" {
                        span #who { @if let Some(visitor) = visitor { (visitor.name) " · " (visitor.role) } }
                        button #forget .quiet type="button" hidden { "Forget token" }
                        button #theme .quiet type="button" aria-label="Dark or light" title="Dark or light" { span aria-hidden="true" { "◐" } }
                    }
                }
                p #connection role="status" aria-live="polite" hidden {}
                main {
                    (content)
                }
                (dialogs())
                p #toast role="status" aria-live="polite" hidden {}
                footer {
                    p { kbd { "/" } " search  " kbd { "Tab" } " " kbd { "Enter" } " open a row  "
                        a href="/?wall=1" { "wall" } "  " a href="/api/v1/openapi.json" { "API" } "  "
                        a href="/metrics" { "metrics" } }
                    p { "Times are UTC. Figures of this page live in memory; months are in Prometheus and Grafana." }
                }
            }
        }
    }
}

fn mark() -> Markup {
    html! { img src="/console/assets/icon.svg" alt="" width="22" height="22"; }
}

fn search(view: &View) -> Markup {
    html! {
        form #search .search role="search" action="#found" method="get" autocomplete="off" {
            label .hidden for="q" { "Find a message" }
            input #q name="q" type="search" value=(view.q) spellcheck="false" enterkeyhint="search"
                placeholder="Find a message: its id, the operator's id, or a number" aria-keyshortcuts="/";
            label .hidden for="since" { "How far back a number is looked for" }
            select #since name="since" title="How far back a number is looked for" {
                @for (value, label) in [("1h", "1 h"), ("24h", "24 h"), ("7d", "7 days"), ("30d", "30 days")] {
                    option value=(value) selected[value == view.since || view.since.is_empty() && value == "24h"] { (label) }
                }
            }
            button type="submit" { "Find" }
        }
    }
}

fn dialogs() -> Markup {
    html! {
        dialog #ask aria-labelledby="ask-title" {
            form method="dialog" {
                h2 #ask-title { "Sure?" }
                p #ask-text {}
                div .buttons {
                    button value="no" { "Leave it" }
                    button #ask-yes .danger value="yes" { "Yes" }
                }
            }
        }
        dialog #token-dialog aria-labelledby="token-title" {
            form #token-form {
                h2 #token-title { "Token" }
                p #token-why { "This node asks for a token of its token file." }
                label for="token" { "Token" }
                input #token type="password" autocomplete="off" spellcheck="false" required;
                p #token-error .error role="alert" hidden {}
                div .buttons { button type="submit" { "Use it" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_opened_and_closed_by_its_address() {
        let view = View { open: "link:ex-a:0".to_owned(), q: "a b&c".to_owned(), ..View::default() };
        assert!(view.is_open("link:ex-a:0") && !view.is_open("link:ex-a"));
        assert_eq!(view.with_toggled("link:ex-a:0", "links"), "?q=a%20b%26c#links");
        assert_eq!(view.with_toggled("account:x", "accounts"), "?q=a%20b%26c&open=link:ex-a:0%2Caccount:x#accounts");
    }

    #[test]
    fn every_part_has_its_name() {
        for (part, name) in Part::ALL {
            assert_eq!(Part::of(name), Some(part));
        }
        assert_eq!(Part::of("secrets"), None);
    }

    #[test]
    fn the_page_holds_nothing_that_its_policy_forbids() {
        let text = frame(&View::default(), None, token_wanted()).into_string();
        assert!(!text.contains(" style=") && !text.contains("<style") && !text.contains(" onclick="), "{text}");
        assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
        assert!(
            text.split("<script").skip(1).all(|script| script.trim_start().starts_with("src=\"/console/")),
            "{text}"
        );
    }

    #[test]
    fn what_is_searched_is_written_as_text() {
        let view = View { q: "\"><script>alert(1)</script>".to_owned(), ..View::default() };
        let text = frame(&view, None, token_wanted()).into_string();
        assert!(!text.contains("<script>alert"), "{text}");
    }
}
