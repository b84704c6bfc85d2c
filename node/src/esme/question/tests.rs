use smsc_proto::ids::MessageId;
use smsc_proto::smpp::pdu::OwnedAddress;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);
const ID: &str = "253612345678901234";

fn demo() -> Name {
    Name::intern("demo")
}

fn source() -> OwnedAddress {
    OwnedAddress { ton: 1, npi: 1, digits: Bytes::from_static(b"46700000000") }
}

fn status(state: MessageState) -> DeliveryStatus {
    DeliveryStatus {
        message_id: MessageId::from_u64(253_612_345_678_901_234).unwrap(),
        origin: Origin::Account(demo()),
        fingerprint: Fingerprint::of(source().as_address(), b"CMT"),
        destination: 7,
        state,
        error: *b"027",
        attempts: 1,
        accepted: NOW,
        done: state.is_final().then_some(NOW),
        operator_message_id: None,
    }
}

fn query(found: Vec<DeliveryStatus>) -> Query {
    let mut query = Query::of(&QuerySm { message_id: ID.into(), source: source() }).unwrap();
    query.found(Found { tag: 1, deliveries: found, reached: true });
    query
}

fn answered(states: &[MessageState], version: u8) -> u8 {
    let found = states.iter().map(|state| status(*state)).collect();
    query(found).answer(demo(), version).unwrap().message_state
}

#[test]
fn states_that_only_5_0_knows_are_told_to_5_0_only_s46() {
    for (state, version, told) in [
        (MessageState::Scheduled, 0x34, 1),
        (MessageState::Scheduled, 0x50, 0),
        (MessageState::Skipped, 0x34, 8),
        (MessageState::Skipped, 0x50, 9),
        (MessageState::Delivered, 0x33, 2),
    ] {
        assert_eq!(answered(&[state], version), told, "{state:?} at {version:#x}");
    }
}

#[test]
fn of_several_deliveries_the_least_advanced_speaks_s45() {
    use MessageState::{Delivered, Enroute, Expired, Scheduled};
    assert_eq!(answered(&[Delivered, Enroute, Expired], 0x50), Enroute as u8);
    assert_eq!(answered(&[Enroute, Scheduled], 0x50), Scheduled as u8);
    assert_eq!(answered(&[Delivered, Expired, Delivered], 0x50), Expired as u8);
}

#[test]
fn a_final_state_has_its_date_and_error_and_another_has_none_s34() {
    let last = query(vec![status(MessageState::Undeliverable)]).answer(demo(), 0x34).unwrap();
    assert_eq!((&last.final_date[..], last.error_code), (&b"251124160000000+"[..], 27));
    assert_eq!(query(vec![status(MessageState::Enroute)]).answer(demo(), 0x34).unwrap().final_date, "");
}

#[test]
fn an_error_beyond_one_octet_is_255() {
    assert_eq!([*b"000", *b"255", *b"256", *b"0a1"].map(error_code), [0, 255, 255, 255]);
}

#[test]
fn what_is_not_ones_own_is_not_found_s46() {
    let found = || vec![status(MessageState::Delivered)];
    assert_eq!(query(found()).answer(Name::intern("other"), 0x34), None);
    assert_eq!(query(Vec::new()).answer(demo(), 0x34), None);
    let mut other_source = Query::of(&QuerySm { message_id: ID.into(), ..QuerySm::default() }).unwrap();
    other_source.found(Found { tag: 1, deliveries: found(), reached: true });
    assert_eq!(other_source.answer(demo(), 0x34), None);
}

#[test]
fn a_cancellation_is_of_one_message_or_of_all_between_two_addresses_s47() {
    let destination = OwnedAddress { ton: 1, npi: 1, digits: Bytes::from_static(b"+46701234567") };
    let one = CancelSm { message_id: ID.into(), source: source(), ..CancelSm::default() };
    assert!(matches!(Cancellation::of(&one).unwrap().what, Cancelling::Message(MessageRef::Id(_))));
    let all = CancelSm { source: source(), destination, ..CancelSm::default() };
    let between = Cancelling::Between { destination: address_hash(b"46701234567") };
    assert_eq!(Cancellation::of(&all).unwrap().what, between);
    let nothing = CancelSm { source: source(), ..CancelSm::default() };
    assert_eq!(Cancellation::of(&nothing).unwrap_err(), CommandStatus::ESME_RINVDSTADR);
}

#[test]
fn a_cancellation_is_to_be_tried_again_when_what_it_means_may_be_out_of_reach() {
    let between = Cancelling::Between { destination: 7 };
    let message = Cancelling::Message(MessageRef::from_octets(ID.as_bytes()).unwrap());
    for (what, count, out_of_reach, status) in [
        (between, 0, false, CommandStatus::ESME_RCANCELFAIL),
        (between, 0, true, CommandStatus::ESME_RSYSERR),
        (between, 2, true, CommandStatus::ESME_RSYSERR),
        (between, 2, false, CommandStatus::ESME_ROK),
        (message, 0, true, CommandStatus::ESME_RSYSERR),
        (message, 1, true, CommandStatus::ESME_ROK),
    ] {
        let like = Fingerprint::default();
        let cancellation = Cancellation { what, like, count, more: false, out_of_reach };
        assert_eq!(cancellation.status(), status, "{cancellation:?}");
    }
}

#[test]
fn of_several_partitions_the_one_that_has_the_message_says_what_became_of_it() {
    let mut replacement = Replacement {
        message: MessageRef::from_octets(ID.as_bytes()).unwrap(),
        like: Fingerprint::default(),
        due: None,
        expires: None,
        receipts: ReceiptRequest::default(),
        text: NewText { octets: Bytes::new(), payload: false },
        result: None,
    };
    for (result, status) in [
        (Err(NotReplaced::NotPending), CommandStatus::ESME_RREPLACEFAIL),
        (Err(NotReplaced::TimesCross), CommandStatus::ESME_RINVEXPIRY),
        (Err(NotReplaced::NotPending), CommandStatus::ESME_RINVEXPIRY),
    ] {
        replacement.answered(Replaced { tag: 1, result });
        assert_eq!(replacement.status(), status);
    }
}
