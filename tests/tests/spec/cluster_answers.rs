//! Any node answers for all, in time, and says whom it has not heard.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_tests::api::Api;
use smsc_tests::cluster::Cluster;
use smsc_tests::command::{Finished, smsc};
use smsc_tests::configuration::Configuration;
use smsc_tests::eventually;
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

/// Peers have a second. A machine that builds meanwhile may need some more.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// Nothing names a node that has left for a minute; and some more.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(90);

fn with(operator: &Operator) -> Configuration {
    Configuration::new().account("demo").operator(operator).route("", operator.name())
}

/// Whatever is submitted waits.
fn waiting() -> Configuration {
    Configuration::new().account("demo").operator_at("op-a", "127.0.0.1:1", "").route("", "op-a")
}

fn message() -> Message {
    Message::to("46701234567").receipt()
}

fn names(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn where_nodes_are_configured_otherwise_than_others_is_told_key_by_key() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start_with(2, &with(&operator), |number, configuration| match number {
        0 => configuration.account_with("bank", "binds_max = 3\npassword = \"a secret of one\""),
        _ => configuration.account_with("bank", "binds_max = 4\npassword = \"a secret of the other\""),
    });
    let answer = cluster.node(1).api().get("config/differences");
    let differs = |key: &str| {
        let all = answer["differences"].as_array().unwrap();
        all.iter().find(|one| one["key"] == key).map(|one| one["values"].clone())
    };
    assert_eq!(differs("account[\"bank\"].binds_max"), Some(json!({ "smsc-0": 3, "smsc-1": 4 })), "{answer}");
    assert_eq!((differs("account[\"demo\"].system_id"), differs("node.name")), (None, None), "{answer}");
    let table = ctl(cluster.node(0), &["config", "diff"]).stdout;
    let row = table.lines().find(|line| line.contains("binds_max")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["account[\"bank\"].binds_max", "3", "4"], "{table}");
    assert!(!format!("{answer}{table}").contains("secret"), "{answer}{table}");
}

#[test]
fn any_node_shows_nodes_sessions_links_accounts_and_queues_of_all() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start(3, &with(&operator));
    operator.expect_links(1);
    let _esmes: Vec<_> = cluster.nodes().map(|(_, node)| node.transceiver("demo")).collect();
    let all = ["smsc-0", "smsc-1", "smsc-2"];
    for (_, node) in cluster.nodes() {
        let api = node.api();
        assert_eq!(names(&api.get("nodes")["nodes"], "name"), all);
        let sessions = api.get("sessions");
        assert_eq!(names(&sessions["sessions"], "node").len(), 3, "{sessions}");
        let links = api.get("links");
        assert_eq!(names(&links["links"], "operator"), ["op-a"], "{links}");
        assert_eq!(api.get("accounts")["accounts"][0]["bound"], 3);
        assert_eq!(api.get("operators")["operators"][0]["links"], 1);
        let status = api.get("status");
        assert_eq!(names(&status["nodes"], "name").len(), 3, "{status}");
        assert_eq!((&status["sessions"]["bound"], &status["missing"]), (&json!(3), &json!([])), "{status}");
    }
}

#[test]
fn a_message_is_found_and_followed_on_any_node() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start(3, &with(&operator));
    let esme = cluster.node(0).transceiver("demo");
    let id = esme.submit_ok(&message());
    let taken = operator.expect_message();
    operator.report(&taken, MessageState::Delivered);
    esme.expect_receipt_of(&id);
    let life = cluster.node(1).api().get(&format!("messages/{id}"));
    let operator_id = life["deliveries"][0]["operator_message_id"].as_str().unwrap();
    let queries = ["number=46701234567".to_owned(), format!("id={id}"), format!("operator_id={operator_id}")];
    for (_, node) in cluster.nodes() {
        for query in &queries {
            let found = node.api().get(&format!("messages?{query}"));
            assert_eq!(names(&found["messages"], "id"), [id.as_str()], "{query}: {found}");
            assert_eq!((&found["messages"][0]["node"], &found["more"]), (&json!("smsc-0"), &json!(false)));
        }
        let life = node.api().get(&format!("messages/{id}"));
        assert_eq!(life["deliveries"][0]["state"], "DELIVRD", "{life}");
    }
    let none = cluster.node(1).api().ask("GET", "messages/1", None);
    assert_eq!(none.refusal().0, 404, "{none:?}");
}

