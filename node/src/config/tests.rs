//! What a configuration may say, what it means where it says nothing, and how it is refused.

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use smsc_proto::session::Role;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_router::operator_id::IdTransform;
use smsc_router::outcome::Meaning;
use smsc_router::route::MoDestination;
use smsc_store::{JournalKind, Name, Outbox};

use super::*;
use crate::tls::SelfMade;

const MINIMAL: &str = r#"
[[listener]]
address = "127.0.0.1:2775"

[[account]]
system_id = "demo"
password = "secret-of-demo"

[[operator]]
name = "op-a"
addresses = ["127.0.0.1:2875"]
system_id = "smsc"
password = "secret-of-op-a"

[[route]]
prefix = "4670"
operators = [{ name = "op-a" }]

[[mo_route]]
destination = "72345"
account = "demo"
"#;

/// A file with that text, loaded with those variables of the environment.
fn load_as(name: &str, text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    fs::write(&file, text).expect("a file");
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
    let merged = load::merge_file(&file, environment.collect())?;
    load::check(&file, merged.read(merged.value.clone())?, true)
}

fn load_toml(text: &str) -> Result<Config, ConfigError> {
    load_as("smsc.toml", text, &[])
}

fn minimal() -> Config {
    load_toml(MINIMAL).expect("the least that makes sense is good")
}

/// The minimal configuration with one piece replaced.
fn with(old: &str, new: &str) -> Result<Config, ConfigError> {
    assert!(MINIMAL.contains(old), "{old}");
    load_toml(&MINIMAL.replacen(old, new, 1))
}

/// The one problem of a configuration that is refused.
fn problem(result: Result<Config, ConfigError>) -> (String, String) {
    let error = result.expect_err("refused");
    let [problem] = error.problems() else { panic!("one problem: {error}") };
    (problem.key.clone(), problem.reason.clone())
}

/// The minimal configuration and more text.
fn and(text: &str) -> Result<Config, ConfigError> {
    load_toml(&format!("{MINIMAL}\n{text}"))
}

#[test]
fn session_defaults_are_those_of_the_design() {
    let session = minimal().session;
    assert_eq!(session.session_init, Duration::from_secs(10));
    assert_eq!(session.enquire_link, Duration::from_secs(30));
    assert_eq!(session.enquire_link_misses, 2);
    assert_eq!(session.inactivity, Duration::from_secs(300));
    assert_eq!(session.response, Duration::from_secs(30));
    assert_eq!(session.pdu_read, Duration::from_secs(10));
    assert_eq!(session.pdu_size_max.as_u64(), 80 * 1_024);
    assert_eq!(session.bind_errors, BindErrors::Exact);
}

#[test]
fn account_defaults_are_those_of_the_design() {
    let account = &minimal().account[0];
    assert_eq!((account.binds_max, account.window_max, account.deliver_window), (4, 100, 10));
    assert_eq!((account.throughput_max, account.waiting_max), (0, 1_000_000));
    assert_eq!(account.receipt_lifetime, Duration::from_secs(7 * 24 * 3_600));
    assert_eq!(account.validity_default, Duration::from_secs(48 * 3_600));
    assert_eq!(account.validity_max, Duration::from_secs(7 * 24 * 3_600));
    assert_eq!(account.validity_over_max, ValidityOverMax::Clamp);
    assert_eq!((account.alphabet, account.receipt_pdu), (Alphabet::Gsm7, ReceiptPdu::DeliverSm));
    assert_eq!(account.tlv, AccountTlv { strip: vec![], require: vec![], extra_to_esme: false });
    assert_eq!((account.allow_from.len(), account.source_default.as_str()), (0, ""));
    assert_eq!(account.allowed_sources, ["*"]);
    assert_eq!(account.outbind, None);
}

#[test]
fn operator_defaults_are_those_of_the_design() {
    let operator = &minimal().operator[0];
    assert_eq!(operator.bind, OperatorBind::Transceiver);
    assert_eq!((operator.links, operator.exclusive, operator.window), (1, false, 10));
    assert_eq!((operator.throughput_max, operator.unanswered_max), (0, 3));
    assert_eq!(operator.message_id.0, []);
    assert_eq!((operator.receipts, operator.settle), (Receipts::Always, SettleMode::Durable));
    assert_eq!(operator.failover_after, Duration::from_secs(60));
    assert_eq!(operator.retry, [5, 30, 120, 600, 1_800, 3_600].map(Duration::from_secs));
    assert_eq!(operator.waiting_max, 5_000_000);
    assert_eq!((operator.alphabet, operator.long_messages), (Alphabet::Gsm7, LongMessages::Keep));
    assert_eq!((operator.tls.as_ref(), operator.system_type.as_str(), operator.address_range.as_str()), (None, "", ""));
    assert!(operator.status.is_empty());
}

