//! Names of accounts and operators as small numbers that cost nothing to copy and compare.

use std::fmt;
use std::sync::{OnceLock, RwLock};

/// The name of an account or an operator, interned for the life of the process.
///
/// The number is this process's own: journals and peers are told the text. Names come from the configuration and
/// from journals, so their number is bounded by what was ever configured; they are never freed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u32);

static TABLE: OnceLock<RwLock<Vec<&'static str>>> = OnceLock::new();

fn table() -> &'static RwLock<Vec<&'static str>> {
    TABLE.get_or_init(RwLock::default)
}

impl Name {
    /// The name with this text; linear in the number of names, so not for the hot path.
    pub fn intern(text: &str) -> Self {
        let mut names = table().write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let index = names.iter().position(|name| *name == text).unwrap_or_else(|| {
            names.push(Box::leak(text.into()));
            names.len() - 1
        });
        Self(u32::try_from(index).expect("fewer than 2^32 names are configured"))
    }

    /// Its text.
    pub fn as_str(self) -> &'static str {
        table().read().unwrap_or_else(std::sync::PoisonError::into_inner)[self.0 as usize]
    }

    /// Its number, dense from zero: for tables indexed by name.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.as_str())
    }
}
