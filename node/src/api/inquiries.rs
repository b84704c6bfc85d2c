//! The actor that asks the store on behalf of the API, and gathers what its partitions answer.
//!
//! Its mailbox holds at most [`OPEN_MAX`] questions, each with one answer per partition on its way; further ones are told
//! to come later. It owns nothing: if it stops, questions go unanswered and time out.

mod unfinished;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::prelude::*;
use smsc_proto::ids::{MessageId, MessageRef, PartitionId};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{
    Cancel, Cancelled, Cancelling, DeliveryDetail, Fingerprint, Hurried, Hurry, Name, Outbox, Search, SearchStep,
    Searching, StoreHandle, Sweep, SweepPlace, Sweeping, Swept,
};
use tokio::sync::oneshot;

use self::unfinished::{Places, Unfinished};
use super::page::{self, PageEnd};

/// Questions at a time.
pub const OPEN_MAX: usize = 32;
/// After so long a look through many messages ends with what it has found.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// After so long a request for a sweep is answered with what was done: a node that asks for it waits no longer.
const SWEEP_MAX: Duration = Duration::from_millis(600);
/// And after so many steps, of all partitions together.
const SWEEP_STEPS_MAX: u32 = 100;
/// After so long a partition that has not answered will not.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// See the module.
pub struct Inquiries {
    store: StoreHandle,
    next_tag: u32,
    open: HashMap<u32, Open>,
    unfinished: Unfinished,
}

struct Open {
    asked: Asked,
    /// Partitions whose answer is still to come.
    left: usize,
    until: Instant,
}

enum Asked {
    Look { what: Searching, limit: usize, after: Option<PageEnd>, found: Looked, done: oneshot::Sender<Looked> },
    Sweep(OpenSweep),
    Hurry { count: u64, reached: bool, done: oneshot::Sender<Result<u64, Unanswered>> },
    Cancel { cancel: CancelMessages, count: u64, reached: bool, done: oneshot::Sender<Result<u64, Unanswered>> },
}

struct OpenSweep {
    sweep: SweepMessages,
    until: Instant,
    steps_left: u32,
    swept: SweptSoFar,
    places: Places,
    done: oneshot::Sender<SweptSoFar>,
}

/// Goes through what waits for somebody on this node, for [`SWEEP_MAX`] at most; the same asked again goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Message)]
#[rtype(result = "Result<SweptSoFar, Unanswered>")]
pub struct SweepMessages {
    /// Where it waits.
    pub outbox: Outbox,
    /// Only what was accepted at or before this.
    pub accepted_until: Timestamp,
    /// What is done to it.
    pub what: Sweeping,
}

/// What a sweep has come to.
#[derive(Clone, Debug, Default)]
pub struct SweptSoFar {
    /// To how many it was done.
    pub count: u64,
    /// Whether there may be more: ask the same again.
    pub more: bool,
    /// Partitions that are on their way to another node.
    pub unreached: Vec<PartitionId>,
}

/// Has a message tried at once. Answered with how many of its deliveries are.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<u64, Unanswered>")]
pub struct HurryMessage(pub MessageRef);

/// Looks for messages.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Looked, Unanswered>")]
pub struct Look {
    /// For which.
    pub what: Searching,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<PageEnd>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The deliveries, newest first.
    pub deliveries: Vec<DeliveryDetail>,
    /// Where the next page begins, if there may be more, older ones.
    pub next: Option<PageEnd>,
    /// Partitions that are on their way to another node, and may know more.
    pub unreached: Vec<PartitionId>,
}

/// Cancels an account's messages. Answered with how many deliveries were ended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<u64, Unanswered>")]
pub struct CancelMessages {
    /// Whose.
    pub account: Name,
    /// What they must be like.
    pub like: Fingerprint,
    /// Which.
    pub what: Cancelling,
}

/// No answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// There are as many questions as may be.
    #[error("{OPEN_MAX} questions are being answered: ask again in a moment")]
    Busy,
    /// Nothing was done where it could be, and a partition did not answer.
    #[error("the partition that may have it is on its way to another node: ask again in a moment")]
    OutOfReach,
    /// The store did not answer, or stops.
    #[error("the store has not answered in time: ask again, or look at /healthz?verbose")]
    TimedOut,
}

impl Inquiries {
    /// Starts it on the current thread.
    pub fn start_for(store: StoreHandle) -> Addr<Self> {
        Self { store, next_tag: 1, open: HashMap::new(), unfinished: Unfinished::default() }.start()
    }

