//! What a verified client certificate calls its holder.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The common names and DNS names of the chain's first certificate, as they are written there. A certificate that cannot
/// be read has none: whoever must bear a name is then refused.
pub fn certificate_names(chain: Option<&[CertificateDer<'_>]>) -> Box<[String]> {
    let Some(own) = chain.and_then(<[_]>::first) else { return Box::default() };
    let Ok((_, certificate)) = X509Certificate::from_der(own) else { return Box::default() };
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let general = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let dns = general.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    common.chain(dns).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(common_name: &str, dns: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("names that can be written");
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        let key = rcgen::KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("complete parameters").der().clone()
    }

    #[test]
    fn a_certificate_names_its_holder_by_common_name_and_by_dns_names() {
        let chain = [certificate("bank_1", &["smpp.bank.example", "b.example"]), certificate("the authority", &[])];
        assert_eq!(*certificate_names(Some(&chain)), ["bank_1", "smpp.bank.example", "b.example"]);
    }

    #[test]
    fn without_a_certificate_that_can_be_read_there_is_no_name() {
        let damaged = [CertificateDer::from(vec![1, 2, 3])];
        assert!(certificate_names(None).is_empty());
        assert!(certificate_names(Some(&[])).is_empty());
        assert!(certificate_names(Some(&damaged)).is_empty());
    }
}
