use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::intern(text)
}

fn to(operator: &str, prefix: &str, account: Option<&str>, source: Option<&str>) -> MtRoute {
    MtRoute {
        prefix: prefix.to_owned(),
        account: account.map(name),
        source: source.map(str::to_owned),
        operators: vec![(name(operator), 1)],
        failover: vec![],
    }
}

fn mt(routes: Vec<MtRoute>) -> MtRoutingTable {
    MtRoutingTable::new(routes).expect("good routes")
}

fn operator(table: &MtRoutingTable, account: &str, source: &str, destination: &str) -> Option<&'static str> {
    let entry = table.find(name(account), source.as_bytes(), destination.as_bytes())?;
    entry.route.operators.first().map(|(operator, _)| operator.as_str())
}

#[test]
fn the_longest_prefix_wins() {
    let table = mt(vec![to("t-46", "46", None, None), to("t-4670", "4670", None, None), to("t-all", "", None, None)]);
    assert_eq!(operator(&table, "demo", "", "46701234567"), Some("t-4670"));
    assert_eq!(operator(&table, "demo", "", "46731234567"), Some("t-46"));
    assert_eq!(operator(&table, "demo", "", "4912345"), Some("t-all"));
    assert_eq!(operator(&table, "demo", "", "4670"), Some("t-4670"));
}

#[test]
fn a_prefix_without_route_finds_none() {
    let table = mt(vec![to("t-46", "46", None, None)]);
    assert_eq!(operator(&table, "demo", "", "4712345"), None);
    assert_eq!(operator(&table, "demo", "", "4"), None);
}

#[test]
fn among_equal_prefixes_the_more_particular_route_wins() {
    let table = mt(vec![
        to("t-general", "46", None, None),
        to("t-source", "46", None, Some("BRAND")),
        to("t-account", "46", Some("bank"), None),
        to("t-both", "46", Some("bank"), Some("BRAND")),
        to("t-longer", "46", Some("bank"), Some("BRANDNEW")),
    ]);
    assert_eq!(operator(&table, "bank", "BRANDNEWS", "461"), Some("t-longer"));
    assert_eq!(operator(&table, "bank", "BRANDS", "461"), Some("t-both"));
    assert_eq!(operator(&table, "bank", "OTHER", "461"), Some("t-account"));
    assert_eq!(operator(&table, "demo", "BRAND", "461"), Some("t-source"));
    assert_eq!(operator(&table, "demo", "OTHER", "461"), Some("t-general"));
}

#[test]
fn a_longer_prefix_of_another_account_does_not_stand_in_the_way() {
    let table = mt(vec![to("t-46", "46", None, None), to("t-bank", "4670", Some("bank"), None)]);
    assert_eq!(operator(&table, "demo", "", "46701"), Some("t-46"));
}

#[test]
fn two_routes_for_the_same_messages_are_refused_by_their_numbers() {
    let routes =
        vec![to("t-a", "46", Some("bank"), None), to("t-x", "47", None, None), to("t-b", "46", Some("bank"), Some(""))];
    let error = MtRoutingTable::new(routes).expect_err("a conflict");
    assert!(matches!(error, RouterError::ConflictingRoutes { first: 1, second: 3, .. }), "{error}");
    assert!(error.to_string().contains("bank"), "{error}");
}

#[test]
fn impossible_routes_are_refused() {
    let refused = |route: MtRoute| MtRoutingTable::new(vec![route]).expect_err("impossible");
    assert!(matches!(refused(to("t-a", "+46", None, None)), RouterError::NotDigits { route: 1, .. }));
    assert_eq!(
        refused(MtRoute { operators: vec![], ..to("t-a", "46", None, None) }),
        RouterError::NoOperators { route: 1 }
    );
    let weightless = MtRoute { operators: vec![(name("t-a"), 0)], ..to("t-a", "46", None, None) };
    assert_eq!(refused(weightless), RouterError::ZeroWeight { route: 1, operator: name("t-a") });
    let twice = MtRoute { failover: vec![name("t-a")], ..to("t-a", "46", None, None) };
    assert_eq!(refused(twice), RouterError::RepeatedOperator { route: 1, operator: name("t-a") });
}

fn mo_route(account: &str, destination: &str, keyword: Option<&str>, operator: Option<&str>) -> MoRoute {
    MoRoute {
        destination: match destination.strip_suffix('*') {
            Some(prefix) => MoDestination::Prefix(prefix.to_owned()),
            None => MoDestination::Exact(destination.to_owned()),
        },
        keyword: keyword.map(str::to_owned),
        operator: operator.map(name),
        account: name(account),
    }
}

fn account(table: &MoRoutingTable, operator: &str, destination: &str, text: &str) -> Option<&'static str> {
    table.find(name(operator), destination.as_bytes(), text.as_bytes()).map(|route| route.account.as_str())
}