    fn open(&mut self, asked: Asked, ctx: &mut Context<Self>) -> Option<u32> {
        if self.open.len() >= OPEN_MAX {
            return None;
        }
        let tag = self.next_tag;
        self.next_tag = self.next_tag.wrapping_add(1);
        self.open.insert(tag, Open { asked, left: 0, until: Instant::now() + LOOK_MAX });
        ctx.run_later(ANSWER_WITHIN, move |this, _| _ = this.open.remove(&tag));
        Some(tag)
    }

    /// So many answers are awaited; none means that there is nothing to find.
    fn expect(&mut self, tag: u32, left: usize) {
        if let Some(open) = self.open.get_mut(&tag) {
            open.left = left;
        }
        self.end_if_done(tag);
    }

    /// One partition has answered for good.
    fn answered(&mut self, tag: u32) {
        if let Some(open) = self.open.get_mut(&tag) {
            open.left = open.left.saturating_sub(1);
        }
        self.end_if_done(tag);
    }

    /// Has one partition, or all, go on with a sweep; returns how many will answer.
    fn step(
        &self,
        tag: u32,
        partition: Option<PartitionId>,
        sweep: SweepMessages,
        after: Option<SweepPlace>,
        ctx: &mut Context<Self>,
    ) -> usize {
        let SweepMessages { outbox, accepted_until, what } = sweep;
        let reply = ctx.address().recipient();
        self.store.sweep(partition, Sweep { tag, outbox, accepted_until, what, after, reply })
    }

    fn end_if_done(&mut self, tag: u32) {
        if self.open.get(&tag).is_none_or(|open| open.left > 0) {
            return;
        }
        // Whoever asked may have gone.
        match self.open.remove(&tag).map(|open| open.asked) {
            Some(Asked::Look {
                limit, after, found: Looked { mut deliveries, next: looked, unreached }, done, ..
            }) => {
                if let Some(after) = after {
                    page::go_on(&mut deliveries, after, id_of);
                }
                let next = page::end(&mut deliveries, limit, looked, after, id_of);
                let _ = done.send(Looked { deliveries, next, unreached });
            }
            Some(Asked::Sweep(OpenSweep { sweep, mut swept, places, done, .. })) => {
                swept.more = !places.is_empty();
                if swept.more {
                    self.unfinished.keep(Instant::now(), sweep, places);
                }
                let _ = done.send(swept);
            }
            Some(Asked::Cancel { count, reached, done, .. } | Asked::Hurry { count, reached, done }) => {
                _ = done.send(if reached || count > 0 { Ok(count) } else { Err(Unanswered::OutOfReach) });
            }
            None => {}
        }
    }
}

impl Actor for Inquiries {
    type Context = Context<Self>;
}

impl Handler<Look> for Inquiries {
    type Result = ResponseFuture<Result<Looked, Unanswered>>;

    fn handle(&mut self, Look { what, limit, after }: Look, ctx: &mut Context<Self>) -> Self::Result {
        let (done, answer) = oneshot::channel();
        let asked = Asked::Look { what: what.clone(), limit, after, found: Looked::default(), done };
        let Some(tag) = self.open(asked, ctx) else { return Box::pin(async { Err(Unanswered::Busy) }) };
        let left = self.store.search(None, Search { tag, what, reply: ctx.address().recipient() });
        self.expect(tag, left);
        Box::pin(async { answer.await.map_err(|_| Unanswered::TimedOut) })
    }
}

impl Handler<SearchStep> for Inquiries {
    type Result = ();

    fn handle(&mut self, step: SearchStep, ctx: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&step.tag) else { return };
        let Asked::Look { what, limit, after, found, .. } = &mut open.asked else { return };
        let shown = after.map_or(0, |after| after.shown);
        let own = step.deliveries.len();
        if !step.reached {
            found.unreached.push(step.partition);
        }
        found.deliveries.extend(step.deliveries);
        let wanted = own < *limit + shown && found.deliveries.len() < 4 * *limit + shown;
        match (step.next, what.clone()) {
            (Some(place), Searching::Destination { destination, from, until, highest, limit, .. })
                if wanted && Instant::now() < open.until =>
            {
                let what = Searching::Destination { destination, from, until, highest, limit, after: Some(place) };
                let search = Search { tag: step.tag, what, reply: ctx.address().recipient() };
                if self.store.search(Some(step.partition), search) > 0 {
                    return;
                }
            }
            (Some(place), _) => {
                let id = place.reached(step.partition);
                let shown = found.deliveries.iter().filter(|delivery| id_of(delivery) == id).count();
                // Of several partitions the one that has looked least far.
                found.next = found.next.max(Some(PageEnd { id, shown }));
            }
            (None, _) => {}
        }
        self.answered(step.tag);
    }
}

