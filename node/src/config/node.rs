//! `[node]`: who this node is.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// The largest `node.number`: partitions of nodes are numbered `number * 16 + k` below 960.
const NUMBER_MAX: u16 = 59;

/// The node's identity and its place on disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Node {
    /// The name in logs and in `bind_resp`. Default: the host name.
    pub name: String,
    /// 0..=59, unique in the cluster; part of every message_id. Default: the ordinal at the end of the name (`smsc-3`
    /// is 3) if it is one, else 0.
    pub number: u16,
    /// The folder of the journal and of all else that the node keeps. Stamped with the number: it cannot change later.
    pub data_dir: PathBuf,
}

/// As it is written, before the defaults that depend on other keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    #[serde(default, deserialize_with = "number")]
    number: Option<u16>,
    data_dir: Option<PathBuf>,
}

impl From<Written> for Node {
    fn from(written: Written) -> Self {
        let name = written.name.unwrap_or_else(host_name);
        let number = written.number.or_else(|| ordinal(&name)).unwrap_or(0);
        Self { name, number, data_dir: written.data_dir.unwrap_or_else(|| "data".into()) }
    }
}

impl Default for Node {
    fn default() -> Self {
        Written { name: None, number: None, data_dir: None }.into()
    }
}

fn host_name() -> String {
    gethostname::gethostname().into_string().ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "smsc-0".to_owned())
}

/// The number after the last `-`, as a StatefulSet names its pods.
fn ordinal(name: &str) -> Option<u16> {
    let (_, digits) = name.rsplit_once('-')?;
    digits.parse().ok().filter(|number| *number <= NUMBER_MAX)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(deserializer)? {
        number @ 0..=NUMBER_MAX => Ok(Some(number)),
        number => {
            Err(D::Error::custom(format_args!("{number} is too large, expected a number from 0 to {NUMBER_MAX}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Node {
        Written { name: Some(name.to_owned()), number: None, data_dir: None }.into()
    }

    #[test]
    fn the_number_is_the_ordinal_at_the_end_of_the_name() {
        assert_eq!(named("smsc-7").number, 7);
        assert_eq!(named("eu-smsc-0").number, 0);
    }

    #[test]
    fn a_name_without_a_possible_ordinal_has_number_zero() {
        assert_eq!(named("smsc").number, 0);
        assert_eq!(named("smsc-a1").number, 0);
        assert_eq!(named("ip-10-0-0-143").number, 0);
    }
}