#[test]
fn an_exact_destination_beats_a_prefix_and_a_longer_prefix_a_shorter() {
    let table = MoRoutingTable::new(vec![
        mo_route("m-prefix", "723*", None, None),
        mo_route("m-exact", "72345", None, None),
        mo_route("m-longer", "7234*", None, None),
        mo_route("m-all", "*", None, None),
    ])
    .expect("good routes");
    assert_eq!(account(&table, "op", "72345", ""), Some("m-exact"));
    assert_eq!(account(&table, "op", "723456", ""), Some("m-longer"));
    assert_eq!(account(&table, "op", "7239", ""), Some("m-prefix"));
    assert_eq!(account(&table, "op", "1", ""), Some("m-all"));
}

#[test]
fn keyword_and_operator_refine() {
    let table = MoRoutingTable::new(vec![
        mo_route("m-general", "72345", None, None),
        mo_route("m-operator", "72345", None, Some("op-a")),
        mo_route("m-keyword", "72345", Some("JOIN"), None),
        mo_route("m-both", "72345", Some("join"), Some("op-a")),
    ])
    .expect("good routes");
    assert_eq!(account(&table, "op-a", "72345", " Join now"), Some("m-both"));
    assert_eq!(account(&table, "op-b", "72345", "JOIN"), Some("m-keyword"));
    assert_eq!(account(&table, "op-a", "72345", "JOINED"), Some("m-operator"));
    assert_eq!(account(&table, "op-b", "72345", ""), Some("m-general"));
}

#[test]
fn an_exact_destination_of_other_keywords_leaves_the_message_to_a_prefix() {
    let table = MoRoutingTable::new(vec![
        mo_route("m-join", "72345", Some("JOIN"), None),
        mo_route("m-rest", "7*", None, None),
    ])
    .expect("good routes");
    assert_eq!(account(&table, "op", "72345", "STOP"), Some("m-rest"));
    assert_eq!(account(&table, "op", "82345", "JOIN"), None);
}

#[test]
fn impossible_mo_routes_are_refused() {
    let twice = vec![mo_route("m-a", "7*", Some("Join"), None), mo_route("m-b", "7*", Some("JOIN"), None)];
    let error = MoRoutingTable::new(twice).expect_err("a conflict");
    assert!(matches!(error, RouterError::ConflictingMoRoutes { first: 1, second: 2, .. }), "{error}");
    let both = vec![mo_route("m-a", "7*", None, None), mo_route("m-b", "7", None, None)];
    assert!(MoRoutingTable::new(both).is_ok(), "a prefix and an exact destination are different");
    for keyword in ["", "two words", " join"] {
        let error = MoRoutingTable::new(vec![mo_route("m-a", "7", Some(keyword), None)]).expect_err("no word");
        assert!(matches!(error, RouterError::NotAKeyword { route: 1, .. }), "{error}");
    }
    for destination in ["", "+46*"] {
        let error = MoRoutingTable::new(vec![mo_route("m-a", destination, None, None)]).expect_err("no digits");
        assert!(matches!(error, RouterError::NotDigits { route: 1, .. }), "{error}");
    }
}

/// The rule of the design, route by route.
fn linear<'a>(routes: &'a [MtRoute], account: Name, source: &str, destination: &str) -> Option<&'a MtRoute> {
    routes
        .iter()
        .filter(|route| destination.starts_with(&route.prefix))
        .filter(|route| route.account.is_none_or(|own| own == account))
        .filter(|route| route.source.as_ref().is_none_or(|own| source.starts_with(own)))
        .max_by_key(|route| (route.prefix.len(), route.account.is_some(), route.source.as_ref().map_or(0, String::len)))
}

proptest! {
    #[test]
    fn the_table_finds_what_a_linear_search_finds(
        routes in proptest::collection::vec(("[12]{0,4}", 0_usize..3, "[ab]{0,2}"), 0..40),
        messages in proptest::collection::vec((0_usize..2, "[ab]{0,3}", "[123]{0,6}"), 1..40),
    ) {
        let accounts = [Some(name("p-0")), Some(name("p-1")), None];
        let mut seen = Vec::new();
        let mut good = Vec::new();
        for (prefix, account, source) in routes {
            let key = (prefix, accounts[account], Some(source).filter(|source| !source.is_empty()));
            if !seen.contains(&key) {
                seen.push(key.clone());
                let (prefix, account, source) = key;
                good.push(MtRoute { prefix, account, source, operators: vec![(name("p-op"), 1)], failover: vec![] });
            }
        }
        let table = mt(good.clone());
        for (account, source, destination) in messages {
            let account = accounts[account].expect("of the first two");
            let found = table.find(account, source.as_bytes(), destination.as_bytes()).map(|entry| &entry.route);
            prop_assert_eq!(found, linear(&good, account, &source, &destination));
        }
    }
}
