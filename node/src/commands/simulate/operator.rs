//! The simulated operator itself: its accounts, its ids, its counters, and the loop that takes connections.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use smsc_proto::timestamp::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::account::Account;
use super::deliver::Writer;
use super::options::{IdForm, Options};
use super::session::Session;

/// How many system_ids are kept: a peer that binds with ever new names does not fill the memory.
const ACCOUNTS_MAX: usize = 10_000;
/// How often MO messages are made.
const MO_TICK: Duration = Duration::from_millis(10);

/// An operator for trials. Several listeners may share one: receipts are kept per system_id, whichever it binds to.
#[derive(Debug)]
pub struct SimulatedOperator {
    pub(super) options: Options,
    pub(super) counters: Counters,
    accounts: Mutex<HashMap<Vec<u8>, Arc<Account>>>,
    next_id: AtomicU64,
    next_session: AtomicU64,
}

/// What one message is called.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// In the response.
    pub(super) response: String,
    receipt: String,
}

impl Ids {
    /// In the receipt.
    pub(super) fn in_receipt(&self) -> &str {
        if self.receipt.is_empty() { &self.response } else { &self.receipt }
    }
}

/// What it did so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) turned_down: AtomicU64,
}

/// A moment's reading of what a simulated operator did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// submit_sm that it accepted.
    pub accepted: u64,
    /// submit_sm that it refused.
    pub refused: u64,
    /// submit_sm that it lost on purpose: no response.
    pub lost: u64,
    /// deliver_sm that the peer took.
    pub delivered: u64,
    /// deliver_sm that will be sent again.
    pub repeated: u64,
    /// deliver_sm that the peer refused for good.
    pub turned_down: u64,
    /// deliver_sm that wait or are outstanding.
    pub waiting: u64,
}

impl SimulatedOperator {
    /// Nobody is bound.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            options,
            counters: Counters::default(),
            accounts: Mutex::default(),
            // Ids rise with the clock, so that they are not given again after a restart.
            next_id: AtomicU64::new(since_epoch().as_micros() as u64),
            next_session: AtomicU64::new(1),
        })
    }

    /// Takes connections, and makes MO messages if the options say so, until the future is dropped; connections end
    /// with it. Fails only when the listener does.
    pub async fn serve(listener: TcpListener, options: Options) -> io::Result<()> {
        let operator = Self::new(options);
        let originating = async {
            operator.clone().originate().await;
            Ok(())
        };
        tokio::try_join!(operator.clone().serve_on(listener), originating).map(|_| ())
    }

    /// Takes connections of one of several listeners.
    pub async fn serve_on(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let number = self.next_session.fetch_add(1, Ordering::Relaxed);
                        sessions.spawn(Session::new(self.clone(), stream, peer, number).run());
                    }
                    // Out of descriptors, or a peer that has already gone: the others go on.
                    Err(error) if is_fatal(&error) => return Err(error),
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                Some(_) = sessions.join_next() => {}
            }
        }
    }

    /// Makes MO messages at the configured rate, for whoever is bound to receive. Ends at once when the rate
    /// is 0, else never.
    pub async fn originate(self: Arc<Self>) {
        let (rate, start) = (self.options.mo_rate, Instant::now());
        if rate <= 0.0 {
            return;
        }
        let mut ticks = tokio::time::interval(MO_TICK);
        let (mut writer, mut made) = (Writer::new(), 0);
        loop {
            ticks.tick().await;
            let wanted = (start.elapsed().as_secs_f64() * rate) as u64;
            let receivers = self.receivers();
            if receivers.is_empty() {
                made = wanted;
                continue;
            }
            while made < wanted {
                made += 1;
                let account = &receivers[made as usize % receivers.len()];
                if account.kept() < self.options.waiting_max {
                    account.keep(1);
                    account.waiting().push(Instant::now(), writer.mo_number(made, &self.options.mo_to));
                }
            }
            receivers.iter().for_each(|account| account.bell.notify_one());
        }
    }

    /// What it did so far.
    pub fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Totals {
            accepted: read(&self.counters.accepted),
            refused: read(&self.counters.refused),
            lost: read(&self.counters.lost),
            delivered: read(&self.counters.delivered),
            repeated: read(&self.counters.repeated),
            turned_down: read(&self.counters.turned_down),
            waiting: accounts.values().map(|account| account.kept() as u64).sum(),
        }
    }

    /// What is kept for that system_id; `None` when too many are known already.
    pub(super) fn account(&self, system_id: &[u8]) -> Option<Arc<Account>> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(system_id) {
            return Some(account.clone());
        }
        if accounts.len() >= ACCOUNTS_MAX {
            return None;
        }
        let account = Arc::new(Account::new(self.options.throttle_above, Instant::now()));
        accounts.insert(system_id.to_vec(), account.clone());
        Some(account)
    }

    /// Writes the next message id over `ids`.
    pub(super) fn write_ids(&self, ids: &mut Ids) {
        use std::fmt::Write;
        ids.response.clear();
        ids.receipt.clear();
        let number = || self.next_id.fetch_add(1, Ordering::Relaxed);
        // Writing to a String cannot fail.
        let _ = match self.options.ids {
            IdForm::Decimal => write!(ids.response, "{}", number()),
            IdForm::Hex => write!(ids.response, "{:x}", number()),
            IdForm::Uuid => write!(ids.response, "{}", uuid::Uuid::new_v4()),
            IdForm::ResponseHex => {
                let number = number();
                write!(ids.response, "{number:x}").and_then(|()| write!(ids.receipt, "{number}"))
            }
            IdForm::ReceiptHex => {
                let number = number();
                write!(ids.response, "{number}").and_then(|()| write!(ids.receipt, "{number:x}"))
            }
        };
    }

    fn receivers(&self) -> Vec<Arc<Account>> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.values().filter(|account| account.has_receiver()).cloned().collect()
    }
}

/// Now, in UTC.
pub(super) fn utc_now() -> Timestamp {
    Timestamp::from_millis(since_epoch().as_millis() as u64)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn is_fatal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_look_as_asked_for() {
        let number = |text: &str, radix| u64::from_str_radix(text, radix).unwrap_or_else(|_| panic!("{text}"));
        for form in [IdForm::Decimal, IdForm::Hex, IdForm::ResponseHex, IdForm::ReceiptHex, IdForm::Uuid] {
            let operator = SimulatedOperator::new(Options { ids: form, ..Options::default() });
            let (mut first, mut second) = (Ids::default(), Ids::default());
            operator.write_ids(&mut first);
            operator.write_ids(&mut second);
            assert_ne!(first.response, second.response);
            let (response, receipt) = (first.response.as_str(), first.in_receipt());
            match form {
                IdForm::Decimal => assert_eq!(number(response, 10), number(receipt, 10)),
                IdForm::Hex => assert_eq!(number(response, 16), number(receipt, 16)),
                IdForm::ResponseHex => assert_eq!(number(response, 16), number(receipt, 10)),
                IdForm::ReceiptHex => assert_eq!(number(response, 10), number(receipt, 16)),
                IdForm::Uuid => assert_eq!((response.matches('-').count(), response), (4, receipt)),
            }
        }
    }

    #[test]
    fn what_is_kept_belongs_to_the_system_id() {
        let operator = SimulatedOperator::new(Options::default());
        let account = operator.account(b"smsc").expect("there is room");
        account.keep(2);
        assert_eq!(operator.account(b"smsc").expect("it is known").kept(), 2);
        assert_eq!(operator.account(b"other").expect("there is room").kept(), 0);
        assert_eq!(operator.totals().waiting, 2);
    }
}
