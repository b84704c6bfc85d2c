#![allow(clippy::unwrap_used)]

use super::*;

fn partition_16() -> PartitionId {
    PartitionId::new(16).unwrap()
}

fn name(text: &str) -> Name {
    Name::intern(text)
}

fn heard(part: Part) -> Result<Said, RelayError> {
    Reader::default().read(wire::Part { part: Some(part) })
}

fn same(said: ToOwner) {
    match heard(to_owner(said.clone())) {
        Ok(Said::ToOwner(read)) => assert_eq!(read, said),
        other => panic!("{said:?} is read as {other:?}"),
    }
}

fn receipt() -> OperatorReceipt {
    OperatorReceipt {
        tag: 3,
        operator: name("op-a"),
        operator_message_id: OperatorMessageId::Text(b"0aF"[..].into()),
        state: MessageState::Undeliverable,
        error: *b"042",
        done: Timestamp::from_millis(5),
        destination: u64::MAX,
    }
}

#[test]
fn what_a_holder_says_is_read_as_it_was_meant() {
    let lease = Lease { partition: partition_16(), slot: 7, number: 2 };
    let at = Timestamp::from_millis(9);
    let status = CommandStatus::ESME_RTHROTTLED;
    let outcomes = [
        Outcome::Sent { operator_message_id: Some(OperatorMessageId::Decimal(12)), receipt_expected: true },
        Outcome::Sent { operator_message_id: None, receipt_expected: false },
        Outcome::Delivered,
        Outcome::Retry { at, status },
        Outcome::Elsewhere { outbox: Outbox::Operator(name("op-b")), status },
        Outcome::Refused { status, state: MessageState::Rejected, error: *b"001" },
        Outcome::LinkLost { retry_at: at },
        Outcome::Unanswered { retry_at: at },
        Outcome::NotSent,
    ];
    let items = outcomes.into_iter().map(|outcome| Settlement::new(lease, outcome)).collect();
    same(ToOwner::Register { holder: 1, outbox: Outbox::Account(name("demo")) });
    same(ToOwner::Release { holder: 1 });
    same(ToOwner::Holding { leases: vec![lease] });
    same(ToOwner::Resumed);
    same(ToOwner::Pull { partition: partition_16(), holder: 1, room: 10 });
    same(ToOwner::Outcomes { batch: 4, partition: partition_16(), holder: 1, items });
    same(ToOwner::Receipts {
        partition: partition_16(),
        matching: Matching::Exact,
        park: false,
        items: vec![receipt()],
    });
}

#[test]
fn questions_are_read_as_they_were_meant() {
    let id = MessageRef::Id(MessageId::from_tick(77, partition_16()));
    let alias = MessageRef::Alias(MessageAlias::from_u32(0x1A2B_3C4D));
    let (account, like) = (name("demo"), Fingerprint::from_bits(0x12_3456_789A_BCDE));
    let question = |question| ToOwner::Question { number: 5, partition: partition_16(), question };
    same(question(Question::Find(id)));
    same(question(Question::Find(alias)));
    same(question(Question::Cancel { account, like, what: Cancelling::Message(id) }));
    same(question(Question::Cancel { account, like, what: Cancelling::Between { destination: 9 } }));
    let replacing = Replacing {
        account,
        like,
        message: alias,
        due: None,
        expires: Some(Timestamp::from_millis(8)),
        receipts: ReceiptRequest(1),
        text: NewText { octets: Bytes::from_static(b"new"), payload: true },
    };
    same(question(Question::Replace(Box::new(replacing))));
}

#[test]
fn a_leased_delivery_is_read_as_it_was_meant() {
    let content = Content::Receipt { state: MessageState::Delivered, error: *b"000", done: Timestamp::from_millis(3) };
    for content in [Content::Message, content] {
        let item = LeasedDelivery {
            lease: Lease { partition: partition_16(), slot: 7, number: 2 },
            message_id: MessageId::from_tick(77, partition_16()),
            aliased: true,
            origin: Origin::Account(name("demo")),
            content,
            body: b"body"[..].into(),
            attempt: 2,
            accepted: Timestamp::from_millis(1),
            expires: Timestamp::from_millis(2),
        };
        let said = ToHolder::Leased { partition: partition_16(), holder: 1, items: vec![item.clone()], more: true };
        let Ok(Said::ToHolder(ToHolder::Leased { items, more: true, .. })) = heard(to_holder(said)) else {
            panic!("it is not read");
        };
        assert_eq!(format!("{:?}", items), format!("{:?}", vec![item]));
    }
}

#[test]
fn answers_are_read_as_they_were_meant() {
    let status = DeliveryStatus {
        message_id: MessageId::from_tick(77, partition_16()),
        origin: Origin::Operator(name("op-a")),
        fingerprint: Fingerprint::default(),
        destination: 4,
        state: MessageState::Expired,
        error: *b"000",
        attempts: 2,
        accepted: Timestamp::from_millis(1),
        done: Some(Timestamp::from_millis(2)),
        operator_message_id: None,
    };
    let answers = [
        Answer::Found(vec![status]),
        Answer::Found(Vec::new()),
        Answer::Cancelled { count: 2, more: true },
        Answer::Replaced(Ok(())),
        Answer::Replaced(Err(NotReplaced::TimesCross)),
        Answer::Replaced(Err(NotReplaced::NoRoom)),
    ];
    for answer in answers {
        let read = heard(to_holder(ToHolder::Answer { number: 5, answer: answer.clone() }));
        let Ok(Said::ToHolder(ToHolder::Answer { number: 5, answer: read })) = read else { panic!("{read:?}") };
        assert_eq!(read, answer);
    }
}

#[test]
fn a_greeting_says_who_a_node_is_and_what_it_owns() {
    let greeting = Greeting {
        number: 59,
        incarnation: Uuid::from_u128(u128::MAX),
        owned: vec![Owned { partition: partition_16(), life: 3 }],
    };
    let frame = wire::Frame { parts: vec![wire::Part { part: Some(greeting.to_part()) }] };
    assert_eq!(Greeting::of(frame), Ok(greeting));
    assert!(Greeting::of(wire::Frame::default()).is_err());
}

#[test]
fn what_means_nothing_is_refused() {
    let receipt = |report| wire::Receipts {
        partition: 16,
        forgiving: false,
        park: false,
        receipts: vec![wire::Receipt {
            tag: 1,
            operator: "op-a".to_owned(),
            operator_message_id: Bytes::from_static(b"1"),
            report,
            destination: 1,
        }],
    };
    let report = |state, error: &'static [u8]| wire::Report { state, error: Bytes::from_static(error), done: 0 };
    let nonsense = [
        Part::Pull(wire::Pull { partition: 1_024, holder: 1, room: 1 }),
        Part::Register(wire::Register { holder: 1, outbox: None }),
        Part::Receipts(receipt(None)),
        Part::Receipts(receipt(Some(report(999, b"000")))),
        Part::Receipts(receipt(Some(report(2, b"0")))),
        Part::Question(wire::Question { number: 1, partition: 16, question: None }),
        Part::Greeting(wire::Greeting::default()),
    ];
    for part in nonsense {
        assert!(heard(part.clone()).is_err(), "{part:?}");
    }
    assert!(Reader::default().read(wire::Part { part: None }).is_err());
}