#[test]
fn the_newest_messages_of_all_nodes_are_found_page_by_page() {
    let cluster = Cluster::start(2, &waiting());
    let esmes = [cluster.node(0).transmitter("demo"), cluster.node(1).transmitter("demo")];
    let ids: Vec<String> = (0..12).map(|number| esmes[number % 2].submit_ok(&message())).collect();
    let mut pages = Pages::of(cluster.node(0).api(), 8);
    let first = pages.next().unwrap();
    assert_eq!(first.len(), 8);
    let mut seen: Vec<String> = first.into_iter().chain(pages.flatten()).collect();
    assert!(seen.is_sorted_by_key(|id| std::cmp::Reverse(id.parse::<u64>().unwrap())), "the newest first: {seen:?}");
    seen.reverse();
    assert_eq!(seen.len(), ids.len(), "each once: {seen:?}");
    assert!(ids.iter().all(|id| seen.contains(id)), "{ids:?} in {seen:?}");
}

#[test]
fn pages_go_on_however_many_messages_are_of_one_millisecond() {
    let cluster = Cluster::start(2, &waiting());
    let esmes = [cluster.node(0).transmitter("demo"), cluster.node(1).transmitter("demo")];
    let mut ids = Vec::new();
    for esme in &esmes {
        esme.submit_all(vec![message(); 40], 40, |_, answer| ids.push(answer.unwrap()));
    }
    let mut seen: Vec<String> = Pages::of(cluster.node(1).api(), 1).flatten().collect();
    ids.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, ids);
}

/// The ids on the pages of all messages to the number, until the last one.
struct Pages {
    api: Api,
    limit: usize,
    next: Option<String>,
}

impl Pages {
    fn of(api: Api, limit: usize) -> Self {
        Self { api, limit, next: Some(String::new()) }
    }
}

impl Iterator for Pages {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        let after = self.next.take()?;
        let page = self.api.get(&format!("messages?number=46701234567&limit={}{after}", self.limit));
        self.next = page["next"].as_str().map(|next| format!("&after={next}"));
        Some(names(&page["messages"], "id"))
    }
}

#[test]
fn a_message_is_taken_back_from_any_node() {
    let cluster = Cluster::start(3, &waiting());
    let esme = cluster.node(0).transceiver("demo");
    let id = esme.submit_ok(&message());
    let cancel = |number: usize| cluster.node(number).api().ask("POST", &format!("messages/{id}/cancel"), None);
    assert_eq!(cancel(2).expect_ok()["cancelled"], 1);
    assert_eq!(esme.expect_receipt_of(&id).stat, "DELETED");
    assert_eq!(cancel(1).refusal().0, 409);
}

#[test]
fn sessions_and_links_of_other_nodes_do_as_they_are_told() {
    let operator = Operator::start("op-a");
    let cluster = Cluster::start(3, &with(&operator));
    operator.expect_links(1);
    let esme = cluster.node(0).transceiver("demo");
    let sessions = cluster.node(1).api().get("sessions")["sessions"].clone();
    let id = sessions[0]["id"].as_str().unwrap();
    assert_eq!(cluster.node(2).api().get(&format!("sessions/{id}"))["node"], "smsc-0");
    cluster.node(1).api().post(&format!("sessions/{id}/disconnect"));
    esme.expect_unbind();
    for (_, node) in cluster.nodes() {
        node.api().post("links/op-a/pause");
        operator.expect_links(0);
        node.api().post("links/op-a/resume");
        operator.expect_links(1);
    }
    let nobody = cluster.node(0).api().ask("POST", "links/nobody/pause", None);
    assert_eq!(nobody.refusal().0, 404, "{nobody:?}");
}

#[test]
fn a_node_that_is_down_is_named_and_the_others_answer() {
    let mut cluster = Cluster::start(3, &waiting());
    let id = cluster.node(2).transmitter("demo").submit_ok(&message());
    let other = cluster.node(1).transmitter("demo").submit_ok(&message());
    cluster.kill(2);
    let api = cluster.node(0).api();
    for path in [
        "status",
        "nodes",
        "sessions",
        "links",
        "accounts",
        "operators",
        "queues",
        "messages?number=46701234567",
        "alarms",
        "audit",
        "history",
        "cdr",
    ] {
        let answer = api.get(path);
        assert_eq!(answer["missing"], json!(["smsc-2"]), "{path}: {answer}");
        assert!(answer["missing_why"]["smsc-2"].is_string(), "{path}: {answer}");
    }
    assert_eq!(names(&api.get("messages?number=46701234567")["messages"], "id"), [other]);
    let unknown = api.ask("GET", &format!("messages/{id}"), None);
    assert!(unknown.refusal().0 == 404 && unknown.reason().contains("smsc-2"), "{unknown:?}");
    let alarms = api.get("status")["alarms"].clone();
    assert!(alarms[0]["reason"].as_str().unwrap().contains("smsc-2 does not answer"), "{alarms}");
    cluster.bring_back(2);
    eventually("it answers again", || cluster.node(0).api().get("nodes")["missing"] == json!([]));
}