#[test]
fn router_and_store_defaults_are_those_of_the_design() {
    let Config { router, store, .. } = minimal();
    assert_eq!(router.no_route, CommandStatus::ESME_RINVDSTADR);
    assert_eq!((router.mo_no_route, router.mo_park_max), (MoNoRoute::Refuse, Duration::from_secs(24 * 3_600)));
    assert_eq!((store.journal, store.partitions, store.durability), (Journal::Sled, 0, Durability::PowerLoss));
    assert_eq!((store.memory_max.as_u64(), store.disk_free_min.as_u64()), (256 << 20, 1 << 30));
    assert_eq!((store.messages_max, store.retention_messages_max), (10_000_000, 1_000_000));
    assert_eq!(store.retention, Duration::from_secs(24 * 3_600));
    assert_eq!(store.receipt_grace, Duration::from_secs(3_600));
    assert_eq!(store.parked_max, Duration::from_secs(10 * 24 * 3_600));
}

#[test]
fn the_other_defaults_are_those_of_the_design() {
    let config = minimal();
    assert_eq!(config.node.data_dir, Path::new("data"));
    assert_eq!((config.listener[0].proxy_protocol, config.listener[0].tls.is_some()), (ProxyProtocol::Off, false));
    assert!(config.cluster.is_none() && config.cdr.is_none());
    let Drain { lb_delay, rate, deadline } = config.drain;
    assert_eq!((lb_delay, rate, deadline), (Duration::from_secs(8), 50, Duration::from_secs(90)));
    assert_eq!(config.http.address.to_string(), "127.0.0.1:8080");
    assert_eq!((config.http.token_file, config.http.agent_check), (None, None));
    let telemetry = config.telemetry;
    assert_eq!((telemetry.log_format, telemetry.log_level), (LogFormat::Json, LogLevel::Info));
    assert_eq!((telemetry.mask_numbers, telemetry.accounts_max, telemetry.otlp_endpoint), (true, 1_000, None));
    assert_eq!(telemetry.otlp_ratio.per_million(), 1_000);
    assert_eq!(config.route[0].operators[0].weight, 1);
}

#[test]
fn defaults_of_sections_that_do_not_work_yet_are_those_of_the_design() {
    let text = "[cdr]\nfolder = \"cdr\"\n[cluster]\nadvertise = \"a:7070\"\nseeds = [\"b:7070\"]\nnodes_expected = 3\n";
    let merged = load::embedded(text).expect("TOML");
    let config = merged.read(merged.value.clone()).expect("each key alone is right");
    let (cdr, cluster) = (config.cdr.expect("there"), config.cluster.expect("there"));
    assert_eq!((cdr.format, cdr.rotate_size.as_u64()), (CdrFormat::Ndjson, 64 << 20));
    assert_eq!(cdr.rotate_every, Duration::from_secs(15 * 60));
    assert_eq!((cluster.name.as_str(), cluster.listen.to_string().as_str()), ("smsc", "0.0.0.0:7070"));
}

/// Every key, with another value than its default where it has one.
const EVERY_KEY_TOML: &str = r#"
[node]
name = "smsc-3"
number = 7
data_dir = "elsewhere"

[[listener]]
address = "[::1]:2775"
proxy_protocol = "required"
trusted_proxies = ["10.0.0.0/8"]

[session]
session_init = "1s"
enquire_link = "2s"
enquire_link_misses = 3
inactivity = "4m"
response = "5s"
pdu_read = "6s"
pdu_size_max = "7KiB"
bind_errors = "uniform"

[[account]]
system_id = "demo"
password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
binds_max = 5
window_max = 101
deliver_window = 11
throughput_max = 12
waiting_max = 13
receipt_lifetime = "1d"
allow_from = ["127.0.0.0/8", "::1/128"]
allowed_sources = ["4670*", "BRAND"]
source_default = "BRAND"
outbind = "esme.example:2775"
validity_default = "1h"
validity_max = "2h"
validity_over_max = "refuse"
alphabet = "latin1"
receipt_pdu = "data_sm"
tlv = { strip = [5120, "0x1401"], require = ["0x0204"], extra_to_esme = true }

