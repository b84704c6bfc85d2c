//! The stage that foreign clients play on: a node, an operator that reports everything as delivered and brings some
//! messages back, and the texts that all clients send.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::text::{DefaultAlphabet, decode, latin1};
use smsc_tests::PATIENCE;
use smsc_tests::command::Running;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::{Message, international};
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

/// Every character has a place in GSM-7, some of them two septets long.
const GSM: &str = "hello {world} [€] ~^|";
/// Characters that Latin-1 and GSM-7 have in other places. (Kannel lets nothing through that GSM-7 has not.)
const LATIN: &str = "smörgåsbord à gogo, señor";
/// Anything else, a pair of surrogates too.
const UCS2: &str = "Привет 🎉 汉字";

/// A message to such a number comes back from there.
const COMES_BACK: &[u8] = b"4676";
const SHORT_NUMBER: &str = "72345";

/// A node with account `demo`, and its operator.
pub(crate) struct Stage {
    node: Node,
    operator: Operator,
    long_gsm: String,
    long_ucs2: String,
}

impl Stage {
    /// Everything is in its place.
    pub(crate) fn set() -> Self {
        let operator = Operator::start("op-a");
        operator.reports(MessageState::Delivered);
        let node =
            Configuration::new().account("demo").operator(&operator).route("", "op-a").mo_route("*", "demo").start();
        operator.expect_links(1);
        write_ports(node.address(), operator.address());
        Self {
            node,
            operator,
            long_gsm: "All that glitters is not gold €{}. ".repeat(12),
            long_ucs2: "Смс 🎂 ".repeat(40),
        }
    }

    /// Runs a client, which is told where the node is and what to send, until it ends. Whatever it sends to a number
    /// that begins with 4676 comes back, and when it says `restart` the node is killed and started anew.
    pub(crate) fn play(mut self, mut client: Command, promises: usize) {
        let address = self.node.address();
        client.args([address.ip().to_string(), address.port().to_string()]);
        client.args([GSM, LATIN, UCS2, &self.long_gsm, &self.long_ucs2]);
        let mut client = Running::start(client);
        let deadline = Instant::now() + 20 * PATIENCE;
        let (mut seen, mut restarts) = (0, 0);
        while client.is_running() {
            assert!(Instant::now() < deadline, "the client does not end; it wrote {:?}", client.output());
            for submitted in self.operator.messages().into_iter().skip(seen) {
                seen += 1;
                self.comes_back(&submitted.message);
            }
            if client.output().lines().filter(|line| *line == "restart").count() > restarts {
                restarts += 1;
                self.node = self.node.restart();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let ended = client.expect_end();
        println!("{}", ended.stdout);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let held = ended.stdout.lines().filter(|line| line.starts_with("ok ")).count();
        assert_eq!(held, promises, "all promises were looked at: {}", ended.stdout);
        self.check_texts();
    }

    fn comes_back(&self, message: &Message) {
        if message.destination.digits.starts_with(COMES_BACK) {
            let back = Message::to(SHORT_NUMBER).octets(message.user_data());
            let source = message.destination.clone();
            let data_coding = message.data_coding;
            self.operator.send(back.with(|back| (back.source, back.data_coding) = (source, data_coding)));
        }
    }

    /// The operator has got every text as it was meant.
    fn check_texts(&self) {
        assert_eq!(self.text_to("46701000001"), GSM);
        let latin = self.messages_to("46701000002").remove(0);
        assert!(matches!(latin.data_coding, 0 | 3), "Latin-1 goes as what it is, or as the default: {latin:?}");
        assert_eq!(latin1::decode(latin.user_data()), LATIN);
        assert_eq!(self.text_to("46701000003"), UCS2);
        assert_eq!(self.text_to("46701000004"), self.long_gsm);
        assert_eq!(self.text_to("46701000005"), self.long_ucs2);
    }

    fn messages_to(&self, number: &str) -> Vec<Message> {
        let to = international(number).digits;
        let all = self.operator.messages().into_iter().map(|submitted| submitted.message);
        all.filter(|message| message.destination.digits == to).collect()
    }

    /// The text of a message, or of all its parts in order.
    fn text_to(&self, number: &str) -> String {
        let mut parts = self.messages_to(number);
        parts.sort_by_key(|part| if part.esm_class & 0x40 == 0 { 0 } else { part.user_data()[5] });
        assert!(parts.windows(2).all(|pair| pair[0].user_data() != pair[1].user_data()), "a part came twice");
        // Some clients part surrogates, so the text is read as a whole.
        let data_coding = parts[0].data_coding;
        let octets: Vec<u8> = parts.iter().flat_map(|part| part.octets_of_part().to_vec()).collect();
        decode(&octets, data_coding, DefaultAlphabet::Gsm7)
    }
}

/// A script of `tests/foreign`.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(name)
}

/// What `tests/run` has installed and named in this variable.
pub(crate) fn installed(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("tests/run names it in {variable}")).into()
}

/// Writes down where the node and its operator listen, for whoever captures what they say.
pub(crate) fn write_ports(node: SocketAddr, operator: SocketAddr) {
    let Some(file) = std::env::var_os("SMSC_FOREIGN_PORTS") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(file).expect("the list of ports can be written");
    // In one piece: another client's stage may write at the same moment.
    let lines = format!("node {}\noperator {}\n", node.port(), operator.port());
    file.write_all(lines.as_bytes()).expect("it has room");
}