fn id_of(delivery: &DeliveryDetail) -> MessageId {
    delivery.status.message_id
}

impl Handler<CancelMessages> for Inquiries {
    type Result = ResponseFuture<Result<u64, Unanswered>>;

    fn handle(&mut self, cancel: CancelMessages, ctx: &mut Context<Self>) -> Self::Result {
        let CancelMessages { account, like, what } = cancel;
        let (done, answer) = oneshot::channel();
        let asked = Asked::Cancel { cancel, count: 0, reached: true, done };
        let Some(tag) = self.open(asked, ctx) else { return Box::pin(async { Err(Unanswered::Busy) }) };
        let left = self.store.cancel(Cancel { tag, account, like, what, reply: ctx.address().recipient() });
        self.expect(tag, left);
        Box::pin(async { answer.await.map_err(|_| Unanswered::TimedOut)? })
    }
}

impl Handler<Cancelled> for Inquiries {
    type Result = ();

    fn handle(&mut self, cancelled: Cancelled, ctx: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&cancelled.tag) else { return };
        let Asked::Cancel { cancel, count, reached, .. } = &mut open.asked else { return };
        *count += u64::from(cancelled.count);
        *reached &= cancelled.reached;
        open.left = open.left.saturating_sub(1);
        if cancelled.more {
            let CancelMessages { account, like, what } = *cancel;
            let (tag, reply) = (cancelled.tag, ctx.address().recipient());
            open.left += self.store.cancel(Cancel { tag, account, like, what, reply });
        }
        self.end_if_done(cancelled.tag);
    }
}

impl Handler<SweepMessages> for Inquiries {
    type Result = ResponseFuture<Result<SweptSoFar, Unanswered>>;

    fn handle(&mut self, sweep: SweepMessages, ctx: &mut Context<Self>) -> Self::Result {
        let (done, answer) = oneshot::channel();
        let (until, swept, places) = (Instant::now() + SWEEP_MAX, SweptSoFar::default(), Places::new());
        let asked = Asked::Sweep(OpenSweep { sweep, until, steps_left: SWEEP_STEPS_MAX, swept, places, done });
        let Some(tag) = self.open(asked, ctx) else { return Box::pin(async { Err(Unanswered::Busy) }) };
        let left = match self.unfinished.take(&sweep) {
            None => self.step(tag, None, sweep, None, ctx),
            Some(places) => places
                .into_iter()
                .map(|(partition, place)| self.step(tag, Some(partition), sweep, Some(place), ctx))
                .sum(),
        };
        self.expect(tag, left);
        Box::pin(async { answer.await.map_err(|_| Unanswered::TimedOut) })
    }
}

impl Handler<Swept> for Inquiries {
    type Result = ();

    fn handle(&mut self, step: Swept, ctx: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&step.tag) else { return };
        let Asked::Sweep(asked) = &mut open.asked else { return };
        asked.swept.count += u64::from(step.count);
        if !step.reached {
            asked.swept.unreached.push(step.partition);
        }
        if let Some(place) = step.next {
            if asked.steps_left > 0 && Instant::now() < asked.until {
                asked.steps_left -= 1;
                let sweep = asked.sweep;
                if self.step(step.tag, Some(step.partition), sweep, Some(place), ctx) > 0 {
                    return;
                }
            } else {
                asked.places.insert(step.partition, place);
            }
        }
        self.answered(step.tag);
    }
}

impl Handler<HurryMessage> for Inquiries {
    type Result = ResponseFuture<Result<u64, Unanswered>>;

    fn handle(&mut self, HurryMessage(message): HurryMessage, ctx: &mut Context<Self>) -> Self::Result {
        let (done, answer) = oneshot::channel();
        let asked = Asked::Hurry { count: 0, reached: true, done };
        let Some(tag) = self.open(asked, ctx) else { return Box::pin(async { Err(Unanswered::Busy) }) };
        let left = self.store.hurry(Hurry { tag, message, reply: ctx.address().recipient() });
        self.expect(tag, left);
        Box::pin(async { answer.await.map_err(|_| Unanswered::TimedOut)? })
    }
}

impl Handler<Hurried> for Inquiries {
    type Result = ();

    fn handle(&mut self, hurried: Hurried, _: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&hurried.tag) else { return };
        let Asked::Hurry { count, reached, .. } = &mut open.asked else { return };
        *count += u64::from(hurried.count);
        *reached &= hurried.reached;
        self.answered(hurried.tag);
    }
}
