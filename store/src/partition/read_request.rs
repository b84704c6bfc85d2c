//! Reading bodies back out of a journal record: what the reader thread does. Pure but for the reading, which is passed in.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::StoreError;
use crate::event::{BodyOctets, Event, EventReader};
use crate::journal::RecordNumber;
use crate::name::Name;
use crate::record::RecordView;

/// Bodies that a partition wants back. Each request is answered with one [`ReadBack`]; until then the record and all
/// after it are kept.
#[derive(Debug, PartialEq, Eq)]
pub struct ReadRequest {
    pub(super) number: RecordNumber,
    /// Whose bodies.
    pub(super) slots: Vec<u64>,
}

/// The answer to a [`ReadRequest`].
#[derive(Debug)]
pub struct ReadBack {
    pub(super) number: RecordNumber,
    /// All that were asked for.
    pub(super) bodies: Result<Bodies, StoreError>,
}

/// Bodies by slot.
type Bodies = Vec<(u64, Arc<[u8]>)>;

/// Reads a record: `None` if it is not there.
pub type ReadRecord<'a> = dyn FnMut(RecordNumber) -> Result<Option<Bytes>, StoreError> + 'a;

/// A body that goes on behind what was read of it.
struct Partial {
    slot: u64,
    total: usize,
    octets: Vec<u8>,
}

/// A body that later events of the record may refer to.
enum Last<'a> {
    Here(&'a [u8]),
    Shared(Arc<[u8]>),
}

impl ReadRequest {
    /// Reads what is asked for.
    pub fn carry_out(mut self, read: &mut ReadRecord<'_>) -> ReadBack {
        self.slots.sort_unstable();
        ReadBack { number: self.number, bodies: self.bodies(read) }
    }

    /// The record where the bodies stand, or begin.
    pub const fn number(&self) -> RecordNumber {
        self.number
    }

    /// That the request for this record cannot be carried out.
    pub const fn failed(number: RecordNumber, error: StoreError) -> ReadBack {
        ReadBack { number, bodies: Err(error) }
    }

    fn bodies(&self, read: &mut ReadRecord<'_>) -> Result<Bodies, StoreError> {
        let mut bodies = Vec::with_capacity(self.slots.len());
        let mut partial = None;
        let mut number = self.number;
        loop {
            let record = read(number)?.ok_or(StoreError::Gap { missing: number, next: number + 1 })?;
            self.take(number, &record, &mut partial, &mut bodies)?;
            if partial.is_none() {
                break;
            }
            number += 1;
        }
        if bodies.len() == self.slots.len() {
            Ok(bodies)
        } else {
            Err(StoreError::Damaged { record: self.number, offset: 0, what: "a body that stood in it is not there" })
        }
    }

    /// Takes what is wanted of one record. Of those after the first only the rest of a body is.
    fn take(
        &self,
        number: RecordNumber,
        record: &[u8],
        partial: &mut Option<Partial>,
        bodies: &mut Bodies,
    ) -> Result<(), StoreError> {
        let view = RecordView::read(number, record)?;
        let names: Vec<_> = view.names.iter().map(|name| Name::intern(name)).collect();
        let mut reader = EventReader::new(number, &names, view.base, view.events, view.events_at);
        let wanted = |slot: u64| self.slots.binary_search(&slot).is_ok();
        let first = number == self.number;
        let mut last = None;
        while !reader.at_end() && (first || partial.is_some()) {
            match reader.read()? {
                Event::Accepted { slot, body, .. } | Event::Keep { slot, body, .. } if first => match body {
                    BodyOctets::Here(total, part) if part.len() < total => {
                        *partial = Some(Partial { slot, total, octets: part.to_vec() });
                    }
                    BodyOctets::Here(_, octets) => {
                        last = Some(Last::Here(octets));
                        if wanted(slot) {
                            bodies.push((slot, shared(&mut last, &reader)?));
                        }
                    }
                    BodyOctets::AsBefore => {
                        if wanted(slot) {
                            bodies.push((slot, shared(&mut last, &reader)?));
                        }
                    }
                },
                Event::BodyPart { slot, part } => {
                    let Some(whole) = go_on(partial, slot, part).map_err(|what| reader.damaged(what))? else {
                        continue;
                    };
                    if wanted(slot) {
                        bodies.push((slot, whole.clone()));
                    }
                    last = Some(Last::Shared(whole));
                }
                _ => {}
            }
        }
        if partial.as_ref().is_some_and(|partial| !wanted(partial.slot)) {
            *partial = None;
        }
        Ok(())
    }
}

/// The body before, which may be shared from now on.
fn shared(last: &mut Option<Last<'_>>, reader: &EventReader<'_, '_>) -> Result<Arc<[u8]>, StoreError> {
    let body = match last {
        Some(Last::Here(octets)) => Arc::from(*octets),
        Some(Last::Shared(body)) => return Ok(body.clone()),
        None => return Err(reader.damaged("a body refers to one that is not in this record")),
    };
    *last = Some(Last::Shared(Arc::clone(&body)));
    Ok(body)
}

/// Goes on with a body; returns it once it is whole. Parts of a body that is not looked for are left out.
fn go_on(partial: &mut Option<Partial>, slot: u64, part: &[u8]) -> Result<Option<Arc<[u8]>>, &'static str> {
    let Some(body) = partial else { return Ok(None) };
    body.octets.extend_from_slice(part);
    if body.slot != slot || body.octets.len() > body.total {
        return Err("a part of a body belongs to no body");
    }
    let whole = body.octets.len() == body.total;
    Ok(partial.take_if(|_| whole).map(|body| body.octets.into()))
}
