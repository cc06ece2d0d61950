//! Everything a mirror of this mail should hold (S72).

use super::MailState;
use super::folder_view::{FolderView, push_folder};
use super::render::{MessageView, push_message};
use crate::sandbox::json::{Object, push_list};

impl MailState {
    /// Appends `"folders":[…],"messages":[…]` to an object: every folder but the root, hidden ones
    /// and search folders too, and every message with its body, immutable ids and the metadata of
    /// its attachments.
    pub fn write_truth(&self, object: &mut Object<'_>) {
        let folders = FolderView::default().typed();
        let all = self.folder_keys().filter_map(|key| self.folder(key));
        push_list(object.key("folders"), all, |out, folder| {
            push_folder(out, self, folder, &folders);
        });
        let messages = MessageView::truth();
        let all = self
            .newest_first()
            .iter()
            .filter_map(|(_, key)| self.message(*key));
        push_list(object.key("messages"), all, |out, message| {
            push_message(out, self, message, &messages);
        });
    }
}
