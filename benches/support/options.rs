//! The options of a benchmark: numbers by name, `name=number` after `--`.
//!
//! What the benchmark does not know is left alone: `cargo bench` passes words of its own.

/// Puts the numbers that were given in the places of those names.
pub fn read<const N: usize>(mut places: [(&str, &mut u64); N]) {
    for argument in std::env::args().skip(1) {
        let Some((name, value)) = argument.split_once('=') else {
            continue;
        };
        if let Some((_, place)) = places.iter_mut().find(|(known, _)| *known == name) {
            **place = value.parse().expect("a number");
        }
    }
}
