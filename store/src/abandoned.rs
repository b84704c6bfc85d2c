//! What is said to those who wait for a partition that has left this node: that it is out of reach, or that they shall
//! come again. Never that something was kept.
//!
//! Who pulls, settles and is rung is told by [`Gone`](crate::Gone) instead: its answers are in the order of its questions,
//! and a word too many would be taken for the answer to another one.

use smsc_proto::ids::PartitionId;

use crate::messages::*;
use crate::partition::Command;

/// Answers a command that was never applied.
pub(crate) fn abandon(partition: PartitionId, command: Command) {
    match command {
        Command::Accept(accept) => refuse(accept, AcceptRefusal::JournalStalled),
        Command::Receipts(RecordReceipts { reply, items }) => {
            let items = items.into_iter().map(|receipt| (receipt.tag, false)).collect();
            reply.do_send(ReceiptsRecorded { items });
        }
        Command::Seek(SeekReceipts { receipts, strays, .. }) => {
            strays.do_send(StrayReceipts { partition: Some(partition), why: Stray::OutOfReach, receipts });
        }
        Command::Find(Find { tag, reply, .. }) => {
            reply.do_send(Found::out_of_reach(tag));
        }
        Command::Cancel(Cancel { tag, reply, .. }) => {
            reply.do_send(Cancelled::out_of_reach(tag));
        }
        Command::Replace(Replace { tag, reply, .. }) => {
            reply.do_send(Replaced::out_of_reach(tag));
        }
        Command::Search(Search { tag, reply, .. }) => {
            reply.do_send(SearchStep::out_of_reach(tag, partition));
        }
        Command::Sweep(Sweep { tag, reply, .. }) => {
            reply.do_send(Swept::out_of_reach(tag, partition));
        }
        Command::Hurry(Hurry { tag, reply, .. }) => {
            reply.do_send(Hurried::out_of_reach(tag));
        }
        Command::Pull(_)
        | Command::Settle(_)
        | Command::Register(_)
        | Command::Release(_)
        | Command::SeekElsewhere(_)
        | Command::EndParked(_)
        | Command::TryParkedAgain
        | Command::Reroute(_)
        | Command::ReadBack(_)
        | Command::SetRules(_)
        // Its new owner offers them again.
        | Command::TakeCdrs(_) => {}
    }
}

/// Says to all messages of a batch that they are not taken.
pub(crate) fn refuse(accept: Accept, why: AcceptRefusal) {
    let items = accept.items.iter().map(|message| (message.tag, Err(why))).collect();
    accept.reply.do_send(Accepted { items });
}
