//! TLS for listeners and operator links: rustls with ring, TLS 1.2 and 1.3.
//!
//! The provider is named wherever a configuration is built: nothing depends on a process-wide default.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme, SupportedProtocolVersion,
};

use crate::config::ListenerTls;

mod names;
mod watch;

pub use self::names::certificate_names;
pub use self::watch::watch;

static VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// Why TLS cannot be set up: the fault is that of a file, and of who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of that kind.
    #[error("{}: cannot be read as a {what}: {reason}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Certificate or private key.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The file holds none.
    #[error("{}: no certificate in it, expected at least one in PEM", file.display())]
    NoCertificate {
        /// Which file.
        file: PathBuf,
    },
    /// The key is not that of the certificate, or of a kind that is not offered.
    #[error("{}: not usable with the certificate {}: {reason}", key.display(), certificate.display())]
    KeyMismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
        /// What rustls says.
        reason: rustls::Error,
    },
    /// A certificate authority cannot be used.
    #[error("{}: not usable as a certificate authority: {reason}", file.display())]
    BadAuthority {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The machine has no certificate authorities and none was configured.
    #[error("this machine trusts no certificate authority, expected a file `ca` in the configuration")]
    NoAuthorities,
    /// Not a DNS name or IP address.
    #[error("{0:?} is no server name, expected a DNS name or an IP address")]
    BadServerName(String),
    /// A self-made certificate could not be kept.
    #[error("{}: cannot be written: {error}", file.display())]
    Unwritable {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// rustls or rcgen refuses what we ask for.
    #[error("TLS cannot be set up: {0}")]
    Other(String),
}

/// The TLS side of a listener. Its files can be read anew while connections are open.
#[derive(Debug)]
pub struct ServerTls {
    current: ArcSwap<ServerConfig>,
    files: ListenerTls,
}

impl ServerTls {
    /// Reads certificate, key and client authority.
    pub fn load(files: &ListenerTls) -> Result<Self, TlsError> {
        Ok(Self { current: ArcSwap::new(server_config(files)?), files: files.clone() })
    }

    /// The settings for a connection that begins now.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Reads the files anew, for connections from now on. On an error the settings stay as they are.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(server_config(&self.files)?);
        Ok(())
    }

    /// The files that it is made of.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let ListenerTls { certificate, key, client_ca } = &self.files;
        [Some(certificate), Some(key), client_ca.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }
}

fn server_config(files: &ListenerTls) -> Result<Arc<ServerConfig>, TlsError> {
    let key = certified_key(files)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS).map_err(other)?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(authorities(ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            let reason = |error: rustls::client::VerifierBuilderError| error.to_string();
            builder.with_client_cert_verifier(
                verifier.map_err(|error| TlsError::BadAuthority { file: ca.clone(), reason: reason(error) })?,
            )
        }
    };
    // A session that is resumed was verified by these same settings: each reload begins with an empty cache.
    Ok(Arc::new(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)))))
}

/// How we check an operator's certificate: against that authority, or those that this machine trusts.
pub fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match ca {
        Some(file) => authorities(file)?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    if roots.is_empty() {
        return Err(TlsError::NoAuthorities);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    client_with(verifier.build().map_err(other)?)
}

/// For the trial commands only: encrypts, and believes whoever answers.
pub fn client_config_that_accepts_any_certificate() -> Result<Arc<ClientConfig>, TlsError> {
    client_with(Arc::new(AcceptAnyCertificate(provider())))
}

/// The name that a server's certificate must bear.
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::BadServerName(host.to_owned()))
}

/// A certificate for `localhost` that nobody has signed, kept in a folder: for the demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfMade {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// Its key's file.
    pub key: PathBuf,
}

impl SelfMade {
    /// Where the certificate lies, or will lie, below the data folder.
    pub fn in_folder(data_dir: &Path) -> Self {
        let folder = Self::folder(data_dir);
        Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
    }

    /// The folder of both.
    pub fn folder(data_dir: &Path) -> PathBuf {
        data_dir.join("tls")
    }

    /// Makes certificate and key unless both are there.
    pub fn ensure(&self) -> Result<(), TlsError> {
        if self.certificate.is_file() && self.key.is_file() {
            return Ok(());
        }
        let key = rcgen::KeyPair::generate().map_err(other)?;
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        let certificate =
            rcgen::CertificateParams::new(names).and_then(|params| params.self_signed(&key)).map_err(other)?;
        write(&self.key, &key.serialize_pem())?;
        write(&self.certificate, &certificate.pem())
    }
}

/// Writes a file that only its owner can read.
fn write(file: &Path, text: &str) -> Result<(), TlsError> {
    let attempt = || {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file)?.write_all(text.as_bytes())
    };
    attempt().map_err(|error| TlsError::Unwritable { file: file.to_owned(), error })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn other(error: impl std::fmt::Display) -> TlsError {
    TlsError::Other(error.to_string())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| TlsError::Unreadable {
        file: file.to_owned(),
        what: "certificate",
        reason: error.to_string(),
    })?;
    if certificates.is_empty() { Err(TlsError::NoCertificate { file: file.to_owned() }) } else { Ok(certificates) }
}

fn certified_key(files: &ListenerTls) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| TlsError::Unreadable {
        file: files.key.clone(),
        what: "private key",
        reason: error.to_string(),
    })?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|reason| TlsError::KeyMismatch {
        key: files.key.clone(),
        certificate: files.certificate.clone(),
        reason,
    })
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        let reason = |error: rustls::Error| TlsError::BadAuthority { file: file.to_owned(), reason: error.to_string() };
        roots.add(certificate).map_err(reason)?;
    }
    Ok(roots)
}

fn client_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS).map_err(other)?;
    // "Dangerous" only where the verifier is: the one of `client_config` is rustls' own.
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

/// Accepts any certificate, but still demands that the peer holds its key.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
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
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