[[operator]]
name = "op-a"
addresses = ["one.example:2775", "[::1]:2776"]
system_id = "smsc"
password = "secret"
bind = "transmitter+receiver"
links = 2
exclusive = false
window = 20
throughput_max = 30
message_id = ["response_hex", "trim_zeros"]
receipts = "never"
settle = "behind"
unanswered_max = 4
failover_after = "5s"
retry = ["1s", "1m 30s"]
waiting_max = 6
alphabet = "ascii"
long_messages = "sar"
mo_long_messages = "payload"
senders = [{ from = "BRAND*", to = "72345" }]
ton_npi = { destination = [1, 1], short_code = [3, 0] }
tls = { server_name = "smpp.example" }
system_type = "VMA"
address_range = "^46"
status = { "0x0B" = "next", ESME_RTHROTTLED = "retry" }

[[route]]
prefix = ""
operators = [{ name = "op-a", weight = 3 }]
failover = []
account = "demo"
source = "BRAND"

[[mo_route]]
destination = "467*"
account = "demo"
keyword = "JOIN"
operator = "op-a"

[router]
no_route = "ESME_RSUBMITFAIL"
mo_no_route = "park"
mo_park_max = "1h"

[store]
journal = "sled"
partitions = 2
durability = "process_crash"
memory_max = "1MiB"
messages_max = 1
retention = "0s"
retention_messages_max = 2
receipt_grace = "3s"
parked_max = "4s"
disk_free_min = 5
postgres = { urls = ["postgres://smsc:hidden@db/smsc"], lease = "11s" }

[drain]
lb_delay = "1s"
rate = 2
deadline = "3s"

[http]
address = "[::1]:8081"
agent_check = "0.0.0.0:8082"

[cdr]
folder = "records"
format = "csv"
rotate_size = "1MB"
rotate_every = "1m"

[telemetry]
log_format = "text"
log_level = "debug"
mask_numbers = false
accounts_max = 9
otlp_endpoint = "http://collector:4317"
otlp_ratio = 0.25
"#;

const EVERY_KEY_YAML: &str = r#"
node: { name: smsc-3, number: 7, data_dir: elsewhere }
listener:
  - address: "[::1]:2775"
    proxy_protocol: required
    trusted_proxies: [10.0.0.0/8]
session:
  session_init: 1s
  enquire_link: 2s
  enquire_link_misses: 3
  inactivity: 4m
  response: 5s
  pdu_read: 6s
  pdu_size_max: 7KiB
  bind_errors: uniform
account:
  - system_id: demo
    password:
    password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    binds_max: 5
    window_max: 101
    deliver_window: 11
    throughput_max: 12
    waiting_max: 13
    receipt_lifetime: 1d
    allow_from: [127.0.0.0/8, "::1/128"]
    allowed_sources: ["4670*", BRAND]
    source_default: BRAND
    outbind: esme.example:2775
    validity_default: 1h
    validity_max: 2h
    validity_over_max: refuse
    alphabet: latin1
    receipt_pdu: data_sm
    tlv: { strip: [5120, "0x1401"], require: ["0x0204"], extra_to_esme: true }
operator:
  - name: op-a
    addresses: [one.example:2775, "[::1]:2776"]
    system_id: smsc
    password: secret
    bind: transmitter+receiver
    links: 2
    exclusive: false
    window: 20
    throughput_max: 30
    message_id: [response_hex, trim_zeros]
    receipts: never
    settle: behind
    unanswered_max: 4
    failover_after: 5s
    retry: [1s, 1m 30s]
    waiting_max: 6
    alphabet: ascii
    long_messages: sar
    mo_long_messages: payload
    senders: [{ from: "BRAND*", to: "72345" }]
    ton_npi: { destination: [1, 1], short_code: [3, 0] }
    tls: { server_name: smpp.example }
    system_type: VMA
    address_range: ^46
    status: { "0x0B": next, ESME_RTHROTTLED: retry }
route:
  - prefix: ""
    operators: [{ name: op-a, weight: 3 }]
    failover: []
    account: demo
    source: BRAND
mo_route:
  - { destination: "467*", account: demo, keyword: JOIN, operator: op-a }
router: { no_route: ESME_RSUBMITFAIL, mo_no_route: park, mo_park_max: 1h }
store:
  journal: sled
  partitions: 2
  durability: process_crash
  memory_max: 1MiB
  messages_max: 1
  retention: 0s
  retention_messages_max: 2
  receipt_grace: 3s
  parked_max: 4s
  disk_free_min: 5
  postgres: { urls: ["postgres://smsc:hidden@db/smsc"], lease: 11s }
drain: { lb_delay: 1s, rate: 2, deadline: 3s }
http: { address: "[::1]:8081", agent_check: 0.0.0.0:8082 }
cdr: { folder: records, format: csv, rotate_size: 1MB, rotate_every: 1m }
telemetry:
  log_format: text
  log_level: debug
  mask_numbers: false
  accounts_max: 9
  otlp_endpoint: http://collector:4317
  otlp_ratio: 0.25
