//! Reads the events of a record. Whatever the octets are: an event, or damage with its place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smsc_proto::smpp::pdu::BindKind;

use super::*;
use crate::error::StoreError;
use crate::journal::RecordNumber;
use crate::record::{Base, NUMBERS_END};

/// A body of more octets than any PDU has room for is damage, not a reason to ask for memory.
const BODY_SIZE_MAX: u64 = 16 << 20;

/// Which version wrote a base.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    One,
    Two,
}

impl Form {
    const fn of(first: bool) -> Self {
        if first { Self::One } else { Self::Two }
    }
}

/// Reads the events of one record.
pub(crate) struct EventReader<'n, 'a> {
    record: RecordNumber,
    /// The record's dictionary, in this process's names.
    names: &'n [Name],
    base: Base,
    events: &'a [u8],
    /// Where `events` begins in the record.
    began: usize,
    at: usize,
}

impl<'n, 'a> EventReader<'n, 'a> {
    /// A reader of these octets, which begin at `began` in the record.
    pub(crate) const fn new(
        record: RecordNumber,
        names: &'n [Name],
        base: Base,
        events: &'a [u8],
        began: usize,
    ) -> Self {
        Self { record, names, base, events, began, at: 0 }
    }

    /// Octets of the record read so far.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// Whether all octets are read.
    pub(crate) const fn at_end(&self) -> bool {
        self.at == self.events.len()
    }

    pub(crate) const fn damaged(&self, what: &'static str) -> StoreError {
        StoreError::Damaged { record: self.record, offset: self.began + self.at, what }
    }