#[test]
fn a_node_that_left_and_that_nothing_names_any_more_is_not_missed_for_ever() {
    // The second and the third are named by nobody's seeds.
    let mut cluster = Cluster::start_with_one_seed(3, &waiting());
    cluster.terminate(2);
    let missing = |cluster: &Cluster, number: usize| cluster.node(number).api().get("nodes")["missing"].clone();
    eventually("it is missed", || missing(&cluster, 0) == json!(["smsc-2"]));
    cluster.terminate(0);
    eventually("both are missed", || missing(&cluster, 1) == json!(["smsc-0", "smsc-2"]));
    let forgotten = Instant::now() + FORGOTTEN_WITHIN;
    while missing(&cluster, 1) != json!(["smsc-0"]) {
        assert!(Instant::now() < forgotten, "{}", missing(&cluster, 1));
        std::thread::sleep(Duration::from_millis(200));
    }
    let node = cluster.node(1);
    node.expect_metric("smsc_cluster_peers_forgotten_total", &[], 1.0);
    node.expect_metric("smsc_cluster_members", &[("state", "gone")], 1.0);
    cluster.bring_back(0);
    cluster.bring_back(2);
    cluster.expect_all_alive();
    assert_eq!(missing(&cluster, 1), json!([]), "who comes back is there");
}

#[test]
fn a_node_that_stands_still_holds_up_nobody() {
    let cluster = Cluster::start(3, &waiting());
    cluster.freeze(2);
    let asked = Instant::now();
    let status = cluster.node(0).api().get("status");
    assert!(asked.elapsed() < ANSWERS_WITHIN, "it took {:?}", asked.elapsed());
    assert_eq!(status["missing"], json!(["smsc-2"]));
    assert_eq!(status["missing_why"]["smsc-2"], "no answer within 1 s");
    cluster.thaw(2);
    eventually("it answers again", || cluster.node(0).api().get("nodes")["missing"] == json!([]));
}

#[test]
fn alarms_and_changes_of_all_nodes_stand_in_one_list_with_their_nodes() {
    let unreachable = Configuration::new().account("demo").operator_at("op-a", "127.0.0.1:1", "links = 2");
    let cluster = Cluster::start(2, &unreachable.route("", "op-a"));
    eventually("both nodes miss their links", || {
        let alarms = cluster.node(0).api().get("alarms");
        let mut nodes = names(&alarms["alarms"], "node");
        nodes.dedup();
        nodes.sort_unstable();
        nodes == ["smsc-0", "smsc-1"]
    });
    let ids = cluster.nodes().map(|(_, node)| node.transmitter("demo").submit_ok(&message())).collect::<Vec<_>>();
    for id in &ids {
        cluster.node(0).api().post(&format!("messages/{id}/cancel"));
    }
    for (_, node) in cluster.nodes() {
        let audit = node.api().get("audit");
        let did = audit["entries"].as_array().unwrap().iter();
        let did: Vec<_> = did.map(|entry| (entry["node"].clone(), entry["what"].clone())).collect();
        let newest_first = [("smsc-1", &ids[1]), ("smsc-0", &ids[0])];
        assert_eq!(did, newest_first.map(|(node, id)| (json!(node), json!(format!("message {id}")))));
        assert_eq!(names(&node.api().get("audit?node=smsc-1")["entries"], "node"), ["smsc-1"]);
    }
}

#[test]
fn the_last_minutes_are_those_of_all_nodes_together() {
    let cluster = Cluster::start(2, &waiting());
    let history = || cluster.node(1).api().get("history");
    let accepted = || history()["accepted"].as_array().unwrap().iter().filter_map(Value::as_f64).sum::<f64>();
    eventually("both have looked", || {
        cluster.nodes().all(|(number, _)| {
            let at = cluster.node(0).api().get(&format!("history?node=smsc-{number}"))["at"].clone();
            at.as_array().is_some_and(|at| !at.is_empty())
        })
    });
    cluster.nodes().for_each(|(_, node)| _ = node.transmitter("demo").submit_ok(&message()));
    // One second of a node may lie in two of the clock.
    eventually("two were accepted", || (1.9..=2.1).contains(&accepted()));
    let history = history();
    assert_eq!(history["nodes"], json!(["smsc-1", "smsc-0"]), "{history}");
    assert_eq!(history["waiting"].as_array().unwrap().last(), Some(&json!(2)), "{history}");
    let last = history["at"].as_array().unwrap().last().unwrap().as_u64();
    eventually("the next seconds are told", || {
        let newer = cluster.node(1).api().get(&format!("history?since={}", last.unwrap()))["at"].clone();
        newer.as_array().unwrap().first().and_then(Value::as_u64) == last.map(|last| last + 1_000)
    });
    assert_eq!(cluster.node(0).api().get("history?node=smsc-1")["nodes"], json!(["smsc-1"]));
}