"#;

#[test]
fn toml_and_yaml_say_the_same() {
    let yaml = load_as("smsc.yaml", EVERY_KEY_YAML, &[]).expect("good YAML");
    let toml = load_toml(EVERY_KEY_TOML).expect("good TOML");
    assert_eq!(format!("{yaml:#?}"), format!("{toml:#?}"));
    assert_eq!(yaml.operator, toml.operator);
    assert_eq!(yaml.account, toml.account);
}

#[test]
fn what_is_written_is_what_is_read() {
    let config = load_toml(EVERY_KEY_TOML).expect("good");
    assert_eq!((config.node.name.as_str(), config.node.number), ("smsc-3", 7));
    let account = &config.account[0];
    assert!(matches!(account.credential(), Some(Credential::Hash(_))));
    assert_eq!(account.tlv.strip, [TlvTag(0x1400), TlvTag(0x1401)]);
    assert_eq!(account.outbind.as_ref().map(ToString::to_string).as_deref(), Some("esme.example:2775"));
    let operator = &config.operator[0];
    assert_eq!(operator.addresses.iter().map(HostPort::port).collect::<Vec<_>>(), [2775, 2776]);
    assert_eq!(operator.message_id.0, [IdTransform::ResponseHex, IdTransform::TrimZeros]);
    assert_eq!(operator.retry, [Duration::from_secs(1), Duration::from_secs(90)]);
    assert_eq!(operator.status[&CommandStatus(0x0B)], StatusMeaning::Next);
    assert_eq!(config.mo_route[0].destination, MoDestination::Prefix("467".to_owned()));
    assert_eq!(config.cdr.expect("there").rotate_size.as_u64(), 1_000_000);
}

#[test]
fn an_unknown_key_is_refused_in_every_section() {
    let sections = [
        "node",
        "session",
        "router",
        "store",
        "drain",
        "http",
        "cdr",
        "telemetry",
        "cluster",
        "store.postgres",
        "account.tlv",
        "listener.tls",
        "operator.tls",
    ];
    for section in sections {
        let text = match section.split_once('.') {
            Some((list @ ("account" | "listener" | "operator"), inner)) => {
                format!("[[{list}]]\n{inner} = {{ nonsense = 1 }}")
            }
            Some(_) | None => format!("[{section}]\nnonsense = 1"),
        };
        let (key, reason) = problem(load_toml(&text));
        assert!(key.ends_with("nonsense"), "{section}: {key}");
        assert!(
            reason.contains("unknown field `nonsense`, expected one of") || reason.contains("expected"),
            "{reason}"
        );
    }
    for list in ["listener", "account", "operator", "route", "mo_route"] {
        let (key, _) = problem(load_toml(&format!("[[{list}]]\nnonsense = 1")));
        assert_eq!(key, format!("{list}[0].nonsense"));
    }
    assert_eq!(problem(load_toml("[nonsense]\n")).0, "nonsense");
}

