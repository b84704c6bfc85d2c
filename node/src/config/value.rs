//! Values that more than one section uses, each made only from valid text.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use smsc_proto::text::DefaultAlphabet;

/// A part of a whole, written as a number from 0 to 1; kept in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u32);

impl Ratio {
    /// So many parts per million; at most all of them.
    pub const fn parts_per_million(parts: u32) -> Self {
        Self(if parts > 1_000_000 { 1_000_000 } else { parts })
    }

    /// In parts per million: 0 to 1,000,000.
    pub const fn per_million(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer).map_err(|_| D::Error::custom("expected a number from 0 to 1"))?;
        match (0.0..=1.0).contains(&number) {
            true => Ok(Self((number * 1e6).round() as u32)),
            false => Err(D::Error::custom(format!("{number}, expected a number from 0 to 1"))),
        }
    }
}

/// Octets, written `"512MiB"`, `"10kB"` or as a plain number of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

const BYTE_SIZE: &str = "a size such as \"512MiB\", \"64KiB\" or a number of octets";

impl ByteSize {
    /// So many octets.
    pub const fn octets(octets: u64) -> Self {
        Self(octets)
    }

    /// So many times 1,024 octets.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// So many times 1,048,576 octets.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// So many times 1,073,741,824 octets.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// In octets.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// In octets; the largest that this machine can address if there are more.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = text.split_at(digits);
        let factor = match unit.trim_start() {
            "" | "B" => 1,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err(NoSize),
        };
        count.parse::<u64>().ok().and_then(|count| count.checked_mul(factor)).map(Self).ok_or(NoSize)
    }
}

/// A text that is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no size")]
pub struct NoSize;

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(BYTE_SIZE)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<ByteSize, E> {
                u64::try_from(value).map(ByteSize).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(|NoSize| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Size)
    }
}

/// A password, token or URL with one. It is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret that did not come from a configuration file.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: only for the peer that it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An argon2id hash in PHC form, `$argon2id$v=19$m=...`. Never printed either.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Secret);

impl PasswordHash {
    /// The PHC text, known to parse as argon2id.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match argon2::PasswordHash::new(&text) {
            Ok(hash) if hash.algorithm == argon2::ARGON2ID_IDENT && hash.hash.is_some() => Ok(Self(Secret(text))),
            // The text itself is a secret: it does not go into the message.
            Ok(_) | Err(_) => Err(D::Error::custom("not an argon2id hash, expected \"$argon2id$v=19$m=...\"")),
        }
    }
}

/// The name that an ESME binds with, or that we bind with: 1 to 64 printable ASCII characters without blanks.
///
/// The specification allows 15 (S39); customers use longer ones (Q28).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemId(String);

impl SystemId {
    /// The longest that we take (Q28).
    pub const LENGTH_MAX: usize = 64;
}

impl Deref for SystemId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no system_id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 printable ASCII characters without blanks")]
pub struct NoSystemId;

impl FromStr for SystemId {
    type Err = NoSystemId;

    fn from_str(text: &str) -> Result<Self, NoSystemId> {
        let good = (1..=Self::LENGTH_MAX).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
        if good { Ok(Self(text.to_owned())) } else { Err(NoSystemId) }
    }
}

impl<'de> Deserialize<'de> for SystemId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

/// `host:port`: a name or an address, and a port other than 0. An IPv6 address is written in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// A host name or an address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// 1 to 65535.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A text that is no `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected \"host:port\" with a port from 1 to 65535")]
pub struct NoHostPort;

impl FromStr for HostPort {
    type Err = NoHostPort;

    fn from_str(text: &str) -> Result<Self, NoHostPort> {
        let (host, port) = text.rsplit_once(':').ok_or(NoHostPort)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(NoHostPort)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().map_err(|_| NoHostPort)?.to_string(),
            None => host.to_owned(),
        };
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty()
            || !(host.chars().all(name) || host.parse::<std::net::Ipv6Addr>().is_ok() && text.starts_with('['))
        {
            return Err(NoHostPort);
        }
        Ok(Self { host, port })
    }
}

impl<'de> Deserialize<'de> for HostPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

/// What data_coding 0 means on this edge (Q9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// The GSM 7-bit default alphabet, one character per octet.
    Gsm7,
    /// ISO 8859-1.
    Latin1,
    /// ASCII.
    Ascii,
    /// UTF-8, from peers that send what they have.
    Utf8,
}

impl From<Alphabet> for DefaultAlphabet {
    fn from(alphabet: Alphabet) -> Self {
        match alphabet {
            Alphabet::Gsm7 => Self::Gsm7,
            Alphabet::Latin1 => Self::Latin1,
            Alphabet::Ascii => Self::Ascii,
            Alphabet::Utf8 => Self::Utf8,
        }
    }
}

/// The tag of a TLV: a number or `"0x1400"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlvTag(pub u16);

impl<'de> Deserialize<'de> for TlvTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tag;
        impl Visitor<'_> for Tag {
            type Value = TlvTag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a TLV tag such as 5120 or \"0x1400\"")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<TlvTag, E> {
                u16::try_from(value).map(TlvTag).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<TlvTag, E> {
                u16::try_from(value).map(TlvTag).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TlvTag, E> {
                let tag = text.strip_prefix("0x").and_then(|digits| u16::from_str_radix(digits, 16).ok());
                tag.map(TlvTag).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Tag)
    }
}

/// Reads a string through its `FromStr`, and says what was written when that fails.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| D::Error::custom(format_args!("{text:?}: {error}")))
}

/// Reads a duration such as `"10s"`. More than 100 years is a slip of the pen.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"500ms\", \"10s\", \"5m\", \"48h\" or \"7d\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            let century = Duration::from_secs(100 * 366 * 86_400);
            let duration = humantime::parse_duration(text).ok().filter(|duration| *duration <= century);
            duration.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_str(Text)
}

/// Reads a duration that is not zero.
pub(super) fn duration_positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let duration = duration(deserializer)?;
    if duration.is_zero() { Err(D::Error::custom("zero, expected a duration above zero")) } else { Ok(duration) }
}

/// Reads a list of durations above zero.
pub(super) fn durations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct One(#[serde(deserialize_with = "duration_positive")] Duration);
    Ok(Vec::<One>::deserialize(deserializer)?.into_iter().map(|One(duration)| duration).collect())
}

/// Reads a count of at least one.
pub(super) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("zero, expected a number of at least 1")),
        count => Ok(count),
    }
}
