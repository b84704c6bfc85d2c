//! Nodes believe only whom their authority has signed.

use smsc_tests::certificate::{Authority, CertificateFiles};
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;

fn tls(files: &CertificateFiles, authority: &Authority) -> String {
    let CertificateFiles { certificate, key } = files;
    format!("tls = {{ certificate = {certificate:?}, key = {key:?}, ca = {:?} }}", authority.file())
}

fn plain() -> Configuration {
    Configuration::new().account("demo")
}

#[test]
fn nodes_with_certificates_of_one_authority_find_each_other() {
    let authority = Authority::new();
    let keys = tls(&authority.issue("127.0.0.1"), &authority);
    Cluster::start_with(3, &plain(), |_, configuration| configuration.section("cluster", &keys));
}

#[test]
fn a_certificate_of_another_authority_is_refused_on_both_sides() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let keys = [tls(&ours.issue("127.0.0.1"), &ours), tls(&theirs.issue("127.0.0.1"), &theirs)];
    let cluster = Cluster::launch(2, &plain(), |number, configuration| configuration.section("cluster", &keys[number]));
    for (_, node) in cluster.nodes() {
        node.process().expect_output("no TLS with it");
        node.process().expect_output("invalid peer certificate");
    }
    cluster.expect_seen(0, "alive", 1);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let right = tls(&authority.issue("127.0.0.1"), &authority);
    let wrong = tls(&authority.issue("elsewhere.example"), &authority);
    let cluster = Cluster::launch(2, &plain(), |number, configuration| {
        configuration.section("cluster", if number == 1 { &wrong } else { &right })
    });
    cluster.node(0).process().expect_output("not valid for name");
}

#[test]
fn a_node_without_tls_is_refused() {
    let authority = Authority::new();
    let keys = tls(&authority.issue("127.0.0.1"), &authority);
    let cluster =
        Cluster::launch(
            2,
            &plain(),
            |number, configuration| {
                if number == 0 { configuration.section("cluster", &keys) } else { configuration }
            },
        );
    cluster.node(0).process().expect_output("no TLS with it");
    cluster.node(1).process().expect_output("cluster.unreachable");
    cluster.expect_seen(0, "alive", 1);
}

#[test]
fn a_certificate_that_cannot_be_read_stops_the_start() {
    let authority = Authority::new();
    let files = CertificateFiles { certificate: "/nowhere.crt".into(), key: "/nowhere.key".into() };
    let keys = "advertise = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:0\"\nseeds = []\nnodes_expected = 1\n";
    let ended = plain().section("cluster", &(keys.to_owned() + &tls(&files, &authority))).start_in_vain();
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("cluster.tls") && ended.stderr.contains("/nowhere.crt"), "{}", ended.stderr);
}
