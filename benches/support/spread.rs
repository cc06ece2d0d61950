//! A figure with its spread over the rounds.
//!
//! Machines are shared and disks are noisy: every round runs every variant once, a ratio is taken within its round, and what is
//! printed is the median of the ratios with the smallest and largest beside it.

/// The median of some figures, with the smallest and the largest.
pub fn spread(figures: &[f64]) -> (f64, f64, f64) {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    (
        middle,
        sorted.first().copied().unwrap_or(f64::NAN),
        sorted.last().copied().unwrap_or(f64::NAN),
    )
}

/// `12,345 (11,000..13,000)`.
pub fn show(figures: &[f64], decimals: usize) -> String {
    let (middle, least, most) = spread(figures);
    format!("{middle:.decimals$} ({least:.decimals$}..{most:.decimals$})")
}
