//! How many items a page is asked for.
//!
//! The more items a page brings, the fewer requests a mailbox costs, until pages with whole bodies get so large that Graph
//! takes seconds over them or gives up (F3.14). Nobody knows that point beforehand, so it is found: the size doubles as
//! long as that makes the walk faster, and is halved when a page was refused, slow or huge (M48). Pure.

use std::time::Duration;

/// Never fewer (facts §6e).
pub const SMALLEST: u32 = 10;
/// Graph takes no more for a delta (F4.4).
pub const LARGEST: u32 = 500;
/// A page that takes longer is too large.
const SLOW: Duration = Duration::from_secs(5);
/// A page of more bytes is too large.
const HUGE: usize = 8 << 20;
/// A larger page must be this much faster per item to be worth it.
const GAIN: f64 = 1.2;

/// The pace of one walk.
#[derive(Debug, Clone)]
pub struct Pace {
    size: u32,
    largest: u32,
    best: Option<f64>,
    grows: bool,
}

impl Pace {
    /// Starts from the size that the cursor kept; never asks for more than `largest`.
    pub fn from_size(size: i64, largest: u32) -> Self {
        let largest = largest.clamp(1, LARGEST);
        let size = u32::try_from(size).unwrap_or(SMALLEST);
        Self {
            size: size.clamp(SMALLEST.min(largest), largest),
            largest,
            best: None,
            grows: true,
        }
    }

    /// How many to ask for now.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// A page has come.
    pub fn page(&mut self, items: usize, bytes: usize, took: Duration) {
        if took > SLOW || bytes > HUGE {
            self.refused();
            return;
        }
        let asked = self.size as usize;
        if items < asked {
            // The server gives fewer than asked, or there were no more: asking for more tells nothing.
            return;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a page has at most some hundred items"
        )]
        let rate = items as f64 / took.as_secs_f64().max(1e-6);
        let gained = self.best.is_none_or(|best| rate > best * GAIN);
        self.best = Some(self.best.map_or(rate, |best| best.max(rate)));
        self.grows &= gained;
        // A page whose double might be huge stays as it is.
        if self.grows && bytes < HUGE / 3 && took < SLOW / 3 {
            self.size = (self.size * 2).min(self.largest);
        }
    }

    /// A page was refused for its size, or took too long.
    pub fn refused(&mut self) {
        self.size = (self.size / 2).max(SMALLEST).min(self.largest);
        self.best = None;
        self.grows = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(200);

    #[test]
    fn pages_grow_while_that_makes_the_walk_faster() {
        let mut pace = Pace::from_size(100, LARGEST);

        pace.page(100, 600_000, FAST);
        assert_eq!(pace.size(), 200);
        pace.page(200, 1_200_000, FAST);
        assert_eq!(pace.size(), 400);
        // Twice the time for twice the items: no gain, so it stays.
        pace.page(400, 2_400_000, FAST * 2);
        assert_eq!(pace.size(), 400);
        pace.page(400, 2_400_000, FAST);
        assert_eq!(pace.size(), 400);
    }

    #[test]
    fn a_server_that_gives_less_than_asked_does_not_make_them_grow() {
        let mut pace = Pace::from_size(100, LARGEST);

        for _ in 0..10 {
            pace.page(2, 10_000, FAST);
        }

        assert_eq!(pace.size(), 100);
    }

    #[test]
    fn refused_slow_and_huge_pages_halve_the_size_down_to_ten() {
        // F3.14, M48
        let mut pace = Pace::from_size(100, LARGEST);
        pace.refused();
        assert_eq!(pace.size(), 50);
        pace.page(50, 9 << 20, FAST);
        assert_eq!(pace.size(), 25);
        pace.page(25, 1000, Duration::from_secs(6));
        pace.refused();
        pace.refused();
        assert_eq!(pace.size(), SMALLEST);
    }

    #[test]
    fn a_kept_size_out_of_bounds_is_brought_into_them() {
        assert_eq!(Pace::from_size(0, LARGEST).size(), SMALLEST);
        assert_eq!(Pace::from_size(-7, LARGEST).size(), SMALLEST);
        assert_eq!(Pace::from_size(i64::MAX, LARGEST).size(), SMALLEST);
        assert_eq!(Pace::from_size(100_000, LARGEST).size(), LARGEST);
    }

    #[test]
    fn a_largest_size_is_kept_even_below_the_smallest() {
        let mut pace = Pace::from_size(100, 2);
        assert_eq!(pace.size(), 2);
        pace.page(2, 100, FAST);
        assert_eq!(pace.size(), 2);
        pace.refused();
        assert_eq!(pace.size(), 2);
        assert_eq!(Pace::from_size(100, 0).size(), 1);
    }
}
