//! The servers behind the journal in PostgreSQL: several of them, one of which is down; and TLS to them.

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::certificate::Authority;
use smsc_tests::message::Message;
use smsc_tests::node::usual;
use smsc_tests::operator::Operator;
use smsc_tests::postgres::Postgres;

fn numbered(count: usize) -> Vec<Message> {
    (0..count).map(|n| Message::to(&format!("4670123{:04}", n * 7 % 9_973)).text(&n.to_string())).collect()
}

#[test]
fn partitions_are_spread_over_several_servers_and_go_on_when_one_is_down() {
    let (Some(first), Some(mut second)) = (Postgres::start(), Postgres::start()) else { return };
    let operator = Operator::start("op-a");
    let urls = format!("postgres = {{ urls = [{:?}, {:?}], lease = \"2s\" }}", first.url(), second.url());
    let keys = format!("journal = \"postgres\"\npartitions = 4\n{urls}");
    let node = usual(&operator).section("store", &keys).start();
    node.expect_metric("smsc_store_partitions", &[], 4.0);
    let numbers = "select string_agg(id::text, ' ' order by id) from smsc.partition";
    assert_eq!((first.sql(numbers), second.sql(numbers)), ("960 962".to_owned(), "961 963".to_owned()));
    let esme = node.transmitter("demo");
    esme.submit_all(numbered(40), 10, |_, answer| assert!(answer.is_ok()));
    operator.expect_messages(40);
    second.kill();
    // What goes to the other server's partitions waits for it; the rest is as ever.
    let sent = esme.send_all(&numbered(40));
    operator.expect_messages(5);
    second.start_again();
    node.expect_metric("smsc_store_partitions", &[], 4.0);
    let answers: Vec<_> = sent.into_iter().map(|number| esme.answer_to(number)).collect();
    let may_be = |answer: &Result<String, CommandStatus>| {
        matches!(answer, Ok(_) | Err(CommandStatus::ESME_RMSGQFUL | CommandStatus::ESME_RSYSERR))
    };
    assert!(answers.iter().all(may_be), "{answers:?}");
    operator.expect_messages(answers.iter().filter(|answer| answer.is_ok()).count() - 5);
    esme.submit_all(numbered(40), 10, |_, answer| assert!(answer.is_ok()));
}

#[test]
fn tls_to_the_database_needs_an_authority_that_is_trusted() {
    let Some(mut postgres) = Postgres::start() else { return };
    let (authority, stranger) = (Authority::new(), Authority::new());
    postgres.shows(&authority.issue("127.0.0.1"));
    let operator = Operator::start("op-a");
    let url = postgres.url() + "?sslmode=require";
    let trusting = |authority: &Authority| usual(&operator).postgres_at(&url, &format!("ca = {:?}", authority.file()));
    let finished = trusting(&stranger).start_in_vain();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let says = ["does not show a certificate that we trust", "store.postgres.ca"];
    assert!(says.iter().all(|word| finished.stderr.contains(word)), "{}", finished.stderr);
    let node = trusting(&authority).start();
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("hello"));
    assert_eq!(operator.expect_message().message.as_text(), "hello");
    let plain = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'smsc' and not ssl";
    assert_eq!(postgres.sql(plain), "0");
}

#[test]
fn a_certificate_for_another_server_is_refused() {
    let Some(mut postgres) = Postgres::start() else { return };
    let authority = Authority::new();
    postgres.shows(&authority.issue("db.example.net"));
    let operator = Operator::start("op-a");
    let url = postgres.url() + "?sslmode=require";
    let finished = usual(&operator).postgres_at(&url, &format!("ca = {:?}", authority.file())).start_in_vain();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("does not show a certificate that we trust"), "{}", finished.stderr);
}
