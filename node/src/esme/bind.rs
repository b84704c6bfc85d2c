//! Who may bind: system_id, password, address. Passwords are compared in a time that does not depend on them.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::Bind;
use smsc_store::Name;
use tokio::sync::Semaphore;

use super::account::Account;
use crate::config::{BindErrors, Credential};
use crate::services::Services;

/// Why a bind is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The account that it was meant for, if there is such an account.
    pub account: Option<Name>,
    /// What the ESME is told.
    pub status: CommandStatus,
}

/// The answer to a bind.
pub type Verdict = Result<Arc<Account>, Refused>;

/// The answer, or the promise of one when a hash has to be computed first.
pub enum Decision {
    /// Decided.
    Now(Verdict),
    /// Being computed on another thread.
    Later(Pin<Box<dyn Future<Output = Verdict>>>),
}

/// Bounds the hashes that are computed at a time, and those that wait for it: Argon2 is meant to be expensive.
pub struct HashChecks {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for HashChecks {
    fn default() -> Self {
        const RUNNING_MAX: usize = 2;
        const WAITING_MAX: usize = 256;
        Self { running: Arc::new(Semaphore::new(RUNNING_MAX)), waiting: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

/// Decides on a bind from that address, over a connection whose TLS certificate bears these names.
pub fn decide(services: &Services, peer: IpAddr, certificate_names: &[String], bind: &Bind) -> Decision {
    let errors = services.config.session.bind_errors;
    let refused = |account: Option<&Account>, status| {
        let status = match errors {
            BindErrors::Exact => status,
            BindErrors::Uniform => CommandStatus::ESME_RBINDFAIL,
        };
        Err(Refused { account: account.map(|account| account.name), status })
    };
    let Some(account) = services.account_of(&bind.system_id) else {
        return Decision::Now(refused(None, CommandStatus::ESME_RINVSYSID));
    };
    let allow_from = &account.config.allow_from;
    if !allow_from.is_empty() && !allow_from.iter().any(|network| network.contains(&peer.to_canonical())) {
        return Decision::Now(refused(Some(account), CommandStatus::ESME_RBINDFAIL));
    }
    let known = |name: &String| certificate_names.contains(name);
    if !account.config.client_certificate.as_ref().is_none_or(known) {
        return Decision::Now(refused(Some(account), CommandStatus::ESME_RBINDFAIL));
    }
    match account.config.credential() {
        Some(Credential::Password(password)) if same(password.expose().as_bytes(), &bind.password) => {
            Decision::Now(Ok(account.clone()))
        }
        Some(Credential::Hash(hash)) => check_hash(services, account.clone(), hash.expose(), bind, errors),
        Some(Credential::Password(_)) | None => Decision::Now(refused(Some(account), CommandStatus::ESME_RINVPASWD)),
    }
}

/// Compares in a time that depends on the lengths only.
fn same(expected: &[u8], given: &[u8]) -> bool {
    expected.len() == given.len() && expected.iter().zip(given).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn check_hash(services: &Services, account: Arc<Account>, hash: &str, bind: &Bind, errors: BindErrors) -> Decision {
    let checks = &services.hash_checks;
    let name = Some(account.name);
    // Our side is overloaded: that must not look like a wrong password (Q25).
    let busy = Err(Refused { account: name, status: CommandStatus::ESME_RSYSERR });
    let Ok(place) = checks.waiting.clone().try_acquire_owned() else { return Decision::Now(busy) };
    let running = checks.running.clone();
    let (hash, password) = (hash.to_owned(), bind.password.clone());
    Decision::Later(Box::pin(async move {
        let Ok(_running) = running.acquire_owned().await else { return busy };
        let verified = tokio::task::spawn_blocking(move || {
            let _place = place;
            PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(&password, &hash).is_ok())
        });
        match (verified.await, errors) {
            (Ok(true), _) => Ok(account),
            (Ok(false), BindErrors::Exact) => Err(Refused { account: name, status: CommandStatus::ESME_RINVPASWD }),
            (Ok(false), BindErrors::Uniform) => Err(Refused { account: name, status: CommandStatus::ESME_RBINDFAIL }),
            (Err(_), _) => busy,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_the_same_only_when_every_octet_is() {
        assert!(same(b"secret", b"secret"));
        assert!(!same(b"secret", b"secres"));
        assert!(!same(b"secret", b"secre"));
        assert!(!same(b"", b"x"));
    }
}
