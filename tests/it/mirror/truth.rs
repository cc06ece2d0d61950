//! Comparing the mirror with what really stands in the sandbox, as a campaign does.

use graph_mirror::cli::campaign::differences;
use graph_mirror::mirror::Window;
use graph_mirror::model::time::Clock;
use serde_json::Value;

use super::mailbox::Connected;

impl Connected {
    /// Fails unless the mirror equals the mailbox: folders, messages with bodies and attachments, threads, calendars,
    /// events with every occurrence of the window.
    pub async fn assert_true(&self) {
        let differences = self.differences().await;
        assert!(
            differences.is_empty(),
            "{} differences, the first of them:\n{}",
            differences.len(),
            differences[..differences.len().min(10)].join("\n")
        );
    }

    /// What differs, in words; but for the counts of folders, which nothing announces.
    pub async fn differences(&self) -> Vec<String> {
        let window = Window::at(self.clock.now(), 6, 12);
        let text = self
            .sandbox
            .world()
            .truth(&self.user, Some((window.start, window.end)))
            .expect("the mailbox is known");
        let truth: Value = serde_json::from_str(&text).expect("the truth is JSON");
        let found = differences(&self.store, self.mailbox, &truth)
            .await
            .expect("the database answers");
        let told = found.iter().filter(|one| !one.is_count_of_a_folder());
        told.map(ToString::to_string).collect()
    }
}