    /// The next event.
    pub(crate) fn read(&mut self) -> Result<Event<'a>, StoreError> {
        let kind = self.octet()?;
        Ok(match kind {
            ACCEPTED | ACCEPTED_1 => {
                let form = Form::of(kind == ACCEPTED_1);
                Event::Accepted { slot: self.slot()?, entry: self.entry(form)?, body: self.body()? }
            }
            BODY_PART => Event::BodyPart { slot: self.slot()?, part: self.octets()? },
            SENT => Event::Sent {
                slot: self.slot()?,
                operator: self.name()?,
                attempts: self.attempts()?,
                unanswered: self.octet()?,
                id: self.id()?,
            },
            AGAIN => Event::Again {
                slot: self.slot()?,
                due: self.time()?,
                attempts: self.attempts()?,
                unanswered: self.octet()?,
            },
            UNRESOLVED => {
                Event::Unresolved { slot: self.slot()?, attempts: self.attempts()?, unanswered: self.octet()? }
            }
            FINAL => Event::Final {
                slot: self.slot()?,
                state: self.state()?,
                error: self.array()?,
                done: self.time()?,
                due: self.time()?,
                attempts: self.attempts()?,
                receipt_expires: self.time()?,
                parked: self.number()?.checked_sub(1),
            },
            FINAL_OWED => Event::FinalOwed {
                slot: self.slot()?,
                state: self.state()?,
                error: self.array()?,
                done: self.time()?,
                at: self.time()?,
                attempts: self.attempts()?,
                receipt_expires: self.time_or_none()?,
                parked: self.number()?.checked_sub(1),
            },
            RECEIPT_ENDS => Event::ReceiptEnds { slot: self.slot()?, given_up: self.time_or_none()? },
            CDR_WRITTEN => {
                let slot = self.slot()?;
                let kind = CdrKind::from_octet(self.octet()?);
                Event::CdrWritten { slot, kind: kind.ok_or_else(|| self.damaged("no kind of CDR has this number"))? }
            }
            RETAINED | RETAINED_1 => Event::Retained {
                slot: self.slot()?,
                summary: self.summary(Form::of(kind == RETAINED_1))?,
                parked: self.number()?.checked_sub(1),
            },
            PARKED => Event::Parked {
                number: self.parked_number()?,
                receipt: ParkedReceipt {
                    operator: self.name()?,
                    id: self.id()?.ok_or_else(|| self.damaged("a parked receipt has no id"))?,
                    state: self.state()?,
                    error: self.array()?,
                    done: self.time()?,
                    destination: u64::from_le_bytes(self.array()?),
                    parked: self.time()?,
                },
            },
            PARKED_ENDS => Event::ParkedEnds { number: self.parked_number()? },
            REROUTED => Event::Rerouted { slot: self.slot()?, outbox: self.outbox()? },
            REPLACED => Event::Replaced {
                slot: self.slot()?,
                due: self.time()?,
                expires: self.time()?,
                receipts: ReceiptRequest(self.octet()?),
                text: {
                    let payload = self.octet()? != 0;
                    TextOctets { octets: self.octets()?, payload }
                },
            },
            KEEP | KEEP_1 | KEEP_OWED => {
                let form = Form::of(kind == KEEP_1);
                let (slot, entry) = (self.slot()?, self.entry(form)?);
                let owed = if kind == KEEP_OWED { self.owed(entry.marks)? } else { Owed::default() };
                let flags = self.octet()?;
                let progress = Progress {
                    enroute: flags & 1 != 0,
                    taken: flags & 2 != 0,
                    state: self.state()?,
                    error: self.array()?,
                    done: self.time()?,
                    attempts: self.attempts()?,
                    unanswered: self.octet()?,
                    ids: self.ids()?,
                    owed,
                };
                Event::Keep { slot, entry, progress, body: self.body()? }
            }
            _ => {
                self.at -= 1;
                return Err(self.damaged("no event has this number"));
            }
        })
    }

    fn octet(&mut self) -> Result<u8, StoreError> {
        let octet = self.events.get(self.at).copied().ok_or_else(|| self.damaged("an event runs over the end"))?;
        self.at += 1;
        Ok(octet)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], StoreError> {
        let rest = &self.events[self.at..];
        if length > rest.len() as u64 {
            return Err(self.damaged("an event runs over the end"));
        }
        let (octets, _) = rest.split_at(length as usize);
        self.at += octets.len();
        Ok(octets)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        Ok(self.take(N as u64)?.try_into().expect("exactly so many octets were taken"))
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            if shift == 63 && octet > 1 {
                break;
            }
            value |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number has more than 64 bits"))
    }

    fn distance(&mut self, base: u64) -> Result<u64, StoreError> {
        let value = self.number()?;
        Ok(base.wrapping_add((value >> 1) ^ (value & 1).wrapping_neg()))
    }

    fn slot(&mut self) -> Result<u64, StoreError> {
        let slot = self.distance(self.base.slot)?;
        self.counted(slot)
    }

    fn tick(&mut self) -> Result<u64, StoreError> {
        let tick = self.distance(self.base.tick)?;
        self.counted(tick)
    }

    fn parked_number(&mut self) -> Result<u64, StoreError> {
        let number = self.number()?;
        self.counted(number)
    }

    /// A number that was counted up to, so that it can be counted on.
    fn counted(&self, number: u64) -> Result<u64, StoreError> {
        if number < NUMBERS_END { Ok(number) } else { Err(self.damaged("no partition has counted so far")) }
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.distance(self.base.time).map(Timestamp::from_millis)
    }

    fn time_or_none(&mut self) -> Result<Option<Timestamp>, StoreError> {
        match self.octet()? {
            0 => Ok(None),
            1 => self.time().map(Some),
            _ => Err(self.damaged("a time is there or it is not")),
        }
    }

    fn owed(&mut self, marks: Marks) -> Result<Owed, StoreError> {
        let owed = Owed { only: self.octet()? != 0, last: self.time_or_none()?, receipt: self.time_or_none()? };
        let is_marked = |kind, since: Option<Timestamp>| marks.owes(kind) == since.is_some();
        if is_marked(CdrKind::Final, owed.last) && is_marked(CdrKind::Receipt, owed.receipt) && marks.owes_any() {
            Ok(owed)
        } else {
            Err(self.damaged("the marks of a delivery owe another CDR"))
        }
    }

    fn attempts(&mut self) -> Result<u16, StoreError> {
        u16::try_from(self.number()?).map_err(|_| self.damaged("attempts are counted up to 65,535"))
    }

    fn worth(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.number()?).map_err(|_| self.damaged("no message is worth 4 GiB"))
    }

    fn octets(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.number()?;
        self.take(length)
    }

    fn named(&mut self, place: u64) -> Result<Name, StoreError> {
        let name = usize::try_from(place).ok().and_then(|place| self.names.get(place)).copied();
        name.ok_or_else(|| self.damaged("the record has no name with this number"))
    }

    fn name(&mut self) -> Result<Name, StoreError> {
        let place = self.number()?;
        self.named(place)
    }

    fn outbox(&mut self) -> Result<Outbox, StoreError> {
        let place = self.number()?;
        let name = self.named(place >> 1)?;
        Ok(if place & 1 != 0 { Outbox::Account(name) } else { Outbox::Operator(name) })
    }

    fn origin(&mut self) -> Result<Origin, StoreError> {
        let place = self.number()?;
        let name = self.named(place >> 1)?;
        Ok(if place & 1 != 0 { Origin::Account(name) } else { Origin::Operator(name) })
    }

    fn state(&mut self) -> Result<MessageState, StoreError> {
        let octet = self.octet()?;
        MessageState::from_octet(octet).ok_or_else(|| self.damaged("no message state has this number"))
    }

    fn id(&mut self) -> Result<Option<OperatorMessageId>, StoreError> {
        Ok(match self.octet()? {
            NO_ID => None,
            DECIMAL_ID => Some(OperatorMessageId::Decimal(self.number()?)),
            TEXT_ID => Some(OperatorMessageId::Text(self.octets()?.into())),
            _ => return Err(self.damaged("no kind of operator's id has this number")),
        })
    }

    fn ids(&mut self) -> Result<OperatorIds, StoreError> {
        let mut ids = OperatorIds::new();
        for _ in 0..self.number()? {
            let operator = self.name()?;
            ids.push((operator, self.id()?.ok_or_else(|| self.damaged("an operator's id is missing"))?));
        }
        Ok(ids)
    }

    fn peer(&mut self) -> Result<Peer, StoreError> {
        let octet = self.octet()?;
        let bind = match octet & 0x7f {
            0 => BindKind::Transmitter,
            1 => BindKind::Receiver,
            2 => BindKind::Transceiver,
            _ => return Err(self.damaged("no bind kind has this number")),
        };
        let address = if octet & 0x80 == 0 {
            IpAddr::V4(Ipv4Addr::from(self.array::<4>()?))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.array::<16>()?))
        };
        Ok(Peer { address, bind })
    }

    fn entry(&mut self, form: Form) -> Result<Entry, StoreError> {
        Ok(Entry {
            tick: self.tick()?,
            accepted: self.time()?,
            origin: self.origin()?,
            outbox: self.outbox()?,
            priority: self.priority()?,
            receipts: ReceiptRequest(self.octet()?),
            due: self.time()?,
            expires: self.time()?,
            destination: u64::from_le_bytes(self.array()?),
            fingerprint: self.fingerprint(form)?,
            marks: self.marks(form)?,
            peer: self.peer()?,
        })
    }

    fn summary(&mut self, form: Form) -> Result<Summary, StoreError> {
        Ok(Summary {
            tick: self.tick()?,
            accepted: self.time()?,
            origin: self.origin()?,
            outbox: self.outbox()?,
            state: self.state()?,
            error: self.array()?,
            done: self.time()?,
            retained: self.time()?,
            attempts: self.attempts()?,
            destination: u64::from_le_bytes(self.array()?),
            fingerprint: self.fingerprint(form)?,
            marks: self.marks(form)?,
            worth: self.worth()?,
            ids: self.ids()?,
        })
    }

    fn fingerprint(&mut self, form: Form) -> Result<Fingerprint, StoreError> {
        Ok(match form {
            Form::One => Fingerprint::default(),
            Form::Two => Fingerprint {
                source: u32::from_le_bytes(self.array()?),
                service: u16::from_le_bytes(self.array()?),
                plan: self.octet()?,
            },
        })
    }

    fn marks(&mut self, form: Form) -> Result<Marks, StoreError> {
        Ok(match form {
            Form::One => Marks::default(),
            Form::Two => Marks(Marks(self.octet()?).kept()),
        })
    }

    fn priority(&mut self) -> Result<u8, StoreError> {
        let priority = self.octet()?;
        if priority > 3 { Err(self.damaged("a priority is 0 to 3")) } else { Ok(priority) }
    }

    fn body(&mut self) -> Result<BodyOctets<'a>, StoreError> {
        match self.number()? {
            0 => Ok(BodyOctets::AsBefore),
            total if total > BODY_SIZE_MAX => Err(self.damaged("a body is longer than any PDU")),
            total => {
                let part = self.octets()?;
                let total = total as usize - 1;
                if part.len() > total {
                    return Err(self.damaged("a body is longer than it says"));
                }
                Ok(BodyOctets::Here(total, part))
            }
        }
    }
}