#[test]
fn an_impossible_value_is_refused_with_its_key_and_what_is_expected() {
    let wrong = [
        ("[node]\nnumber = 60", "node.number", "expected a number from 0 to 59"),
        ("[node]\nnumber = \"1\"", "node.number", "expected u16"),
        ("[node]\nnumber = 1.5", "node.number", "expected u16"),
        ("[node]\nname = 3", "node.name", "expected a string"),
        ("[session]\nresponse = \"soon\"", "session.response", "expected a duration such as"),
        ("[session]\nresponse = 30", "session.response", "expected a duration such as"),
        ("[session]\nresponse = \"0s\"", "session.response", "expected a duration above zero"),
        ("[session]\npdu_size_max = \"80 potatoes\"", "session.pdu_size_max", "expected a size such as"),
        ("[session]\npdu_size_max = -1", "session.pdu_size_max", "expected a size such as"),
        ("[session]\nbind_errors = \"vague\"", "session.bind_errors", "expected `exact` or `uniform`"),
        ("[session]\nenquire_link_misses = 0", "session.enquire_link_misses", "expected a number of at least 1"),
        ("[store]\npartitions = 17", "store.partitions", "expected a number from 0 to 16"),
        ("[store]\nmemory_max = \"99999999999GiB\"", "store.memory_max", "expected a size such as"),
        ("[store]\ndurability = true", "store.durability", "expected one of the strings"),
        ("[router]\nno_route = \"ESME_ROK\"", "router.no_route", "expected an error code"),
        ("[router]\nno_route = \"ESME_NONSENSE\"", "router.no_route", "ESME_NONSENSE"),
        ("[drain]\nrate = 0", "drain.rate", "expected a number of at least 1"),
        ("[http]\naddress = \"localhost\"", "http.address", "socket address"),
        ("[telemetry]\nlog_level = \"loud\"", "telemetry.log_level", "expected one of `error`"),
        ("[telemetry]\nmask_numbers = \"no\"", "telemetry.mask_numbers", "expected a boolean"),
        ("[telemetry]\naccounts_max = 99999999999", "telemetry.accounts_max", "expected u32"),
        ("[[listener]]\n", "listener[0]", "missing field `address`"),
        ("[[listener]]\naddress = \"2775\"", "listener[0].address", "socket address"),
        ("[[listener]]\ntrusted_proxies = [\"10/8\"]", "listener[0].trusted_proxies[0]", "IP"),
        ("[[account]]\nsystem_id = \"\"", "account[0].system_id", "expected 1 to 64 printable"),
        ("[[account]]\nbinds_max = 0", "account[0].binds_max", "expected a number of at least 1"),
        ("[[account]]\npassword_hash = \"$2y$10$x\"", "account[0].password_hash", "expected \"$argon2id$"),
        ("[[account]]\ntlv = { strip = [\"1400\"] }", "account[0].tlv.strip[0]", "expected a TLV tag such as"),
        ("[[operator]]\naddresses = [\"host\"]", "operator[0].addresses[0]", "expected \"host:port\""),
        ("[[operator]]\nretry = [\"5s\", \"x\"]", "operator[0].retry[1]", "expected a duration such as"),
        ("[[operator]]\nretry = [\"0s\"]", "operator[0].retry[0]", "expected a duration above zero"),
        ("[[operator]]\nmessage_id = \"octal\"", "operator[0].message_id", "expected one of `as_is`"),
        ("[[operator]]\nmessage_id = [\"as_is\", \"fold_case\"]", "operator[0].message_id", "expected it alone"),
        ("[[operator]]\nmessage_id = [\"receipt_hex\", \"response_hex\"]", "operator[0].message_id", "at most one"),
        ("[[operator]]\nstatus = { 88 = \"retry\" }", "operator[0].status.88", "expected a name such as"),
        ("[[operator]]\nstatus = { 0x58 = \"maybe\" }", "operator[0].status.0x58", "expected one of `accepted`"),
        ("[[operator]]\nton_npi = { name = [5] }", "operator[0].ton_npi.name", "expected"),
        ("[[operator]]\nbind = \"both\"", "operator[0].bind", "expected `transceiver` or `transmitter+receiver`"),
        ("[[route]]\nprefix = \"+46\"", "route[0].prefix", "expected international digits"),
        ("[[route]]\noperators = [{ name = \"a\", weight = 0 }]", "route[0].operators[0].weight", "at least 1"),
        ("[[mo_route]]\ndestination = \"4*6\"", "mo_route[0].destination", "expected digits such as"),
        ("listener = 3", "listener", "expected a sequence"),
    ];
    for (text, key, expected) in wrong {
        let (found, reason) = problem(load_toml(text));
        assert_eq!(found, key, "{text}: {reason}");
        assert!(reason.contains(expected), "{text}: {reason}");
    }
}

