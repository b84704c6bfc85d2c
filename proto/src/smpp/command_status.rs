//! What a response says (3.4 §5.1.3, 5.0 §4.7.6).
//!
//! The constants carry the specification's names. Which code to send when is decided elsewhere; here is only what a
//! peer of which version can be told.

use std::fmt;
use std::str::FromStr;

/// A `command_status`, also one that we do not know. In a request it is zero and means nothing (S6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandStatus(pub u32);

/// Constants first, then what can be asked of a code.
impl CommandStatus {
    /// No error.
    pub const ESME_ROK: Self = Self(0x0000);
    /// The message is too long or sm_length is wrong (S38).
    pub const ESME_RINVMSGLEN: Self = Self(0x0001);
    /// command_length, or a body that ends early (S1, S8).
    pub const ESME_RINVCMDLEN: Self = Self(0x0002);
    /// command_id unknown or not supported (S3, S4).
    pub const ESME_RINVCMDID: Self = Self(0x0003);
    /// Not allowed in this bind state (S9).
    pub const ESME_RINVBNDSTS: Self = Self(0x0004);
    /// Already bound (S11).
    pub const ESME_RALYBND: Self = Self(0x0005);
    /// priority_flag (S37).
    pub const ESME_RINVPRTFLG: Self = Self(0x0006);
    /// registered_delivery (S36).
    pub const ESME_RINVREGDLVFLG: Self = Self(0x0007);
    /// An error of ours: try again.
    pub const ESME_RSYSERR: Self = Self(0x0008);
    /// Source address.
    pub const ESME_RINVSRCADR: Self = Self(0x000A);
    /// Destination address (S40).
    pub const ESME_RINVDSTADR: Self = Self(0x000B);
    /// message_id.
    pub const ESME_RINVMSGID: Self = Self(0x000C);
    /// Bind failed (S12, S15).
    pub const ESME_RBINDFAIL: Self = Self(0x000D);
    /// Password.
    pub const ESME_RINVPASWD: Self = Self(0x000E);
    /// system_id.
    pub const ESME_RINVSYSID: Self = Self(0x000F);
    /// cancel_sm failed (S47).
    pub const ESME_RCANCELFAIL: Self = Self(0x0011);
    /// replace_sm failed (S48).
    pub const ESME_RREPLACEFAIL: Self = Self(0x0013);
    /// The queue is full (S43).
    pub const ESME_RMSGQFUL: Self = Self(0x0014);
    /// service_type.
    pub const ESME_RINVSERTYP: Self = Self(0x0015);
    /// number_of_dests (S45).
    pub const ESME_RINVNUMDESTS: Self = Self(0x0033);
    /// Distribution list.
    pub const ESME_RINVDLNAME: Self = Self(0x0034);
    /// dest_flag of submit_multi (S45).
    pub const ESME_RINVDESTFLAG: Self = Self(0x0040);
    /// submit with replace not supported.
    pub const ESME_RINVSUBREP: Self = Self(0x0042);
    /// esm_class (S35).
    pub const ESME_RINVESMCLASS: Self = Self(0x0043);
    /// Cannot submit to a distribution list (S45).
    pub const ESME_RCNTSUBDL: Self = Self(0x0044);
    /// submit_sm or submit_multi failed.
    pub const ESME_RSUBMITFAIL: Self = Self(0x0045);
    /// TON of the source.
    pub const ESME_RINVSRCTON: Self = Self(0x0048);
    /// NPI of the source.
    pub const ESME_RINVSRCNPI: Self = Self(0x0049);
    /// TON of the destination (S40).
    pub const ESME_RINVDSTTON: Self = Self(0x0050);
    /// NPI of the destination (S40).
    pub const ESME_RINVDSTNPI: Self = Self(0x0051);
    /// system_type.
    pub const ESME_RINVSYSTYP: Self = Self(0x0053);
    /// replace_if_present (S37).
    pub const ESME_RINVREPFLAG: Self = Self(0x0054);
    /// Number of messages.
    pub const ESME_RINVNUMMSGS: Self = Self(0x0055);
    /// Over the agreed rate (S44).
    pub const ESME_RTHROTTLED: Self = Self(0x0058);
    /// schedule_delivery_time (S30).
    pub const ESME_RINVSCHED: Self = Self(0x0061);
    /// validity_period (S30, S32).
    pub const ESME_RINVEXPIRY: Self = Self(0x0062);
    /// sm_default_msg_id (S37).
    pub const ESME_RINVDFTMSGID: Self = Self(0x0063);
    /// The ESME cannot take it now: retry (S51).
    pub const ESME_RX_T_APPN: Self = Self(0x0064);
    /// The ESME cannot take it ever (S51).
    pub const ESME_RX_P_APPN: Self = Self(0x0065);
    /// The ESME rejects this one (S51).
    pub const ESME_RX_R_APPN: Self = Self(0x0066);
    /// query_sm failed (S46).
    pub const ESME_RQUERYFAIL: Self = Self(0x0067);
    /// The optional part of the body is broken (S8, S25). 3.4 calls it RINVOPTPARSTREAM.
    pub const ESME_RINVTLVSTREAM: Self = Self(0x00C0);
    /// A TLV that is not allowed here (S25). 3.4: ROPTPARNOTALLWD.
    pub const ESME_RTLVNOTALLWD: Self = Self(0x00C1);
    /// A TLV of the wrong length (S25). 3.4: RINVPARLEN.
    pub const ESME_RINVTLVLEN: Self = Self(0x00C2);
    /// An expected TLV is missing (S25). 3.4: RMISSINGOPTPARAM.
    pub const ESME_RMISSINGTLV: Self = Self(0x00C3);
    /// A TLV with a wrong value (S25). 3.4: RINVOPTPARAMVAL.
    pub const ESME_RINVTLVVAL: Self = Self(0x00C4);
    /// Delivery failed (data_sm_resp).
    pub const ESME_RDELIVERYFAILURE: Self = Self(0x00FE);
    /// Unknown error.
    pub const ESME_RUNKNOWNERR: Self = Self(0x00FF);
    /// The ESME may not use this service_type (5.0).
    pub const ESME_RSERTYPUNAUTH: Self = Self(0x0100);
    /// The ESME may not use this operation (5.0).
    pub const ESME_RPROHIBITED: Self = Self(0x0101);
    /// service_type is not available (5.0).
    pub const ESME_RSERTYPUNAVAIL: Self = Self(0x0102);
    /// service_type is denied (5.0).
    pub const ESME_RSERTYPDENIED: Self = Self(0x0103);
    /// data_coding (5.0).
    pub const ESME_RINVDCS: Self = Self(0x0104);
    /// source_addr_subunit (5.0).
    pub const ESME_RINVSRCADDRSUBUNIT: Self = Self(0x0105);
    /// dest_addr_subunit (5.0).
    pub const ESME_RINVDSTADDRSUBUNIT: Self = Self(0x0106);
    /// broadcast_frequency_interval (5.0).
    pub const ESME_RINVBCASTFREQINT: Self = Self(0x0107);
    /// Broadcast alias name (5.0).
    pub const ESME_RINVBCASTALIAS_NAME: Self = Self(0x0108);
    /// broadcast_area_identifier (5.0).
    pub const ESME_RINVBCASTAREAFMT: Self = Self(0x0109);
    /// Number of broadcast areas (5.0).
    pub const ESME_RINVNUMBCAST_AREAS: Self = Self(0x010A);
    /// broadcast_content_type (5.0).
    pub const ESME_RINVBCASTCNTTYPE: Self = Self(0x010B);
    /// broadcast_message_class (5.0).
    pub const ESME_RINVBCASTMSGCLASS: Self = Self(0x010C);
    /// broadcast_sm failed (5.0).
    pub const ESME_RBCASTFAIL: Self = Self(0x010D);
    /// query_broadcast_sm failed (5.0).
    pub const ESME_RBCASTQUERYFAIL: Self = Self(0x010E);
    /// cancel_broadcast_sm failed (5.0).
    pub const ESME_RBCASTCANCELFAIL: Self = Self(0x010F);
    /// broadcast_rep_num (5.0).
    pub const ESME_RINVBCAST_REP: Self = Self(0x0110);
    /// broadcast_service_group (5.0).
    pub const ESME_RINVBCASTSRVGRP: Self = Self(0x0111);
    /// broadcast_channel_indicator (5.0).
    pub const ESME_RINVBCASTCHANIND: Self = Self(0x0112);