#[test]
fn call_detail_records_are_told_of_each_node_and_their_files_closed_on_all() {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let cluster = Cluster::start(2, &with(&operator).section("cdr", "folder = \"cdr\""));
    for (_, node) in cluster.nodes() {
        let esme = node.transceiver("demo");
        let id = esme.submit_ok(&message());
        esme.expect_receipt_of(&id);
    }
    let all_have_one = |part: &str| {
        let cdr = cluster.node(1).api().get("cdr");
        let records = cdr["nodes"].as_array().unwrap().iter().map(|node| node[part]["records"].clone());
        records.collect::<Vec<_>>() == [1, 1]
    };
    eventually("each has written its record", || all_have_one("file"));
    let said = ctl(cluster.node(0), &["cdr", "rotate"]).stdout;
    assert!(said.matches("with 1 record").count() == 2 && said.contains("smsc-1:"), "{said}");
    assert!(all_have_one("last_closed"));
    assert_eq!(names(&cluster.node(1).api().get("cdr?node=smsc-0")["nodes"], "node"), ["smsc-0"]);
    assert_eq!(names(&cluster.node(1).api().post("cdr/rotate?node=smsc-0")["nodes"], "node"), ["smsc-0"]);
}

#[test]
fn one_node_can_be_asked_alone() {
    let cluster = Cluster::start(2, &waiting());
    let _esmes: Vec<_> = cluster.nodes().map(|(_, node)| node.transceiver("demo")).collect();
    for name in ["smsc-0", "smsc-1"] {
        let sessions = cluster.node(0).api().get(&format!("sessions?node={name}"));
        assert_eq!(names(&sessions["sessions"], "node"), [name], "{sessions}");
        assert_eq!(cluster.node(0).api().get(&format!("status?node={name}"))["node"]["name"], name);
    }
    let config = cluster.node(0).api().get("config?node=smsc-1");
    assert_eq!(config["values"]["node"]["name"], "smsc-1", "{config}");
    let unknown = cluster.node(0).api().ask("GET", "status?node=smsc-7", None);
    assert_eq!(unknown.refusal(), (400, "bad_request", Some("node")));
}

#[test]
fn a_viewer_sees_no_numbers_of_other_nodes_either_and_changes_nothing_there() {
    let viewer = "viewer-0123456789abcdef";
    let tokens = format!("viewer eve {viewer}\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tokens).unwrap();
    let keys = format!("token_file = {:?}", file.path());
    let cluster = Cluster::start(2, &waiting().section("http", &keys));
    let id = cluster.node(1).transmitter("demo").submit_ok(&message());
    let api = cluster.node(0).api().with_token(viewer);
    let found = api.get(&format!("messages/{id}"))["deliveries"][0].clone();
    assert_eq!(found["node"], "smsc-1");
    assert!(!found["destination"].as_str().unwrap().contains("46701234567"), "{found}");
    assert_eq!(api.ask("POST", &format!("messages/{id}/cancel"), None).refusal().0, 403);
}

fn ctl(node: &Node, arguments: &[&str]) -> Finished {
    let url = format!("http://{}", node.place().http());
    smsc(["ctl", "--node", &url].iter().chain(arguments))
}

#[test]
fn ctl_shows_all_nodes_and_says_who_is_missing() {
    let mut cluster = Cluster::start(2, &waiting());
    let _esmes: Vec<_> = cluster.nodes().map(|(_, node)| node.transceiver("demo")).collect();
    let said = |arguments: &[&str]| ctl(cluster.node(0), arguments).stdout;
    let sessions = said(&["sessions"]);
    assert!(sessions.contains("smsc-0") && sessions.contains("smsc-1"), "{sessions}");
    let alone = said(&["--only", "smsc-1", "sessions"]);
    assert!(!alone.contains("smsc-0") && alone.contains("smsc-1"), "{alone}");
    assert!(said(&["status"]).contains("2 nodes, seen from smsc-0"), "{}", said(&["status"]));
    cluster.kill(1);
    for verb in ["sessions", "nodes", "status", "queues"] {
        let text = ctl(cluster.node(0), &[verb]).stdout;
        assert!(text.contains("NO ANSWER from smsc-1: "), "{verb}: {text}");
    }
}
