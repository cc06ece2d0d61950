//! The properties of a message as a set, so that choosing among them costs nothing per message.

use std::ops::{BitAnd, BitOr, BitOrAssign};

use crate::sandbox::error::GraphFault;

/// A set of properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields(u64);

impl Fields {
    /// None.
    pub const NONE: Self = Self(0);

    const fn at(bit: u32) -> Self {
        Self(1 << bit)
    }

    /// `createdDateTime`
    pub const CREATED: Self = Self::at(0);
    /// `lastModifiedDateTime`
    pub const MODIFIED: Self = Self::at(1);
    /// `changeKey`
    pub const CHANGE_KEY: Self = Self::at(2);
    /// `categories`
    pub const CATEGORIES: Self = Self::at(3);
    /// `receivedDateTime`
    pub const RECEIVED: Self = Self::at(4);
    /// `sentDateTime`
    pub const SENT: Self = Self::at(5);
    /// `hasAttachments`
    pub const HAS_ATTACHMENTS: Self = Self::at(6);
    /// `internetMessageId`
    pub const INTERNET_MESSAGE_ID: Self = Self::at(7);
    /// `subject`
    pub const SUBJECT: Self = Self::at(8);
    /// `bodyPreview`
    pub const BODY_PREVIEW: Self = Self::at(9);
    /// `importance`
    pub const IMPORTANCE: Self = Self::at(10);
    /// `parentFolderId`
    pub const PARENT_FOLDER: Self = Self::at(11);
    /// `conversationId`
    pub const CONVERSATION: Self = Self::at(12);
    /// `conversationIndex`
    pub const CONVERSATION_INDEX: Self = Self::at(13);
    /// `isDeliveryReceiptRequested`
    pub const DELIVERY_RECEIPT: Self = Self::at(14);
    /// `isReadReceiptRequested`
    pub const READ_RECEIPT: Self = Self::at(15);
    /// `isRead`
    pub const IS_READ: Self = Self::at(16);
    /// `isDraft`
    pub const IS_DRAFT: Self = Self::at(17);
    /// `webLink`
    pub const WEB_LINK: Self = Self::at(18);
    /// `inferenceClassification`
    pub const CLASSIFICATION: Self = Self::at(19);
    /// `body`
    pub const BODY: Self = Self::at(20);
    /// `sender`
    pub const SENDER: Self = Self::at(21);
    /// `from`
    pub const FROM: Self = Self::at(22);
    /// `toRecipients`
    pub const TO: Self = Self::at(23);
    /// `ccRecipients`
    pub const CC: Self = Self::at(24);
    /// `bccRecipients`
    pub const BCC: Self = Self::at(25);
    /// `replyTo`
    pub const REPLY_TO: Self = Self::at(26);
    /// `flag`
    pub const FLAG: Self = Self::at(27);
    /// What meeting mail adds.
    pub const MEETING: Self = Self::at(28);
    /// `internetMessageHeaders`; only when selected (F5.5).
    pub const HEADERS: Self = Self::at(29);
    /// `uniqueBody`; only when selected (F5.5).
    pub const UNIQUE_BODY: Self = Self::at(30);
    /// The attachments themselves; seen by whoever expands them.
    pub const ATTACHMENTS: Self = Self::at(31);
    /// Extended properties; seen by whoever expands them.
    pub const EXTENDED: Self = Self::at(32);

    /// What moves with every change, whatever else it is.
    pub const VERSION: Self = Self(Self::CHANGE_KEY.0 | Self::MODIFIED.0);

    /// What comes without `$select`.
    pub const DEFAULT: Self = Self((1 << 29) - 1);
    /// Everything there is.
    pub const ALL: Self = Self(u64::MAX);

    /// Whether one of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in it and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Reads `$select`; nothing selected is the default. An unknown name is 400.
    pub fn selected(names: &[String]) -> Result<Self, GraphFault> {
        if names.is_empty() {
            return Ok(Self::DEFAULT);
        }
        let mut fields = Self::NONE;
        for name in names {
            fields |= Self::named(name)?;
        }
        Ok(fields)
    }

    fn named(name: &str) -> Result<Self, GraphFault> {
        // A property of a derived type is named with the type before it.
        let bare = name.rsplit('/').next().unwrap_or(name);
        let lower = bare.to_ascii_lowercase();
        if lower == "id" || lower == "*" {
            return Ok(if lower == "*" {
                Self::DEFAULT
            } else {
                Self::NONE
            });
        }
        NAMES
            .iter()
            .find(|(known, _)| *known == lower)
            .map(|(_, field)| *field)
            .ok_or_else(|| {
                GraphFault::bad_request(
                    "RequestBroker--ParseUri",
                    format!(
                        "Could not find a property named '{bare}' on type 'Microsoft.OutlookServices.Message'."
                    ),
                )
            })
    }
}

impl BitOr for Fields {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Fields {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Fields {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// In lower case, because Graph takes any.
const NAMES: &[(&str, Fields)] = &[
    ("createddatetime", Fields::CREATED),
    ("lastmodifieddatetime", Fields::MODIFIED),
    ("changekey", Fields::CHANGE_KEY),
    ("categories", Fields::CATEGORIES),
    ("receiveddatetime", Fields::RECEIVED),
    ("sentdatetime", Fields::SENT),
    ("hasattachments", Fields::HAS_ATTACHMENTS),
    ("internetmessageid", Fields::INTERNET_MESSAGE_ID),
    ("subject", Fields::SUBJECT),
    ("bodypreview", Fields::BODY_PREVIEW),
    ("importance", Fields::IMPORTANCE),
    ("parentfolderid", Fields::PARENT_FOLDER),
    ("conversationid", Fields::CONVERSATION),
    ("conversationindex", Fields::CONVERSATION_INDEX),
    ("isdeliveryreceiptrequested", Fields::DELIVERY_RECEIPT),
    ("isreadreceiptrequested", Fields::READ_RECEIPT),
    ("isread", Fields::IS_READ),
    ("isdraft", Fields::IS_DRAFT),
    ("weblink", Fields::WEB_LINK),
    ("inferenceclassification", Fields::CLASSIFICATION),
    ("body", Fields::BODY),
    ("sender", Fields::SENDER),
    ("from", Fields::FROM),
    ("torecipients", Fields::TO),
    ("ccrecipients", Fields::CC),
    ("bccrecipients", Fields::BCC),
    ("replyto", Fields::REPLY_TO),
    ("flag", Fields::FLAG),
    ("internetmessageheaders", Fields::HEADERS),
    ("uniquebody", Fields::UNIQUE_BODY),
    ("meetingmessagetype", Fields::MEETING),
    ("startdatetime", Fields::MEETING),
    ("enddatetime", Fields::MEETING),
    ("location", Fields::MEETING),
    ("recurrence", Fields::MEETING),
    ("isoutofdate", Fields::MEETING),
    ("isallday", Fields::MEETING),
    ("isdelegated", Fields::MEETING),
    ("type", Fields::MEETING),
    ("event", Fields::MEETING),
    ("meetingrequesttype", Fields::MEETING),
    ("responserequested", Fields::MEETING),
    ("allownewtimeproposals", Fields::MEETING),
];