    /// Every code that has a name, with its name.
    pub const ALL: [(Self, &'static str); 67] = [
        (Self::ESME_ROK, "ESME_ROK"),
        (Self::ESME_RINVMSGLEN, "ESME_RINVMSGLEN"),
        (Self::ESME_RINVCMDLEN, "ESME_RINVCMDLEN"),
        (Self::ESME_RINVCMDID, "ESME_RINVCMDID"),
        (Self::ESME_RINVBNDSTS, "ESME_RINVBNDSTS"),
        (Self::ESME_RALYBND, "ESME_RALYBND"),
        (Self::ESME_RINVPRTFLG, "ESME_RINVPRTFLG"),
        (Self::ESME_RINVREGDLVFLG, "ESME_RINVREGDLVFLG"),
        (Self::ESME_RSYSERR, "ESME_RSYSERR"),
        (Self::ESME_RINVSRCADR, "ESME_RINVSRCADR"),
        (Self::ESME_RINVDSTADR, "ESME_RINVDSTADR"),
        (Self::ESME_RINVMSGID, "ESME_RINVMSGID"),
        (Self::ESME_RBINDFAIL, "ESME_RBINDFAIL"),
        (Self::ESME_RINVPASWD, "ESME_RINVPASWD"),
        (Self::ESME_RINVSYSID, "ESME_RINVSYSID"),
        (Self::ESME_RCANCELFAIL, "ESME_RCANCELFAIL"),
        (Self::ESME_RREPLACEFAIL, "ESME_RREPLACEFAIL"),
        (Self::ESME_RMSGQFUL, "ESME_RMSGQFUL"),
        (Self::ESME_RINVSERTYP, "ESME_RINVSERTYP"),
        (Self::ESME_RINVNUMDESTS, "ESME_RINVNUMDESTS"),
        (Self::ESME_RINVDLNAME, "ESME_RINVDLNAME"),
        (Self::ESME_RINVDESTFLAG, "ESME_RINVDESTFLAG"),
        (Self::ESME_RINVSUBREP, "ESME_RINVSUBREP"),
        (Self::ESME_RINVESMCLASS, "ESME_RINVESMCLASS"),
        (Self::ESME_RCNTSUBDL, "ESME_RCNTSUBDL"),
        (Self::ESME_RSUBMITFAIL, "ESME_RSUBMITFAIL"),
        (Self::ESME_RINVSRCTON, "ESME_RINVSRCTON"),
        (Self::ESME_RINVSRCNPI, "ESME_RINVSRCNPI"),
        (Self::ESME_RINVDSTTON, "ESME_RINVDSTTON"),
        (Self::ESME_RINVDSTNPI, "ESME_RINVDSTNPI"),
        (Self::ESME_RINVSYSTYP, "ESME_RINVSYSTYP"),
        (Self::ESME_RINVREPFLAG, "ESME_RINVREPFLAG"),
        (Self::ESME_RINVNUMMSGS, "ESME_RINVNUMMSGS"),
        (Self::ESME_RTHROTTLED, "ESME_RTHROTTLED"),
        (Self::ESME_RINVSCHED, "ESME_RINVSCHED"),
        (Self::ESME_RINVEXPIRY, "ESME_RINVEXPIRY"),
        (Self::ESME_RINVDFTMSGID, "ESME_RINVDFTMSGID"),
        (Self::ESME_RX_T_APPN, "ESME_RX_T_APPN"),
        (Self::ESME_RX_P_APPN, "ESME_RX_P_APPN"),
        (Self::ESME_RX_R_APPN, "ESME_RX_R_APPN"),
        (Self::ESME_RQUERYFAIL, "ESME_RQUERYFAIL"),
        (Self::ESME_RINVTLVSTREAM, "ESME_RINVTLVSTREAM"),
        (Self::ESME_RTLVNOTALLWD, "ESME_RTLVNOTALLWD"),
        (Self::ESME_RINVTLVLEN, "ESME_RINVTLVLEN"),
        (Self::ESME_RMISSINGTLV, "ESME_RMISSINGTLV"),
        (Self::ESME_RINVTLVVAL, "ESME_RINVTLVVAL"),
        (Self::ESME_RDELIVERYFAILURE, "ESME_RDELIVERYFAILURE"),
        (Self::ESME_RUNKNOWNERR, "ESME_RUNKNOWNERR"),
        (Self::ESME_RSERTYPUNAUTH, "ESME_RSERTYPUNAUTH"),
        (Self::ESME_RPROHIBITED, "ESME_RPROHIBITED"),
        (Self::ESME_RSERTYPUNAVAIL, "ESME_RSERTYPUNAVAIL"),
        (Self::ESME_RSERTYPDENIED, "ESME_RSERTYPDENIED"),
        (Self::ESME_RINVDCS, "ESME_RINVDCS"),
        (Self::ESME_RINVSRCADDRSUBUNIT, "ESME_RINVSRCADDRSUBUNIT"),
        (Self::ESME_RINVDSTADDRSUBUNIT, "ESME_RINVDSTADDRSUBUNIT"),
        (Self::ESME_RINVBCASTFREQINT, "ESME_RINVBCASTFREQINT"),
        (Self::ESME_RINVBCASTALIAS_NAME, "ESME_RINVBCASTALIAS_NAME"),
        (Self::ESME_RINVBCASTAREAFMT, "ESME_RINVBCASTAREAFMT"),
        (Self::ESME_RINVNUMBCAST_AREAS, "ESME_RINVNUMBCAST_AREAS"),
        (Self::ESME_RINVBCASTCNTTYPE, "ESME_RINVBCASTCNTTYPE"),
        (Self::ESME_RINVBCASTMSGCLASS, "ESME_RINVBCASTMSGCLASS"),
        (Self::ESME_RBCASTFAIL, "ESME_RBCASTFAIL"),
        (Self::ESME_RBCASTQUERYFAIL, "ESME_RBCASTQUERYFAIL"),
        (Self::ESME_RBCASTCANCELFAIL, "ESME_RBCASTCANCELFAIL"),
        (Self::ESME_RINVBCAST_REP, "ESME_RINVBCAST_REP"),
        (Self::ESME_RINVBCASTSRVGRP, "ESME_RINVBCASTSRVGRP"),
        (Self::ESME_RINVBCASTCHANIND, "ESME_RINVBCASTCHANIND"),
    ];

    /// The names that 3.4 gives to codes which 5.0 renamed.
    const NAMES_3_4: [(Self, &'static str); 5] = [
        (Self::ESME_RINVTLVSTREAM, "ESME_RINVOPTPARSTREAM"),
        (Self::ESME_RTLVNOTALLWD, "ESME_ROPTPARNOTALLWD"),
        (Self::ESME_RINVTLVLEN, "ESME_RINVPARLEN"),
        (Self::ESME_RMISSINGTLV, "ESME_RMISSINGOPTPARAM"),
        (Self::ESME_RINVTLVVAL, "ESME_RINVOPTPARAMVAL"),
    ];

    /// Whether it says that all is well.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Its name, `"ESME_RTHROTTLED"` say, or `"other"`: a fixed set, fit for a metric's label.
    pub fn name(self) -> &'static str {
        self.known_name().unwrap_or("other")
    }

    fn known_name(self) -> Option<&'static str> {
        let index = Self::ALL.binary_search_by_key(&self, |(code, _)| *code).ok()?;
        Some(Self::ALL[index].1)
    }