#[test]
fn contradictions_between_keys_are_refused() {
    let wrong = [
        (with("[[listener]]\naddress = \"127.0.0.1:2775\"", ""), "listener"),
        (and("[[listener]]\naddress = \"127.0.0.1:2775\""), "listener[1].address"),
        (with("2775\"", "2775\"\nproxy_protocol = \"required\""), "listener[0].trusted_proxies"),
        (and("[[account]]\nsystem_id = \"demo\"\npassword = \"x\""), "account[1].system_id"),
        (with("password = \"secret-of-demo\"", ""), "account[0].password"),
        (with("\"secret-of-demo\"", "\"\""), "account[0].password"),
        (with("\"secret-of-demo\"", "\"x\"\nvalidity_default = \"8d\""), "account[0].validity_default"),
        (with("\"secret-of-demo\"", "\"x\"\nallowed_sources = [\"a*b\"]"), "account[0].allowed_sources[0]"),
        (with("\"secret-of-demo\"", "\"x\"\nsource_default = \"123456789012345678901\""), "account[0].source_default"),
        (
            with("name = \"op-a\"\naddresses = [\"127.0.0.1:2875\"]", "name = \"op-a\"\naddresses = []"),
            "operator[0].addresses",
        ),
        (with("password = \"secret-of-op-a\"", ""), "operator[0].password"),
        (with("\"secret-of-op-a\"", "\"x\"\nretry = []"), "operator[0].retry"),
        (with("\"secret-of-op-a\"", "\"x\"\nexclusive = true\nlinks = 2"), "operator[0].exclusive"),
        (with("\"secret-of-op-a\"", "\"x\"\nsenders = [{ from = \"\", to = \"x\" }]"), "operator[0].senders[0].from"),
        (with("\"secret-of-demo\"", "\"x\"\nclient_certificate = \"bank\""), "account[0].client_certificate"),
        (with("\"secret-of-op-a\"", "\"x\"\nsystem_type = \"1234567890123\""), "operator[0].system_type"),
        (with("\"secret-of-op-a\"", "\"x\"\nstatus = { ESME_ROK = \"refused\" }"), "operator[0].status"),
        (with("operators = [{ name = \"op-a\" }]", "operators = [{ name = \"op-b\" }]"), "route[0].operators[0].name"),
        (with("operators = [{ name = \"op-a\" }]", "operators = []"), "route[0].operators"),
        (with("prefix = \"4670\"", "prefix = \"4670\"\nfailover = [\"op-a\"]"), "route[0].failover[0]"),
        (with("prefix = \"4670\"", "prefix = \"4670\"\nfailover = [\"op-c\"]"), "route[0].failover[0]"),
        (with("prefix = \"4670\"", "prefix = \"4670\"\naccount = \"nobody\""), "route[0].account"),
        (and("[[route]]\nprefix = \"4670\"\noperators = [{ name = \"op-a\" }]"), "route[1]"),
        (with("account = \"demo\"", "account = \"nobody\""), "mo_route[0].account"),
        (with("account = \"demo\"", "account = \"demo\"\noperator = \"op-b\""), "mo_route[0].operator"),
        (with("account = \"demo\"", "account = \"demo\"\nkeyword = \"TWO WORDS\""), "mo_route[0].keyword"),
        (and("[[mo_route]]\ndestination = \"72345\"\naccount = \"demo\""), "mo_route[1]"),
        (and("[http]\naddress = \"0.0.0.0:8080\""), "http.address"),
        (and("[drain]\ndeadline = \"1s\""), "drain.deadline"),
        (and("[session]\npdu_size_max = \"2MiB\""), "session.pdu_size_max"),
        (and("[store]\nmessages_max = 0"), "store.messages_max"),
        (and("[node]\nname = \"two words\""), "node.name"),
    ];
    for (result, key) in wrong {
        assert_eq!(problem(result).0, key);
    }
}

#[test]
fn a_journal_in_postgresql_says_where_that_is() {
    assert_eq!(problem(and("[store]\njournal = \"postgres\"")).0, "store.postgres");
}

#[test]
fn a_cluster_must_be_one_that_can_be() {
    let cluster = |keys: &str| problem(and(&format!("[cluster]\nadvertise = \"a:7070\"\n{keys}"))).0;
    assert_eq!(cluster("seeds = []\nnodes_expected = 3"), "cluster.seeds");
    assert_eq!(cluster("seeds = [\"b:7070\"]\nnodes_expected = 61"), "cluster.nodes_expected");
    assert_eq!(cluster("seeds = [\"b:7070\"]\nnodes_expected = 3\nname = \"a b\""), "cluster.name");
    assert!(and("[cluster]\nadvertise = \"a:7070\"\nseeds = []\nnodes_expected = 1").is_ok());
}

#[test]
fn all_contradictions_are_told_at_once_a_line_each() {
    let error = load_toml("[[account]]\nsystem_id = \"a\"\n[http]\naddress = \"0.0.0.0:1\"").expect_err("refused");
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines.iter().all(|line| line.contains("smsc.toml: ")), "{text}");
}

#[test]
fn a_file_that_is_none_is_refused() {
    let error = Config::load(Path::new("no/such/smsc.toml")).expect_err("refused");
    assert!(error.to_string().starts_with("no/such/smsc.toml: cannot be read: "), "{error}");
    let error = load_as("smsc.ini", "", &[]).expect_err("refused");
    assert!(error.to_string().ends_with("expected a name that ends in .toml, .yaml or .yml"), "{error}");
}

#[test]
fn what_does_not_parse_is_told_with_its_place_on_one_line() {
    for (name, text) in [("smsc.toml", "[node]\nname = \n"), ("smsc.yaml", "node: [\n")] {
        let text = load_as(name, text, &[]).expect_err("refused").to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("line"), "{text}");
    }
}

