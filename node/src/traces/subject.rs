//! Whose PDUs a trace holds.

use std::fmt;

use smsc_proto::address::Address;
use smsc_router::number::normalise;

/// An account, or a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// All of its connections, also those whose bind is refused.
    Account(String),
    /// Messages from or to it, on all connections: digits in international form.
    Number(String),
}

impl Subject {
    /// A number as people write it; `None` if it is none.
    pub fn number(text: &str) -> Option<Self> {
        let digits = text.trim().as_bytes();
        let number = normalise(&Address::new(Address::TON_INTERNATIONAL, Address::NPI_E164, digits), None)?;
        Some(Self::Number(String::from_utf8_lossy(&number).into_owned()))
    }

    /// A name for its file that no account can abuse.
    pub(super) fn file_name(&self) -> String {
        let (kind, name) = match self {
            Self::Account(account) => ("account", account),
            Self::Number(number) => ("number", number),
        };
        // What is not plain is written as its octets, so that two names never share a file.
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        let name = name.bytes().map(|octet| match plain(octet) {
            true => char::from(octet).to_string(),
            false => format!("_{octet:02x}"),
        });
        format!("{kind}-{}.ndjson", name.collect::<String>())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account {account}"),
            Self::Number(number) => write!(f, "number {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_however_it_is_written() {
        for text in ["46701234567", "+46701234567", " 0046701234567 "] {
            assert_eq!(Subject::number(text), Some(Subject::Number("46701234567".to_owned())), "{text}");
        }
        assert_eq!(Subject::number("BANK"), None);
    }

    #[test]
    fn no_account_leads_out_of_the_folder_and_no_two_share_a_file() {
        let name = |account: &str| Subject::Account(account.to_owned()).file_name();
        assert_eq!(name("shop-1"), "account-shop-1.ndjson");
        assert_eq!(name("../x"), "account-_2e_2e_2fx.ndjson");
        assert_ne!(name("a b"), name("a_20b"));
    }
}