    /// Whether only 5.0 knows it (SMPP.md 9.8): 0x100 to 0x112.
    pub const fn is_5_0_only(self) -> bool {
        self.0 >= Self::ESME_RSERTYPUNAUTH.0 && self.0 <= Self::ESME_RINVBCASTCHANIND.0
    }

    /// The code as a peer of that interface_version may be told it: below 0x50 a 5.0 code becomes the nearest one of
    /// 3.4 (SMPP.md 9.8). Everything else, vendor codes too, stays as it is.
    ///
    /// None of the codes that stand in is among the four that ESMEs take for "try later" (Q26): a 5.0-only code is a
    /// refusal for good.
    pub const fn for_version(self, interface_version: u8) -> Self {
        if interface_version >= 0x50 || !self.is_5_0_only() {
            return self;
        }
        match self {
            Self::ESME_RSERTYPUNAUTH | Self::ESME_RSERTYPUNAVAIL | Self::ESME_RSERTYPDENIED => Self::ESME_RINVSERTYP,
            Self::ESME_RINVSRCADDRSUBUNIT => Self::ESME_RINVSRCADR,
            Self::ESME_RINVDSTADDRSUBUNIT => Self::ESME_RINVDSTADR,
            Self::ESME_RBCASTQUERYFAIL => Self::ESME_RQUERYFAIL,
            Self::ESME_RBCASTCANCELFAIL => Self::ESME_RCANCELFAIL,
            // Policy (S43), data_coding and the rest of the broadcast family.
            _ => Self::ESME_RSUBMITFAIL,
        }
    }
}

