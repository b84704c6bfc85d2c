//! Where messages go, and why.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Act, Mood, ROWS_MAX, act, cut, list, part, silent, state, text};
use crate::console::ask::{Asker, Refused};
use crate::console::page::{View, Visitor, escaped};

pub(in crate::console) async fn routes(asker: &Asker, view: &View, visitor: &Visitor) -> Result<Markup, Refused> {
    let (answer, operators) = (asker.get("routes").await?, asker.get("operators").await?);
    let (routes, mo) = (list(&answer, "routes"), list(&answer, "mo_routes"));
    let about = html! { (routes.len()) " to operators, " (mo.len()) " to accounts" };
    Ok(part(
        "routes",
        "Routes",
        about,
        html! {
            (silent(&answer))
            (explain(asker, view).await)
            @if !routes.is_empty() {
                table .tree {
                    thead { tr {
                        th scope="col" { "Prefix" } th scope="col" { "Only for" } th scope="col" { "Operators, by weight" }
                        th scope="col" { "If none of them is there" } th scope="col" { "From" }
                        th scope="col" { span .hidden { "Actions" } }
                    } }
                    tbody { @for route in routes.iter().take(ROWS_MAX) { (route_row(route, depth(route, routes), visitor)) } }
                }
                (cut(routes.len()))
            }
            @if visitor.operates() { (set_form(list(&operators, "operators"))) }
            @if !mo.is_empty() {
                h3 { "From handsets to accounts" }
                table {
                    thead { tr { th scope="col" { "Number" } th scope="col" { "First word" } th scope="col" { "From operator" } th scope="col" { "Account" } th scope="col" { "From" } } }
                    tbody { @for route in mo.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { (text(route, "destination")) }
                            td data-label="First word" { (or(text(route, "keyword"), "any")) }
                            td data-label="From operator" { (or(text(route, "operator"), "any")) }
                            td data-label="Account" { (text(route, "account")) }
                            td data-label="From" { (origin(&route["origin"])) }
                        }
                    } }
                }
                (cut(mo.len()))
            }
        },
    ))
}

/// Below how many shorter prefixes a route stands.
fn depth(route: &Value, all: &[Value]) -> usize {
    let own = text(route, "prefix");
    let mut above: Vec<&str> =
        all.iter().map(|other| text(other, "prefix")).filter(|other| own.starts_with(other) && *other != own).collect();
    above.sort_unstable();
    above.dedup();
    above.len().min(6)
}

fn route_row(route: &Value, depth: usize, visitor: &Visitor) -> Markup {
    let (prefix, account, source) = (text(route, "prefix"), text(route, "account"), text(route, "source"));
    let id = format!("route:{prefix}:{account}:{source}");
    let mut only = Vec::new();
    if !account.is_empty() {
        only.push(format!("account {account}"));
    }
    if !source.is_empty() {
        only.push(format!("sender {source}"));
    }
    let failover: Vec<&str> = list(route, "failover").iter().filter_map(Value::as_str).collect();
    html! {
        tr id=(id) {
            th scope="row" .{"depth-" (depth)} { @if prefix.is_empty() { "all other numbers" } @else { code { (prefix) } } }
            td data-label="Only for" { (or(&only.join(", "), "everybody")) }
            td data-label="Operators" { @for operator in list(route, "operators") { (target(operator)) " " } }
            td data-label="Else" { (or(&failover.join(", "), "wait")) }
            td data-label="From" { (origin(&route["origin"])) }
            td .acts { @if visitor.operates() && text(&route["origin"], "from") == "override" { (unset(prefix, account, source)) } }
        }
    }
}

fn target(operator: &Value) -> Markup {
    html! {
        span .target { (text(operator, "name")) " " span .of { "×" (operator["weight"].as_u64().unwrap_or(1)) }
            @if operator["available"] == false { " " (state(Mood::Bad, "not there")) } }
    }
}

fn unset(prefix: &str, account: &str, source: &str) -> Markup {
    let given = [("account", account), ("source", source)];
    let more: String = given
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("&{key}={}", escaped(value)))
        .collect();
    act(&Act {
        label: "Back to the file",
        question: format!("Take back the change of the route {prefix:?}? Then what the file says counts, or nothing."),
        path: format!("overrides?kind=route&prefix={}{more}", escaped(prefix)),
        method: "DELETE",
        body: json!({}),
        dangerous: false,
    })
}

/// Whose an entry is.
pub(super) fn origin(origin: &Value) -> Markup {
    html! {
        @match text(origin, "from") {
            "override" => {
                span title={(text(origin, "at")) " on " (text(origin, "node"))} { (text(origin, "by")) }
                @if origin["in_force"] == false { " " (state(Mood::Warn, "not in force")) " " (text(origin, "reason")) }
            }
            _ => span .none { "file" }
        }
    }
}

fn or<'a>(text: &'a str, else_: &'a str) -> Markup {
    html! { @if text.is_empty() { span .none { (else_) } } @else { (text) } }
}

fn set_form(operators: &[Value]) -> Markup {
    html! {
        form #route-form .line.scripted autocomplete="off" {
            label { "Send prefix " input name="prefix" inputmode="numeric" pattern="[0-9]{0,20}" maxlength="20" size="12" placeholder="4670"; }
            label { " to " select name="operator" { @for operator in operators { option { (text(operator, "name")) } } } }
            button type="submit" { "Set route" }
            span .note { "At once, durably, on top of the file; it stands in the audit." }
        }
    }
}

/// Which way a message would go now, and why.
async fn explain(asker: &Asker, view: &View) -> Markup {
    let asked = !view.number.is_empty();
    let answer = match asked {
        false => None,
        true => {
            let (number, account, source) = (escaped(&view.number), escaped(&view.account), escaped(&view.source));
            Some(asker.get(&format!("routes/test?number={number}&account={account}&source={source}")).await)
        }
    };
    html! {
        form #explain .line action="#routes" method="get" autocomplete="off" {
            label { "Number " input name="number" value=(view.number) inputmode="tel" maxlength="21" size="16" placeholder="46701234567" required; }
            label { " from account " input name="account" value=(view.account) maxlength="16" size="10" placeholder="demo" required; }
            label { " as sender " input name="source" value=(view.source) maxlength="21" size="10" placeholder="any"; }
            button type="submit" { "Explain" }
        }
        div #explained aria-live="polite" {
            @match answer {
                None => {}
                Some(Err(refused)) => p .error role="alert" { (refused.reason) }
                Some(Ok(answer)) => (explained(&answer))
            }
        }
    }
}

fn explained(answer: &Value) -> Markup {
    html! {
        div .explained {
            p { strong { @match answer["operator"].as_str() { Some(operator) => { "→ " (operator) }, None => "It would be refused" } } }
            ol { @for why in list(answer, "why") { li { (why.as_str().unwrap_or_default()) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_stands_below_those_with_a_shorter_prefix() {
        let all: Vec<Value> = ["", "46", "4670", "47", "46"].iter().map(|prefix| json!({ "prefix": prefix })).collect();
        assert_eq!(all.iter().map(|route| depth(route, &all)).collect::<Vec<_>>(), [0, 1, 2, 1, 1]);
    }
}
