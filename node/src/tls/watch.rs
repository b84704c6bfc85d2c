//! Notices that the files of a listener's certificate have changed, and has them read anew.
//!
//! By content, not by notification: Kubernetes exchanges a link two folders above the files, and network volumes notify
//! nobody. Connections that are open go on with what they began with.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::ServerTls;

/// How often the files are looked at: three small reads.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reloads whenever the files differ from what they were. Files that cannot be used change nothing, and are told of once.
pub async fn watch(tls: Arc<ServerTls>) {
    let mut seen = look(&tls).await;
    publish_expiry(&tls);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // Looked at before they are read: what changes in between is noticed at the next look.
        let now = look(&tls).await;
        if now == seen {
            continue;
        }
        seen = now;
        let certificate = tls.files.certificate.display();
        match tls.reload() {
            Ok(()) => {
                tracing::info!(event = "tls.reload", %certificate, "new connections get the new certificate");
                publish_expiry(&tls);
            }
            Err(error) => {
                tracing::error!(event = "tls.reload", %certificate, %error, "the new files cannot be used; the old ones stay");
            }
        }
    }
}

/// What the files hold now; `None` for one that cannot be read. A file system may take its time: not on this thread.
async fn look(tls: &ServerTls) -> Vec<Option<Vec<u8>>> {
    let files: Vec<_> = tls.files().map(Path::to_owned).collect();
    let read = tokio::task::spawn_blocking(move || files.iter().map(|file| fs::read(file).ok()).collect());
    read.await.unwrap_or_default()
}

/// Tells monitoring when the certificate runs out.
fn publish_expiry(tls: &ServerTls) {
    let file = &tls.files.certificate;
    let Ok(certificate) = CertificateDer::from_pem_file(file) else { return };
    if let Ok((_, certificate)) = X509Certificate::from_der(&certificate) {
        let gauge = metrics::gauge!(
            "smsc_tls_certificate_expiry_timestamp_seconds",
            "certificate" => file.display().to_string()
        );
        gauge.set(certificate.validity().not_after.timestamp() as f64);
    }
}
