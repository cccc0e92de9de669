//! What becomes of each of the gathered examples: its file's name without `.json`, and the event as
//! [`crate::words::in_words`] says it.

pub type Row = (&'static str, &'static str);

/// What a flow can compare: a text, a tap, a quick reply.
const REPLIES: &[Row] = &[
    ("msg_text__meta-openapi", "text from 16505551234: says Does it come in another color?"),
    ("msg_text__pywa_2", "text from 972544401243: says Hey there! I am using PyWa."),
    ("msg_text+referral__meta-openapi", "text from 16505551234: says Hello! Can I get more info on this?"),
    ("msg_text+referred_product__meta-openapi", "text from 16505551234: says Is this still available?"),
    ("msg_text+forwarded__netflie", "text from 16315551234: says MESSAGE_BODY"),
    ("msg_button__meta-openapi", "button from 16505551234: quick reply Unsubscribe (Unsubscribe)"),
    ("msg_button__pywa_2", "button from US.13491208655302741918, 972987654321: quick reply callback_data (title)"),
    ("msg_button+referral+forwarded__netflie", "button from 16315551234: quick reply No-Button-Payload (No)"),
    ("msg_interactive_button_reply__meta-openapi", "interactive from 16505551234: tap cancel-button (Cancel)"),
    (
        "msg_interactive_list_reply__meta-openapi",
        "interactive from 16505551234: tap priority_express (Priority Mail Express)",
    ),
    (
        "msg_interactive_list_reply__pywa",
        "interactive from US.13491208655302741918, 972987654321: tap callback_data (title)",
    ),
    (
        "msg_interactive_list_reply__pywa_2",
        "interactive from US.13491208655302741918, 972987654321: tap callback_data (title)",
    ),
];

/// A reply as well, with nothing in it that a flow could compare.
const WORDLESS: &[Row] = &[
    ("msg_interactive_nfm_reply__pywa_2", "interactive from US.13491208655302741918, 972987654321: wordless"),
    (
        "msg_interactive_call_permission_reply__pywa_2",
        "interactive from US.13491208655302741918, 972987654321: wordless",
    ),
    ("msg_image__meta-openapi", "image from 16505551234: wordless"),
    ("msg_image__pywa_2", "image from US.13491208655302741918, 972987654321: wordless"),
    ("msg_video__bindambc", "video from 1111111111111: wordless"),
    ("msg_video+forwarded__pywa", "video from US.13491208655302741918, 972987654321: wordless"),
    ("msg_audio__bindambc", "audio from 1111111111111: wordless"),
    ("msg_audio+forwarded__pywa", "audio from US.13491208655302741918, 972987654321: wordless"),
    ("msg_document__bindambc", "document from 1111111111111: wordless"),
    ("msg_sticker__bindambc", "sticker from 1111111111111: wordless"),
    ("msg_sticker__pywa", "sticker from US.13491208655302741918, 972987654321: wordless"),
    ("msg_sticker__pywa_2", "sticker from US.13491208655302741918, 972987654321: wordless"),
    ("msg_location__bindambc", "location from 1111111111111: wordless"),
    ("msg_location__meta-openapi", "location from 16505551234: wordless"),
    ("msg_location+forwarded__pywa", "location from US.13491208655302741918, 972987654321: wordless"),
    ("msg_contacts__bindambc", "contacts from 1111111111111: wordless"),
    ("msg_contacts__meta-openapi", "contacts from 16505551234: wordless"),
    ("msg_contacts__pywa", "contacts from US.13491208655302741918, 972987654321: wordless"),
    ("msg_order__meta-openapi", "order from 16505551234: wordless"),
];

/// Recorded, and moves nothing.
const NO_REPLIES: &[Row] = &[
    ("msg_reaction__meta-openapi", "reaction from 16505551234: no reply"),
    ("msg_reaction__pywa", "reaction from US.13491208655302741918, 972987654321: no reply"),
    ("msg_reaction__pywa_2", "reaction from US.13491208655302741918, 972987654321: no reply"),
    ("msg_reaction__pywa_3", "reaction from US.13491208655302741918, 972987654321: no reply"),
    ("msg_unsupported__meta-openapi", "unsupported from 16505551234: no reply"),
    ("msg_unsupported__pywa", "unsupported from US.13491208655302741918, 972987654321: no reply"),
    ("msg_unsupported__pywa_2", "unsupported from US.13491208655302741918, 972987654321: no reply"),
    ("msg_system_user_changed_number__meta-openapi", "system from 12195555358, before 16505551234: no reply"),
    // The only contact is another phone than the writer's, so its user id is somebody else's.
    ("msg_edit__pywa", "edit from 16505551234: no reply"),
    // A placeholder stands for the writer, but the only contact is a person.
    ("msg_revoke__pywa", "revoke from US.13491208655302741918, 972987654321: no reply"),
];

/// Placeholders such as `PHONE_NUMBER` stand for the writer and for the contact: nobody wrote these. They are kept and
/// counted, as all is that can't be read, and are no errors.
const NOBODY: &[Row] = &[
    ("msg_contacts__netflie", "kept unrecognized messages"),
    ("msg_document__netflie", "kept unrecognized messages"),
    ("msg_interactive_nfm_reply__netflie", "kept unrecognized messages"),
    ("msg_order__netflie", "kept unrecognized messages"),
    ("msg_sticker__netflie", "kept unrecognized messages"),
    ("msg_system_user_changed_number__netflie", "kept unrecognized messages"),
    ("msg_unknown__netflie", "kept unrecognized messages"),
];

/// None carries a tag of ours.
const STATUSES: &[Row] = &[
    ("status_sent__bindambc", "status sent"),
    ("status_delivered__bindambc", "status delivered"),
    ("status_delivered__netflie", "status delivered"),
    ("status_delivered__netflie_2", "status delivered"),
    ("status_read__bindambc", "status read"),
    ("status_read__netflie", "status read"),
    ("status_read__netflie_2", "status read"),
    ("status_failed__bindambc", "status failed 131053"),
];

/// Fields that are none of ours.
const OTHERS: &[Row] = &[
    ("account_review_update__bindambc", "kept other account_review_update"),
    ("account_update__pywa_15", "kept other account_update"),
    ("account_update__pywa_16", "kept other account_update"),
    ("account_update__pywa_2", "kept other account_update"),
    ("account_update__pywa_4", "kept other account_update"),
    ("account_update__pywa_5", "kept other account_update"),
    ("account_update__pywa_6", "kept other account_update"),
    ("account_update__pywa_8", "kept other account_update"),
    ("calls__pywa", "kept other calls"),
    ("calls+status_ringing+tracker__pywa", "kept other calls"),
    ("calls+value_errors__pywa", "kept other calls"),
    ("group_lifecycle_update__meta-openapi", "kept other group_lifecycle_update"),
    ("group_participants_update__meta-openapi", "kept other group_participants_update"),
    ("group_settings_update__meta-openapi", "kept other group_settings_update"),
    ("message_template_components_update__pywa", "kept other message_template_components_update"),
    ("phone_number_name_update__bindambc", "kept other phone_number_name_update"),
    ("phone_number_quality_update__bindambc", "kept other phone_number_quality_update"),
    ("smb_message_echoes__pywa_3", "kept other smb_message_echoes"),
    ("template_category_update__pywa", "kept other template_category_update"),
];

/// All rows.
pub fn rows() -> impl Iterator<Item = Row> {
    [REPLIES, WORDLESS, NO_REPLIES, NOBODY, STATUSES, OTHERS].into_iter().flatten().copied()
}
