//! Authorities and certificates for TLS, made anew for each test.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Who signs certificates. Its files live as long as it does.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, PEM, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names, no wrong names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().expect("there is entropy");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are complete");
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        std::fs::write(folder.path().join("ca.crt"), issuer.pem()).expect("the temporary folder can be written");
        Self { issuer, folder }
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// A certificate for that host name.
    pub fn issue(&self, name: &str) -> CertificateFiles {
        let key = KeyPair::generate().expect("there is entropy");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("tests name hosts that can be named");
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are complete");
        let files = CertificateFiles {
            certificate: self.folder.path().join(format!("{name}.crt")),
            key: self.folder.path().join(format!("{name}.key")),
        };
        std::fs::write(&files.certificate, certificate.pem()).expect("the temporary folder can be written");
        std::fs::write(&files.key, key.serialize_pem()).expect("the temporary folder can be written");
        files
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl CertificateFiles {
    /// As the value of a listener's key `tls`.
    pub fn listener_tls(&self) -> String {
        format!("{{ certificate = {:?}, key = {:?} }}", self.certificate, self.key)
    }

    /// Puts this certificate and key in the place of others.
    pub fn replace(&self, others: &Self) {
        std::fs::copy(&self.key, &others.key).expect("the temporary folder can be written");
        std::fs::copy(&self.certificate, &others.certificate).expect("the temporary folder can be written");
    }

    /// The first certificate, as it is shown in a handshake.
    pub fn der(&self) -> Vec<u8> {
        self.load().0[0].to_vec()
    }

    fn load(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_file_iter(&self.certificate).expect("the authority wrote it");
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("the authority wrote it");
        (chain.map(|certificate| certificate.expect("the authority wrote it")).collect(), key)
    }

    /// To serve with it.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let (chain, key) = self.load();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key belongs to the certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// The certificate that a listener shows to a new connection.
pub fn shown_at(address: SocketAddr) -> Vec<u8> {
    let (connector, name) = ClientTls::anonymous().connector();
    let mut connection =
        ClientConnection::new(Arc::clone(connector.config()), name).expect("the settings are complete");
    let mut stream = TcpStream::connect(address).expect("the node listens");
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).expect("the node does the handshake");
    }
    let chain = connection.peer_certificates().expect("a server shows its certificate");
    chain[0].to_vec()
}

/// How a client of the cast does its handshake: it verifies nothing, as most ESMEs.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    certificate: Option<CertificateFiles>,
}

impl ClientTls {
    /// Without a certificate.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// With this one.
    pub fn with(certificate: CertificateFiles) -> Self {
        Self { certificate: Some(certificate) }
    }

    pub(crate) fn connector(&self) -> (TlsConnector, ServerName<'static>) {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(RootCertStore::empty());
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let (chain, key) = files.load();
                builder.with_client_auth_cert(chain, key).expect("the key belongs to the certificate")
            }
        };
        let algorithms = provider().signature_verification_algorithms;
        config.dangerous().set_certificate_verifier(Arc::new(AnyCertificate(algorithms)));
        (TlsConnector::from(Arc::new(config)), ServerName::try_from("localhost").expect("a host name"))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Takes every certificate; the handshake must still be signed with its key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
