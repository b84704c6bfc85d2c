//! What may change while the node runs, as one value that is exchanged whole: the configuration in force, and what
//! sessions and links need of it.

use std::collections::HashMap;
use std::sync::Arc;

use smsc_store::Name;

use crate::config::{BindErrors, Config};
use crate::esme::account::Account;
use crate::esme::bind::dearest_hash;
use crate::operator::connect::LinkTls;
use crate::operator::profile::Profile;
use crate::tls::TlsError;

/// The state of things at one moment. What stays the same stays the same value: an account keeps its rate, an operator
/// its profile.
pub struct Live {
    /// In force. What cannot change while the node runs is as it was at the start.
    pub config: Config,
    /// The operators, in the order of the configuration.
    pub profiles: Vec<Arc<Profile>>,
    /// Computed for binds that are refused without a hash, so that a refusal takes the same time whatever was wrong (S15).
    pub decoy: Option<String>,
    by_system_id: HashMap<Box<[u8]>, Arc<Account>>,
    by_name: HashMap<Name, Arc<Account>>,
}

impl Live {
    /// For that configuration; `before` is what it takes the place of.
    pub fn new(config: Config, before: Option<&Self>) -> Result<Self, TlsError> {
        let account = |written: &crate::config::Account| {
            let known = before.and_then(|before| before.account(Name::intern(&written.system_id)));
            let account = Account::new(written.clone(), &config.operator, known);
            match known {
                Some(known) if known.is_like(&account) => known.clone(),
                Some(_) | None => Arc::new(account),
            }
        };
        let accounts: Vec<Arc<Account>> = config.account.iter().map(account).collect();
        let mut profiles = Vec::new();
        for operator in &config.operator {
            let tls = operator.tls.as_ref().map(LinkTls::new).transpose()?;
            let same = |profile: &&Arc<Profile>| tls.is_none() && profile.config == *operator;
            let known = before.and_then(|before| before.profiles.iter().find(same));
            profiles.push(match known {
                Some(profile) => profile.clone(),
                None => Arc::new(Profile::new(operator.clone(), tls)),
            });
        }
        let uniform = config.session.bind_errors == BindErrors::Uniform;
        Ok(Self {
            decoy: dearest_hash(&config).filter(|_| uniform),
            by_system_id: accounts
                .iter()
                .map(|account| (account.config.system_id.as_bytes().into(), account.clone()))
                .collect(),
            by_name: accounts.into_iter().map(|account| (account.name, account)).collect(),
            profiles,
            config,
        })
    }

    /// The account that binds with this system_id.
    pub fn account_of(&self, system_id: &[u8]) -> Option<&Arc<Account>> {
        self.by_system_id.get(system_id)
    }

    /// The account of that name.
    pub fn account(&self, name: Name) -> Option<&Arc<Account>> {
        self.by_name.get(&name)
    }

    /// All accounts, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_name.values()
    }
}
