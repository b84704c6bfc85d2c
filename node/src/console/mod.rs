//! The console: the page that operations people have open, and what the node remembers for it.
//!
//! | file | holds |
//! |---|---|
//! | [`tally`] | how submissions of an account and attempts of a link end: counted where they end |
//! | [`history`] | what went through the node in the last 15 minutes, second by second |
//! | [`watch`] | how links, accounts and alarms were in the last minutes |
//! | [`failures`] | the last attempts to deliver that came to nothing |
//! | [`assets`] | styles and scripts, in the binary |
//! | [`ask`] | what the page asks of the API: the same questions as everybody's, with the caller's token |
//! | [`pages`] | the paths |
//! | [`page`], `sections`, `life` | HTML |
//!
//! The page is made of what the API answers and of nothing else: it shows what its caller may see, and in a cluster
//! what all nodes say. Tables are written by the server, also for who has no JavaScript; the script exchanges them for
//! newer ones.

pub mod ask;
pub mod assets;
pub mod failures;
pub mod history;
mod life;
pub mod page;
pub mod pages;
mod sections;
pub mod tally;
pub mod watch;
mod words;
