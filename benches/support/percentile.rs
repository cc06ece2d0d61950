//! Percentiles of waits.

use std::time::Duration;

/// The value below which `share` of the samples lie.
pub fn percentile(samples: &mut [Duration], share: f64) -> Duration {
    if samples.is_empty() {
        return Duration::ZERO;
    }
    samples.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a few million samples"
    )]
    let index = ((samples.len() - 1) as f64 * share).round() as usize;
    samples[index]
}