#[test]
fn scalar_keys_come_from_the_environment_as_strings() {
    let environment = [
        ("SMSC__NODE__NAME", "17"),
        ("SMSC__NODE__NUMBER", "5"),
        ("SMSC__SESSION__RESPONSE", "7s"),
        ("SMSC__SESSION__PDU_SIZE_MAX", "4096"),
        ("SMSC__TELEMETRY__MASK_NUMBERS", "false"),
        ("SMSC__TELEMETRY__LOG_FORMAT", "text"),
        ("SMSC__HTTP__ADDRESS", "127.0.0.1:9090"),
    ];
    for (name, text) in [("smsc.toml", MINIMAL.to_owned()), ("smsc.toml", format!("{MINIMAL}[node]\nnumber = 9\n"))] {
        let config = load_as(name, &text, &environment).expect("good");
        assert_eq!((config.node.name.as_str(), config.node.number), ("17", 5));
        assert_eq!(config.session.response, Duration::from_secs(7));
        assert_eq!(config.session.pdu_size_max.as_u64(), 4_096);
        assert!(!config.telemetry.mask_numbers);
        assert_eq!(config.telemetry.log_format, LogFormat::Text);
        assert_eq!(config.http.address.port(), 9090);
    }
}

#[test]
fn what_the_environment_says_wrong_is_told_with_the_variable() {
    let wrong = [
        ("SMSC__NODE__NUMBER", "sixty", "node.number: invalid type: string \"sixty\", expected u16"),
        ("SMSC__NODE__NONSENSE", "1", "node.nonsense: unknown field `nonsense`"),
        ("SMSC__NONSENSE__KEY", "1", "unknown field `nonsense`"),
        ("SMSC__NODE", "x", "expected a name of the form SMSC__SECTION__KEY"),
        ("SMSC__ACCOUNT__PASSWORD", "x", "expected a scalar key"),
    ];
    for (name, value, reason) in wrong {
        let text = load_as("smsc.toml", MINIMAL, &[(name, value)]).expect_err("refused").to_string();
        assert!(text.contains(reason), "{text}");
        assert!(text.contains(&format!("environment variable {name}: ")), "{text}");
    }
}

#[test]
fn secrets_are_read_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    fs::write(&file, "from-a-file\n").expect("a file");
    let key = format!("password_file = {:?}", file.display().to_string());
    let config = with("password = \"secret-of-demo\"", &key).expect("good");
    assert_eq!(config.account[0].credential(), Some(Credential::Password(&Secret::new("from-a-file"))));
    let config = with("password = \"secret-of-op-a\"", &key).expect("good");
    assert_eq!(config.operator[0].password, Some(Secret::new("from-a-file")));
}

#[test]
fn a_secret_that_cannot_be_read_is_refused() {
    let (key, reason) = problem(with("password = \"secret-of-demo\"", "password_file = \"no/such/file\""));
    assert_eq!(key, "account[0].password_file");
    assert!(reason.starts_with("no/such/file cannot be read"), "{reason}");
    let twice = with("\"secret-of-op-a\"", "\"x\"\npassword_file = \"no/such/file\"");
    assert_eq!(problem(twice).0, "operator[0].password_file");
    let token = and("[http]\naddress = \"0.0.0.0:8080\"\ntoken_file = \"no/such/file\"");
    assert_eq!(problem(token).0, "http.token_file");
}

#[test]
fn secrets_are_never_printed() {
    for config in [minimal(), load_toml(EVERY_KEY_TOML).expect("good")] {
        let text = format!("{config:?}");
        for secret in ["secret", "hidden", "argon2id"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(text.contains("***"));
    }
}

#[test]
fn certificates_are_read_by_the_check() {
    let tls = "2775\"\ntls = { certificate = \"no/such/file\", key = \"no/such/file\" }";
    let (key, reason) = problem(with("2775\"", tls));
    assert_eq!(key, "listener[0].tls");
    assert!(reason.starts_with("no/such/file: cannot be read as a certificate"), "{reason}");
    let (key, _) = problem(with("\"secret-of-op-a\"", "\"x\"\ntls = { ca = \"no/such/file\" }"));
    assert_eq!(key, "operator[0].tls");
}

#[test]
fn the_demo_passes_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    SelfMade::in_folder(folder.path()).ensure().expect("a certificate");
    let config = Config::demo(folder.path());
    assert_eq!(config.problems(), []);
    assert_eq!(config.certificate_problems(true), []);
    let ports: Vec<u16> = config.listener.iter().map(|listener| listener.address.port()).collect();
    assert_eq!(ports, [2775, 2776]);
    assert!(config.listener[1].tls.is_some());
    assert_eq!(config.node.data_dir, folder.path());
    assert_eq!(config.mo_route[0].destination, MoDestination::Prefix("4676".to_owned()));
    assert_eq!(config.route[0].prefix, "");
}

