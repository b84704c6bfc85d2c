//! Tags of 3.4 §5.3.2 and 5.0 §4.8.4. Vendors use 0x1400 to 0x3FFF (S29).

/// dest_addr_subunit
pub const DEST_ADDR_SUBUNIT: u16 = 0x0005;
/// dest_network_type
pub const DEST_NETWORK_TYPE: u16 = 0x0006;
/// dest_bearer_type
pub const DEST_BEARER_TYPE: u16 = 0x0007;
/// dest_telematics_id
pub const DEST_TELEMATICS_ID: u16 = 0x0008;
/// source_addr_subunit
pub const SOURCE_ADDR_SUBUNIT: u16 = 0x000D;
/// source_network_type
pub const SOURCE_NETWORK_TYPE: u16 = 0x000E;
/// source_bearer_type
pub const SOURCE_BEARER_TYPE: u16 = 0x000F;
/// source_telematics_id
pub const SOURCE_TELEMATICS_ID: u16 = 0x0010;
/// qos_time_to_live: four octets, seconds (S33)
pub const QOS_TIME_TO_LIVE: u16 = 0x0017;
/// payload_type
pub const PAYLOAD_TYPE: u16 = 0x0019;
/// additional_status_info_text
pub const ADDITIONAL_STATUS_INFO_TEXT: u16 = 0x001D;
/// receipted_message_id: C-octet string of at most 65 octets with its NUL (S28)
pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
/// ms_msg_wait_facilities
pub const MS_MSG_WAIT_FACILITIES: u16 = 0x0030;
/// privacy_indicator
pub const PRIVACY_INDICATOR: u16 = 0x0201;
/// source_subaddress
pub const SOURCE_SUBADDRESS: u16 = 0x0202;
/// dest_subaddress
pub const DEST_SUBADDRESS: u16 = 0x0203;
/// user_message_reference
pub const USER_MESSAGE_REFERENCE: u16 = 0x0204;
/// user_response_code
pub const USER_RESPONSE_CODE: u16 = 0x0205;
/// source_port
pub const SOURCE_PORT: u16 = 0x020A;
/// destination_port
pub const DESTINATION_PORT: u16 = 0x020B;
/// sar_msg_ref_num: two octets (S27)
pub const SAR_MSG_REF_NUM: u16 = 0x020C;
/// language_indicator
pub const LANGUAGE_INDICATOR: u16 = 0x020D;
/// sar_total_segments: one octet (S27)
pub const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
/// sar_segment_seqnum: one octet (S27)
pub const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
/// sc_interface_version: one octet (S21)
pub const SC_INTERFACE_VERSION: u16 = 0x0210;
/// callback_num_pres_ind (S24: may repeat)
pub const CALLBACK_NUM_PRES_IND: u16 = 0x0302;
/// callback_num_atag (S24: may repeat)
pub const CALLBACK_NUM_ATAG: u16 = 0x0303;
/// number_of_messages
pub const NUMBER_OF_MESSAGES: u16 = 0x0304;
/// callback_num (S24: may repeat)
pub const CALLBACK_NUM: u16 = 0x0381;
/// dpf_result
pub const DPF_RESULT: u16 = 0x0420;
/// set_dpf
pub const SET_DPF: u16 = 0x0421;
/// ms_availability_status
pub const MS_AVAILABILITY_STATUS: u16 = 0x0422;
/// network_error_code: one octet of type, two of code (S28)
pub const NETWORK_ERROR_CODE: u16 = 0x0423;
/// message_payload (S26)
pub const MESSAGE_PAYLOAD: u16 = 0x0424;
/// delivery_failure_reason
pub const DELIVERY_FAILURE_REASON: u16 = 0x0425;
/// more_messages_to_send
pub const MORE_MESSAGES_TO_SEND: u16 = 0x0426;
/// message_state: one octet (S28)
pub const MESSAGE_STATE: u16 = 0x0427;
/// congestion_state: 0 to 100 (5.0; opt-in, Q11)
pub const CONGESTION_STATE: u16 = 0x0428;
/// ussd_service_op
pub const USSD_SERVICE_OP: u16 = 0x0501;
/// broadcast_channel_indicator (5.0)
pub const BROADCAST_CHANNEL_INDICATOR: u16 = 0x0600;
/// broadcast_content_type (5.0)
pub const BROADCAST_CONTENT_TYPE: u16 = 0x0601;
/// broadcast_content_type_info (5.0)
pub const BROADCAST_CONTENT_TYPE_INFO: u16 = 0x0602;
/// broadcast_message_class (5.0)
pub const BROADCAST_MESSAGE_CLASS: u16 = 0x0603;
/// broadcast_rep_num (5.0)
pub const BROADCAST_REP_NUM: u16 = 0x0604;
/// broadcast_frequency_interval (5.0)
pub const BROADCAST_FREQUENCY_INTERVAL: u16 = 0x0605;
/// broadcast_area_identifier (5.0)
pub const BROADCAST_AREA_IDENTIFIER: u16 = 0x0606;
/// broadcast_error_status (5.0)
pub const BROADCAST_ERROR_STATUS: u16 = 0x0607;
/// broadcast_area_success (5.0)
pub const BROADCAST_AREA_SUCCESS: u16 = 0x0608;
/// broadcast_end_time (5.0)
pub const BROADCAST_END_TIME: u16 = 0x0609;
/// broadcast_service_group (5.0)
pub const BROADCAST_SERVICE_GROUP: u16 = 0x060A;
/// billing_identification (5.0)
pub const BILLING_IDENTIFICATION: u16 = 0x060B;
/// source_network_id (5.0)
pub const SOURCE_NETWORK_ID: u16 = 0x060D;
/// dest_network_id (5.0)
pub const DEST_NETWORK_ID: u16 = 0x060E;
/// source_node_id (5.0)
pub const SOURCE_NODE_ID: u16 = 0x060F;
/// dest_node_id (5.0)
pub const DEST_NODE_ID: u16 = 0x0610;
/// dest_addr_np_resolution (5.0)
pub const DEST_ADDR_NP_RESOLUTION: u16 = 0x0611;
/// dest_addr_np_information (5.0)
pub const DEST_ADDR_NP_INFORMATION: u16 = 0x0612;
/// dest_addr_np_country (5.0)
pub const DEST_ADDR_NP_COUNTRY: u16 = 0x0613;
/// display_time
pub const DISPLAY_TIME: u16 = 0x1201;
/// sms_signal
pub const SMS_SIGNAL: u16 = 0x1203;
/// ms_validity
pub const MS_VALIDITY: u16 = 0x1204;
/// alert_on_message_delivery: may be empty (S24)
pub const ALERT_ON_MESSAGE_DELIVERY: u16 = 0x130C;
/// its_reply_type
pub const ITS_REPLY_TYPE: u16 = 0x1380;
/// its_session_info
pub const ITS_SESSION_INFO: u16 = 0x1383;

/// Whether 3.4 has this tag in a deliver_sm (§4.6.1): what any client of that version can be expected to know (Q11).
pub const fn in_deliver_sm_3_4(tag: u16) -> bool {
    matches!(
        tag,
        USER_MESSAGE_REFERENCE
            | SOURCE_PORT
            | DESTINATION_PORT
            | SAR_MSG_REF_NUM
            | SAR_TOTAL_SEGMENTS
            | SAR_SEGMENT_SEQNUM
            | USER_RESPONSE_CODE
            | PRIVACY_INDICATOR
            | PAYLOAD_TYPE
            | MESSAGE_PAYLOAD
            | CALLBACK_NUM
            | SOURCE_SUBADDRESS
            | DEST_SUBADDRESS
            | LANGUAGE_INDICATOR
            | ITS_SESSION_INFO
            | NETWORK_ERROR_CODE
            | MESSAGE_STATE
            | RECEIPTED_MESSAGE_ID
    )
}
