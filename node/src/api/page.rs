//! Where a page of messages ends and the next one begins. Pure.
//!
//! Newest first means: by id, from the highest. The ids of a partition rise, and no two messages share one; but one message
//! may have several deliveries. So a page ends after so many of one message's, and not at a time: any number of messages may
//! be of one millisecond.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use smsc_proto::ids::MessageId;

/// See the module. As text: `ID.SHOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageEnd {
    /// The last message.
    pub id: MessageId,
    /// How many of its deliveries were shown, on this page and those before.
    pub shown: usize,
}

/// A text that no page ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected what `next` of the page before says")]
pub struct NoPageEnd;

impl fmt::Display for PageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.shown)
    }
}

impl FromStr for PageEnd {
    type Err = NoPageEnd;

    fn from_str(text: &str) -> Result<Self, NoPageEnd> {
        let (id, shown) = text.split_once('.').ok_or(NoPageEnd)?;
        let shown: u16 = shown.parse().map_err(|_| NoPageEnd)?;
        Ok(Self { id: id.parse().map_err(|_| NoPageEnd)?, shown: shown.into() })
    }
}

/// Takes out what the page before has shown.
pub(super) fn go_on<T>(found: &mut Vec<T>, after: PageEnd, id: impl Fn(&T) -> MessageId) {
    let mut shown = 0;
    found.retain(|one| {
        let again = id(one) > after.id || (id(one) == after.id && shown < after.shown);
        shown += usize::from(id(one) == after.id);
        !again
    });
}

/// Makes a page of what was found, at most so long, and says where the next one begins; `None`: that was all.
///
/// `looked`: somebody has not looked further than that. `after`: where the page before ended.
pub(super) fn end<T>(
    found: &mut Vec<T>,
    limit: usize,
    looked: Option<PageEnd>,
    after: Option<PageEnd>,
    id: impl Fn(&T) -> MessageId,
) -> Option<PageEnd> {
    // Deliveries of one message stay in the order in which they were found.
    found.sort_by_key(|one| Reverse(id(one)));
    found.retain(|one| looked.is_none_or(|looked| id(one) >= looked.id));
    if found.len() <= limit {
        return looked;
    }
    found.truncate(limit);
    let last = found.last().map(&id)?;
    let before = after.filter(|after| after.id == last).map_or(0, |after| after.shown);
    Some(PageEnd { id: last, shown: before + found.iter().filter(|one| id(one) == last).count() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(value: u64) -> MessageId {
        MessageId::from_u64(value).expect("below 2^63")
    }

    fn ended(value: u64, shown: usize) -> PageEnd {
        PageEnd { id: id(value), shown }
    }

    fn of(one: &(u64, char)) -> MessageId {
        id(one.0)
    }

    /// Deliveries: the message, and which of its.
    fn letters(found: &[(u64, char)]) -> String {
        found.iter().map(|(_, letter)| *letter).collect()
    }

    #[test]
    fn pages_of_any_length_show_each_delivery_once() {
        let all = [(9, 'a'), (7, 'b'), (7, 'c'), (7, 'd'), (7, 'e'), (4, 'f'), (2, 'g'), (2, 'h')];
        for limit in 1..=all.len() {
            let (mut shown, mut after) = (String::new(), None);
            for _ in 0..=all.len() {
                let mut found = all.to_vec();
                after.iter().for_each(|after| go_on(&mut found, *after, of));
                after = end(&mut found, limit, None, after, of);
                shown += &letters(&found);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!((shown.as_str(), after), ("abcdefgh", None), "pages of {limit}");
        }
    }

    #[test]
    fn a_page_ends_where_somebody_has_not_looked_further() {
        let mut found = vec![(9, 'a'), (3, 'b'), (6, 'c')];
        let looked = Some(ended(6, 1));
        assert_eq!(end(&mut found, 10, looked, None, of), looked);
        assert_eq!(letters(&found), "ac", "what is older comes with the next page");
        assert_eq!(end(&mut found, 1, looked, None, of), Some(ended(9, 1)));
    }

    #[test]
    fn an_end_is_written_as_it_is_read() {
        assert_eq!("77.3".parse(), Ok(ended(77, 3)));
        assert_eq!(ended(77, 3).to_string(), "77.3");
        for wrong in ["", "77", "x.1", "77.-1", "2026-01-31T12:00:00Z"] {
            assert_eq!(wrong.parse::<PageEnd>(), Err(NoPageEnd), "{wrong}");
        }
    }
}
