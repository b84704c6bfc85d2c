//! Who trusts whom, which files are refused, and what a reload does.

use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, ServerConnection};

use super::*;

/// A self-made certificate in a folder of its own.
fn self_made() -> (tempfile::TempDir, ListenerTls) {
    let folder = tempfile::tempdir().expect("a folder");
    let made = SelfMade::in_folder(folder.path());
    made.ensure().expect("a certificate");
    (folder, ListenerTls { certificate: made.certificate, key: made.key, client_ca: None })
}

/// Carries octets between both until the handshake is done on both sides.
fn shake_hands(client: Arc<ClientConfig>, server: &ServerTls) -> Result<ClientConnection, rustls::Error> {
    let name = server_name("localhost").expect("a name");
    let mut client = ClientConnection::new(client, name)?;
    let mut server = ServerConnection::new(server.config())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut octets = Vec::new();
        client.write_tls(&mut octets).expect("a vector takes all");
        server.read_tls(&mut octets.as_slice()).expect("a slice gives all");
        server.process_new_packets()?;
        octets.clear();
        server.write_tls(&mut octets).expect("a vector takes all");
        client.read_tls(&mut octets.as_slice()).expect("a slice gives all");
        client.process_new_packets()?;
    }
    Ok(client)
}

#[test]
fn a_client_that_knows_the_authority_is_served() {
    let (_folder, files) = self_made();
    let server = ServerTls::load(&files).expect("good files");
    let client = client_config(Some(&files.certificate)).expect("a good authority");
    let client = shake_hands(client, &server).expect("a handshake");
    assert_eq!(client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[test]
fn a_client_that_knows_another_authority_goes_away() {
    let (_folder, files) = self_made();
    let (_other_folder, other) = self_made();
    let server = ServerTls::load(&files).expect("good files");
    let client = client_config(Some(&other.certificate)).expect("a good authority");
    assert!(matches!(shake_hands(client, &server), Err(rustls::Error::InvalidCertificate(_))));
}

#[test]
fn a_trial_command_believes_anybody() {
    let (_folder, files) = self_made();
    let server = ServerTls::load(&files).expect("good files");
    let client = client_config_that_accepts_any_certificate().expect("ring is there");
    assert!(shake_hands(client, &server).is_ok());
}

#[test]
fn tls_1_2_is_still_spoken() {
    let (_folder, files) = self_made();
    let server = ServerTls::load(&files).expect("good files");
    let builder =
        ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS12]).expect("it is there");
    let verifier = Arc::new(AcceptAnyCertificate(provider()));
    let client = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let client = shake_hands(Arc::new(client), &server).expect("a handshake");
    assert_eq!(client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
}

#[test]
fn with_a_client_authority_a_client_without_certificate_is_refused() {
    let (_folder, mut files) = self_made();
    files.client_ca = Some(files.certificate.clone());
    let server = ServerTls::load(&files).expect("good files");
    let client = client_config_that_accepts_any_certificate().expect("ring is there");
    assert!(matches!(shake_hands(client, &server), Err(rustls::Error::NoCertificatesPresented)));
}

#[test]
fn after_a_reload_new_connections_see_the_new_certificate() {
    let (_folder, files) = self_made();
    let (_new_folder, new) = self_made();
    let server = ServerTls::load(&files).expect("good files");
    fs::copy(&new.certificate, &files.certificate).expect("copied");
    fs::copy(&new.key, &files.key).expect("copied");
    let knows_the_new_one = client_config(Some(&new.certificate)).expect("a good authority");
    assert!(shake_hands(knows_the_new_one.clone(), &server).is_err());
    server.reload().expect("good files");
    assert!(shake_hands(knows_the_new_one, &server).is_ok());
}

#[test]
fn a_reload_of_bad_files_changes_nothing() {
    let (_folder, files) = self_made();
    let server = ServerTls::load(&files).expect("good files");
    let authority = client_config(Some(&files.certificate)).expect("a good authority");
    fs::write(&files.certificate, "no PEM").expect("written");
    assert!(matches!(server.reload(), Err(TlsError::NoCertificate { .. })));
    assert!(shake_hands(authority, &server).is_ok());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (_folder, mut files) = self_made();
    let (_other_folder, other) = self_made();
    files.key = other.key;
    let error = ServerTls::load(&files).expect_err("they do not belong together");
    assert!(matches!(error, TlsError::KeyMismatch { .. }), "{error}");
    assert!(error.to_string().contains("key.pem"), "{error}");
}

#[test]
fn a_self_made_certificate_is_kept() {
    let (folder, files) = self_made();
    let before = fs::read(&files.certificate).expect("there");
    SelfMade::in_folder(folder.path()).ensure().expect("there already");
    assert_eq!(fs::read(&files.certificate).expect("there"), before);
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_a_self_made_key() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, files) = self_made();
    let mode = fs::metadata(&files.key).expect("there").permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn a_server_name_is_a_name_or_an_address() {
    assert!(server_name("smpp.operator.example").is_ok());
    assert!(server_name("10.0.0.1").is_ok());
    assert!(matches!(server_name("two words"), Err(TlsError::BadServerName(_))));
}
