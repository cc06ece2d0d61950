//! The properties of a folder as a set, and when each of them last changed, so that a round shows a
//! folder only for what was asked for (F6.16, S34).

use std::ops::{BitOr, BitOrAssign};

use crate::sandbox::error::GraphFault;

/// A set of properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderFields(u16);

impl FolderFields {
    /// None.
    pub const NONE: Self = Self(0);

    const fn at(bit: u16) -> Self {
        Self(1 << bit)
    }

    /// `displayName`
    pub const DISPLAY_NAME: Self = Self::at(0);
    /// `parentFolderId`
    pub const PARENT: Self = Self::at(1);
    /// `childFolderCount`
    pub const CHILD_COUNT: Self = Self::at(2);
    /// `unreadItemCount`
    pub const UNREAD_COUNT: Self = Self::at(3);
    /// `totalItemCount`
    pub const TOTAL_COUNT: Self = Self::at(4);
    /// `sizeInBytes`
    pub const SIZE: Self = Self::at(5);
    /// `isHidden`
    pub const IS_HIDDEN: Self = Self::at(6);
    /// `isSupported`, of search folders.
    pub const IS_SUPPORTED: Self = Self::at(7);
    /// `includeNestedFolders`, of search folders.
    pub const INCLUDE_NESTED: Self = Self::at(8);
    /// `sourceFolderIds`, of search folders.
    pub const SOURCES: Self = Self::at(9);
    /// `filterQuery`, of search folders.
    pub const FILTER_QUERY: Self = Self::at(10);

    const COUNT: usize = 11;

    /// What comes without `$select`.
    pub const ALL: Self = Self((1 << Self::COUNT) - 1);

    /// Whether one of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Reads `$select`; nothing selected is everything. An unknown name is 400.
    pub fn selected(names: &[String]) -> Result<Self, GraphFault> {
        if names.is_empty() {
            return Ok(Self::ALL);
        }
        let mut fields = Self::NONE;
        for name in names {
            // A property of a derived type is named with the type before it.
            let bare = name.rsplit('/').next().unwrap_or(name);
            fields |= match bare.to_ascii_lowercase().as_str() {
                "id" => Self::NONE,
                "*" => Self::ALL,
                "displayname" => Self::DISPLAY_NAME,
                "parentfolderid" => Self::PARENT,
                "childfoldercount" => Self::CHILD_COUNT,
                "unreaditemcount" => Self::UNREAD_COUNT,
                "totalitemcount" => Self::TOTAL_COUNT,
                "sizeinbytes" => Self::SIZE,
                "ishidden" => Self::IS_HIDDEN,
                "issupported" => Self::IS_SUPPORTED,
                "includenestedfolders" => Self::INCLUDE_NESTED,
                "sourcefolderids" => Self::SOURCES,
                "filterquery" => Self::FILTER_QUERY,
                _ => {
                    return Err(GraphFault::bad_request(
                        "RequestBroker--ParseUri",
                        format!(
                            "Could not find a property named '{bare}' on type 'Microsoft.OutlookServices.MailFolder'."
                        ),
                    ));
                }
            };
        }
        Ok(fields)
    }
}

impl BitOr for FolderFields {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for FolderFields {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// When a folder was made and when each of its properties last changed, in the mailbox's sequence.
#[derive(Debug, Clone, Copy, Default)]
pub struct LastChanges {
    made: u64,
    fields: [u64; FolderFields::COUNT],
}

impl LastChanges {
    /// The folder is new.
    pub fn made(&mut self, sequence: u64) {
        self.made = sequence;
    }

    /// These properties have changed.
    pub fn note(&mut self, changed: FolderFields, sequence: u64) {
        for (bit, last) in (0..).zip(&mut self.fields) {
            if changed.has(FolderFields::at(bit)) {
                *last = sequence;
            }
        }
    }

    /// Whether someone who asked for `wanted` has not seen the folder as it is since `sequence`.
    pub fn shows_since(&self, wanted: FolderFields, sequence: u64) -> bool {
        let mut fields = (0..).zip(&self.fields);
        self.made > sequence
            || fields.any(|(bit, last)| wanted.has(FolderFields::at(bit)) && *last > sequence)
    }
}