#[test]
fn spans_go_to_an_address_over_http_and_are_of_a_part_of_the_messages() {
    let ratio = |text: &str| {
        and(&format!("[telemetry]\notlp_ratio = {text}")).expect("good").telemetry.otlp_ratio.per_million()
    };
    assert_eq!((ratio("1"), ratio("0"), ratio("0.000001")), (1_000_000, 0, 1));
    for wrong in ["otlp_ratio = 1.5", "otlp_ratio = -0.1", "otlp_ratio = \"half\""] {
        let (key, reason) = problem(and(&format!("[telemetry]\n{wrong}")));
        assert_eq!((key.as_str(), reason.contains("from 0 to 1")), ("telemetry.otlp_ratio", true), "{reason}");
    }
    for wrong in ["collector:4317", "ftp://collector", "http://"] {
        let (key, reason) = problem(and(&format!("[telemetry]\notlp_endpoint = {wrong:?}")));
        assert_eq!(
            (key.as_str(), reason.contains("http://collector:4317")),
            ("telemetry.otlp_endpoint", true),
            "{reason}"
        );
    }
}

#[test]
fn partitions_in_postgresql_are_eight_unless_the_configuration_says_otherwise() {
    let text = |keys: &str| {
        and(&format!("[store]\njournal = \"postgres\"\npostgres = {{ urls = [\"postgres://smsc@db/smsc\"] {keys} }}"))
    };
    let options = text("").expect("good").store_options();
    assert_eq!((options.partitions, options.journal), (8, smsc_store::JournalKind::Postgres));
    assert!(options.postgres.is_some_and(|postgres| postgres.lease() == Duration::from_secs(10)));
    let (key, reason) = problem(text(", lease = \"200ms\""));
    assert_eq!(key, "store.postgres.lease", "{reason}");
    let (key, reason) =
        problem(and("[store]\njournal = \"postgres\"\npostgres = { urls = [\"postgres://smsc:hidden@db\"] }"));
    assert_eq!(key, "store.postgres.urls");
    assert!(reason.contains("names no database") && !reason.contains("hidden"), "{reason}");
}

#[test]
fn the_store_is_told_what_the_configuration_says() {
    let options = minimal().store_options();
    assert_eq!((options.partitions, options.memory_max), (1, 256 << 20));
    let rules = |outbox| options.outboxes.iter().find(|(of, _)| *of == outbox).expect("has rules").1;
    assert_eq!(rules(Outbox::Account(Name::intern("demo"))).waiting_max, 1_000_000);
    assert_eq!(rules(Outbox::Operator(Name::intern("op-a"))).unanswered_max, 3);
    let options = load_toml(EVERY_KEY_TOML).expect("good").store_options();
    assert_eq!((options.node_number, options.partitions, options.disk_free_min), (7, 2, 5));
}

#[test]
fn a_journal_that_keeps_nothing_is_allowed_and_called_a_danger() {
    assert_eq!(minimal().dangers(), []);
    let config = and("[store]\njournal = \"nothing\"").expect("it may be measured");
    assert_eq!(config.store_options().journal, JournalKind::Nothing);
    assert_eq!(config.dangers().first().map(|danger| danger.key), Some("store.journal"));
}

#[test]
fn the_router_is_told_what_the_configuration_says() {
    let options = load_toml(EVERY_KEY_TOML).expect("good").router_options();
    assert_eq!(options.mt[0].operators, [(Name::intern("op-a"), 3)]);
    assert_eq!(options.mt[0].account, Some(Name::intern("demo")));
    assert_eq!(options.mo[0].keyword.as_deref(), Some("JOIN"));
    assert_eq!(options.operators, [(Name::intern("op-a"), Duration::from_secs(5))]);
    assert_eq!(options.no_route, CommandStatus::ESME_RSUBMITFAIL);
}

#[test]
fn sessions_are_told_what_the_configuration_says() {
    let config = load_toml(EVERY_KEY_TOML).expect("good");
    let options = config.session_options(Role::Mc);
    assert_eq!((options.window_size_max, options.requests_max), (11, 101));
    assert_eq!((options.response, options.enquire_link_misses), (Duration::from_secs(5), 3));
    assert_eq!(options.system_id, b"smsc");
    assert_eq!(config.session_options(Role::Esme).window_size_max, 20);
}

#[test]
fn an_operators_own_meanings_go_before_the_defaults() {
    let table = load_toml(EVERY_KEY_TOML).expect("good").operator[0].outcome_table();
    assert_eq!(table.submit(CommandStatus::ESME_RINVDSTADR), Meaning::Next);
    assert_eq!(table.submit(CommandStatus::ESME_RTHROTTLED), Meaning::Retry);
}
