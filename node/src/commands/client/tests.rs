//! Addresses, credentials, TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::commands::simulate::{Options, SimulatedOperator};

/// A message centre behind TLS: its address, and the PEM of its self-made certificate.
async fn behind_tls() -> (String, String) {
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let plain_address = plain.local_addr().expect("it is bound");
    tokio::spawn(SimulatedOperator::serve(plain, Options::default()));

    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key))
        .expect("the key fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut outside) = acceptor.accept(stream).await else { continue };
            let mut inside = TcpStream::connect(plain_address).await.expect("the operator listens");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut outside, &mut inside).await });
        }
    });
    (address, made.cert.pem())
}

async fn bind_over_tls(address: &str, ca: Option<PathBuf>) -> Result<(), ClientError> {
    let endpoint = Endpoint::new(Some(address), true, ca)?;
    Client::bind(&endpoint, BindKind::Transceiver, "demo", "demo").await?.unbind().await;
    Ok(())
}

#[tokio::test]
async fn without_a_ca_file_tls_believes_whoever_answers() {
    let (address, _) = behind_tls().await;
    bind_over_tls(&address, None).await.expect("a self-made certificate will do");
}

#[tokio::test]
async fn with_a_ca_file_the_certificate_is_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, pem) = behind_tls().await;
    let good = folder.path().join("good.pem");
    std::fs::write(&good, pem).expect("it can be written");
    bind_over_tls(&address, Some(good)).await.expect("it is its own authority");

    let other = folder.path().join("other.pem");
    let stranger = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(&other, stranger.cert.pem()).expect("it can be written");
    let refused = bind_over_tls(&address, Some(other)).await.expect_err("somebody else's authority");
    assert!(matches!(refused, ClientError::Handshake { .. }), "{refused}");
}

#[test]
fn an_address_may_leave_out_its_port() {
    let cases = [
        ("127.0.0.1:2775", "127.0.0.1", 2775),
        ("smsc.example", "smsc.example", 2775),
        ("[::1]:99", "::1", 99),
        ("[::1]", "::1", 2775),
        ("fe80::1", "fe80::1", 2775),
    ];
    for (address, host, port) in cases {
        let parsed = host_and_port(address, 2775).expect(address);
        assert_eq!(parsed, (host.to_owned(), port), "{address}");
    }
    for wrong in ["", ":2775", "host:", "host:smpp", "host:70000", "host:0", "[::1", "[::1]x"] {
        assert!(host_and_port(wrong, 2775).is_err(), "{wrong:?}");
    }
}

#[test]
fn tls_has_its_own_usual_port() {
    let plain = Endpoint::new(None, false, None).expect("plain");
    let tls = Endpoint::new(None, true, None).expect("TLS");
    assert_eq!((plain.address(), tls.address()), ("127.0.0.1:2775", "127.0.0.1:2776"));
}

#[test]
fn a_missing_ca_file_is_said_by_name() {
    let error = Endpoint::new(None, true, Some("/nonexistent/ca.pem".into())).err().expect("there is no such file");
    assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
}

#[test]
fn names_longer_than_the_specification_are_sent_but_not_without_bound() {
    assert!(bind_body("sixteen-letters-", "nine-char").is_ok());
    assert!(bind_body(&"x".repeat(65), "").is_err());
    assert!(bind_body("", "").is_err());
}

#[test]
fn a_refused_bind_says_what_to_do() {
    let error = ClientError::BindRefused { system_id: "demo".into(), status: CommandStatus::ESME_RINVPASWD };
    let sentence = error.to_string();
    assert!(sentence.contains("ESME_RINVPASWD") && sentence.contains("--password"), "{sentence}");
}
