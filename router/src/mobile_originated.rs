//! Which account an MO message goes to, and where it waits while no route takes it.

use std::borrow::Cow;

use smsc_proto::smpp::data_coding::{Alphabet, DataCoding};
use smsc_proto::smpp::esm_class::EsmClass;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::text::ucs2;
use smsc_proto::text::udh::UserDataHeader;
use smsc_store::{Name, Outbox};

use crate::handle::Snapshot;
use crate::number::normalise;

/// Where MO messages wait that no route takes (`mo_no_route = "park"`). No account can have this name: a system_id has
/// no blank.
pub fn parked() -> Outbox {
    Outbox::Account(Name::intern("no route"))
}

/// The account of a message that `operator` brought; `None`: no route takes it.
pub fn account_of(snapshot: &Snapshot, operator: Name, sm: &SmFields<'_>) -> Option<Name> {
    let normalised = normalise(&sm.destination, None);
    let destination = normalised.as_deref().unwrap_or(sm.destination.digits);
    snapshot.mo(operator, destination, &text(sm))
}

/// The text as octets in which a keyword can be found: without user data header, UCS-2 as UTF-8.
fn text<'a>(sm: &SmFields<'a>) -> Cow<'a, [u8]> {
    let mut octets = sm.user_data();
    if EsmClass(sm.esm_class).has_udh() {
        octets = UserDataHeader::split(octets).map_or(octets, |(_, text)| text);
    }
    match DataCoding(sm.data_coding).alphabet() {
        Alphabet::Ucs2 => Cow::Owned(ucs2::decode(octets).into_bytes()),
        _ => Cow::Borrowed(octets),
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::address::Address;
    use smsc_proto::smpp::command_status::CommandStatus;

    use super::*;
    use crate::handle::RouterHandle;
    use crate::options::RouterOptions;
    use crate::route::{MoDestination, MoRoute};

    fn account(destination: &str, esm_class: u8, data_coding: u8, text: &[u8]) -> Option<&'static str> {
        let route = |keyword: Option<&str>, account| MoRoute {
            destination: MoDestination::Exact("72345".to_owned()),
            keyword: keyword.map(str::to_owned),
            operator: None,
            account: Name::intern(account),
        };
        let mo = vec![route(None, "mo-any"), route(Some("JOIN"), "mo-join")];
        let no_route = CommandStatus::ESME_RINVDSTADR;
        let handle = RouterHandle::new(RouterOptions { mt: vec![], mo, no_route, operators: vec![] }).expect("good");
        let destination = Address::new(0, 0, destination.as_bytes());
        let sm = SmFields { destination, esm_class, data_coding, short_message: text, ..SmFields::default() };
        account_of(&handle.snapshot(), Name::intern("mo-op"), &sm).map(Name::as_str)
    }

    #[test]
    fn a_keyword_is_found_behind_a_header_and_in_ucs2() {
        assert_eq!(account("72345", 0, 0, b"join now"), Some("mo-join"));
        assert_eq!(account("72345", 0x40, 0, b"\x05\x00\x03\x01\x02\x01join now"), Some("mo-join"));
        assert_eq!(account("72345", 0, 8, &ucs2::encode("Join now")), Some("mo-join"));
        assert_eq!(account("72345", 0, 0, b"hello"), Some("mo-any"));
        assert_eq!(account("72346", 0, 0, b"join"), None);
    }

    #[test]
    fn nobody_can_have_the_name_of_the_parking_place() {
        let Outbox::Account(name) = parked() else { panic!("it waits for an account") };
        assert!(name.as_str().contains(' '));
    }
}