impl fmt::Display for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

/// A text that names no `command_status`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no command_status: neither a name such as ESME_RINVDSTADR nor hex such as 0x0B")]
pub struct UnknownStatus(pub String);

impl FromStr for CommandStatus {
    type Err = UnknownStatus;

    /// Reads a name of 5.0 or 3.4, with or without `ESME_`, in any case; or one to eight hex digits, with or without
    /// `0x`, also of a code that has no name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("ESME_")).map_or(text, |_| &text[5..]);
        let named = Self::ALL.iter().chain(&Self::NAMES_3_4).find(|(_, name)| name[5..].eq_ignore_ascii_case(bare));
        if let Some((code, _)) = named {
            return Ok(*code);
        }
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let all_hex = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        match u32::from_str_radix(digits, 16) {
            Ok(code) if all_hex => Ok(Self(code)),
            _ => Err(UnknownStatus(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_code() {
        for (code, name) in CommandStatus::ALL {
            assert_eq!(code.name(), name);
            assert_eq!(name.parse(), Ok(code));
            assert_eq!(name[5..].to_lowercase().parse(), Ok(code));
        }
    }

    #[test]
    fn the_names_of_3_4_read_as_the_same_codes() {
        assert_eq!("ESME_RINVOPTPARSTREAM".parse(), Ok(CommandStatus(0xC0)));
        assert_eq!("ROPTPARNOTALLWD".parse(), Ok(CommandStatus(0xC1)));
        assert_eq!("RINVPARLEN".parse(), Ok(CommandStatus(0xC2)));
        assert_eq!("RMISSINGOPTPARAM".parse(), Ok(CommandStatus(0xC3)));
        assert_eq!("RINVOPTPARAMVAL".parse(), Ok(CommandStatus(0xC4)));
    }

    #[test]
    fn hex_reads_as_a_code_and_rubbish_does_not() {
        assert_eq!("0x58".parse(), Ok(CommandStatus::ESME_RTHROTTLED));
        assert_eq!("0000000b".parse(), Ok(CommandStatus::ESME_RINVDSTADR));
        assert_eq!("0x401".parse(), Ok(CommandStatus(0x401)));
        for rubbish in ["", "0x", "+5", "ESME_", "ESME_RNOSUCH", "123456789", "0x-1", "ESMÉ_ROK"] {
            assert_eq!(rubbish.parse::<CommandStatus>(), Err(UnknownStatus(rubbish.to_owned())));
        }
    }

    #[test]
    fn a_session_below_5_0_is_never_told_a_code_of_5_0() {
        for (code, _) in CommandStatus::ALL {
            for version in [0x00, 0x33, 0x34] {
                assert!(!code.for_version(version).is_5_0_only());
                assert!(code.is_5_0_only() || code.for_version(version) == code);
            }
            assert_eq!(code.for_version(0x50), code);
        }
        assert_eq!(CommandStatus::ESME_RPROHIBITED.for_version(0x34), CommandStatus::ESME_RSUBMITFAIL, "S43");
        assert_eq!(CommandStatus(0x0401).for_version(0x34), CommandStatus(0x0401), "vendor codes stay (S29)");
    }

    #[test]
    fn a_code_without_a_name_is_shown_in_hex_and_counted_as_other() {
        assert_eq!(CommandStatus(0x0401).to_string(), "0x00000401");
        assert_eq!(CommandStatus(0x0401).name(), "other");
        assert_eq!(CommandStatus::ESME_RTHROTTLED.to_string(), "ESME_RTHROTTLED");
    }
}
