//! Who may bind: system_id, password, address, certificate. Passwords are compared in a time that does not depend on them.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::Bind;
use smsc_store::Name;
use tokio::sync::Semaphore;

use super::account::Account;
use super::bind_backoff::Attempted;
use crate::config::{self, BindErrors, Credential};
use crate::services::Services;

/// Why a bind is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The account that it was meant for, if there is such an account.
    pub account: Option<Name>,
    /// What the ESME is told.
    pub status: CommandStatus,
    /// It was not even looked at: it has failed too often a moment ago, and should have waited.
    pub too_soon: bool,
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

/// The hash of an account that takes longest to compute.
pub fn dearest_hash(config: &config::Config) -> Option<String> {
    let hashes = config.account.iter().filter_map(|account| account.password_hash.as_ref());
    hashes.max_by_key(|hash| cost(hash.expose())).map(|hash| hash.expose().to_owned())
}

/// Memory times passes.
fn cost(hash: &str) -> u64 {
    let hash = PasswordHash::new(hash).ok();
    let parameter = |name| hash.as_ref().and_then(|hash| hash.params.get_decimal(name)).map_or(1, u64::from);
    parameter("m") * parameter("t")
}

/// What is known of a bind before any hash was computed.
enum Known<'a> {
    Right,
    Wrong(CommandStatus),
    DependsOn(&'a str),
}

/// Decides on a bind from that address, over a connection whose TLS certificate bears these names.
pub fn decide(services: &Services, peer: IpAddr, certificate_names: &[String], bind: &Bind) -> Decision {
    let live = services.live();
    let account = live.account_of(&bind.system_id);
    let name = account.map(|account| account.name);
    let backoff = services.bind_backoff.lock().unwrap_or_else(PoisonError::into_inner);
    if backoff.wait(Attempted::new(peer, name), Instant::now()) > Duration::ZERO {
        // RBINDFAIL: Kannel gives a link up for good at RINVPASWD, and this customer may come back (Q25).
        return Decision::Now(Err(Refused { account: name, status: CommandStatus::ESME_RBINDFAIL, too_soon: true }));
    }
    drop(backoff);
    let known = match account {
        None => Known::Wrong(CommandStatus::ESME_RINVSYSID),
        Some(account) => look(account, peer, certificate_names, bind),
    };
    let errors = services.config.session.bind_errors;
    let refused = move |status| {
        let status = match errors {
            BindErrors::Exact => status,
            BindErrors::Uniform => CommandStatus::ESME_RBINDFAIL,
        };
        Refused { account: name, status, too_soon: false }
    };
    match (known, account, &live.decoy) {
        (Known::Right, Some(account), _) => Decision::Now(Ok(account.clone())),
        (Known::DependsOn(hash), Some(account), _) => {
            let wrong = refused(CommandStatus::ESME_RINVPASWD);
            check_hash(services, hash, bind, Ok(account.clone()), wrong)
        }
        (Known::Wrong(status), _, Some(decoy)) => {
            check_hash(services, decoy, bind, Err(refused(status)), refused(status))
        }
        (Known::Wrong(status), _, None) => Decision::Now(Err(refused(status))),
        (Known::Right | Known::DependsOn(_), None, _) => Decision::Now(Err(refused(CommandStatus::ESME_RINVSYSID))),
    }
}

/// Where from, with which certificate, with which password.
fn look<'a>(account: &'a Account, peer: IpAddr, certificate_names: &[String], bind: &Bind) -> Known<'a> {
    let allow_from = &account.config.allow_from;
    if !allow_from.is_empty() && !allow_from.iter().any(|network| network.contains(&peer.to_canonical())) {
        return Known::Wrong(CommandStatus::ESME_RBINDFAIL);
    }
    let known = |name: &String| certificate_names.contains(name);
    if !account.config.client_certificate.as_ref().is_none_or(known) {
        return Known::Wrong(CommandStatus::ESME_RBINDFAIL);
    }
    match account.config.credential() {
        Some(Credential::Password(password)) if same(password.expose().as_bytes(), &bind.password) => Known::Right,
        Some(Credential::Hash(hash)) => Known::DependsOn(hash.expose()),
        Some(Credential::Password(_)) | None => Known::Wrong(CommandStatus::ESME_RINVPASWD),
    }
}

/// Has whoever fails again and again wait.
pub fn remember(services: &Services, peer: IpAddr, verdict: &Verdict) {
    let mut backoff = services.bind_backoff.lock().unwrap_or_else(PoisonError::into_inner);
    match verdict {
        Ok(account) => backoff.succeeded(Attempted::new(peer, Some(account.name))),
        // What was not looked at, or could not be, says nothing about who asked.
        Err(refused) if refused.too_soon || refused.status == CommandStatus::ESME_RSYSERR => {}
        Err(refused) => backoff.failed(Attempted::new(peer, refused.account), Instant::now()),
    }
}

/// Compares in a time that depends on the lengths only.
fn same(expected: &[u8], given: &[u8]) -> bool {
    expected.len() == given.len() && expected.iter().zip(given).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Computes the hash on another thread. The verdict is `right` when it matches, else `wrong`.
fn check_hash(services: &Services, hash: &str, bind: &Bind, right: Verdict, wrong: Refused) -> Decision {
    let checks = &services.hash_checks;
    // Our side is overloaded: that must not look like a wrong password (Q25).
    let busy = Err(Refused { status: CommandStatus::ESME_RSYSERR, ..wrong });
    let Ok(place) = checks.waiting.clone().try_acquire_owned() else { return Decision::Now(busy) };
    let running = checks.running.clone();
    let (hash, password) = (hash.to_owned(), bind.password.clone());
    Decision::Later(Box::pin(async move {
        let Ok(running) = running.acquire_owned().await else { return busy };
        let verified = tokio::task::spawn_blocking(move || {
            let _places = (place, running);
            PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(&password, &hash).is_ok())
        });
        match verified.await {
            Ok(true) => right,
            Ok(false) => Err(wrong),
            Err(_) => busy,
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
