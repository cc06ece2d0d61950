//! Makes a failing script as small as it gets, within a number of tries.
//!
//! Steps are left out in ever smaller pieces as long as what is left still fails. Which difference it shows does not matter: the
//! smallest script that fails tells more than a larger one that fails alike.

use super::script::Script;

/// A smaller script that fails too, found in at most `tries` runs of `fails`.
pub(super) fn shrink(
    script: &Script,
    mut tries: usize,
    mut fails: impl FnMut(&Script) -> bool,
) -> Script {
    let mut smallest = script.clone();
    let mut pieces = 2;
    while smallest.steps.len() > 1 && tries > 0 {
        let size = smallest.steps.len().div_ceil(pieces);
        let mut is_smaller = false;
        let mut from = 0;
        while from < smallest.steps.len() && tries > 0 {
            let mut candidate = smallest.clone();
            let to = (from + size).min(candidate.steps.len());
            candidate.steps.drain(from..to);
            tries -= 1;
            if fails(&candidate) {
                smallest = candidate;
                is_smaller = true;
            } else {
                from = to;
            }
        }
        if size == 1 && !is_smaller {
            break;
        }
        pieces = if is_smaller {
            pieces.max(2)
        } else {
            pieces * 2
        };
        pieces = pieces.min(smallest.steps.len().max(1));
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::campaign::faults::Fault;
    use crate::cli::campaign::script::{Act, script};

    fn times(script: &Script) -> Vec<u64> {
        script.steps.iter().map(|step| step.at_ms).collect()
    }

    #[test]
    fn what_does_not_matter_is_left_out() {
        let mut long = script(1, Fault::ALL, false);
        for (nth, step) in (0..).zip(&mut long.steps) {
            step.at_ms = nth;
            step.act = Act::LapseTokens;
        }

        let short = shrink(&long, 200, |script| {
            let times = times(script);
            times.contains(&3) && times.contains(&7)
        });

        assert_eq!(times(&short), [3, 7]);
    }

    #[test]
    fn there_is_an_end_to_trying() {
        let long = script(1, Fault::ALL, false);
        let mut tries = 0;

        let short = shrink(&long, 5, |_| {
            tries += 1;
            false
        });

        assert_eq!(tries, 5);
        assert_eq!(short, long);
    }
}
