//! The suite is whole: every public method of the store is called by it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_public_method_of_the_store_is_exercised_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let suite = texts(&root.join("tests/it/store")).concat()
        + &texts(&root.join("tests/it/support")).concat();

    let missing = texts(&root.join("src/store"))
        .iter()
        .flat_map(|text| methods(text))
        .filter(|method| {
            !suite.contains(&format!(".{method}(")) && !suite.contains(&format!("::{method}("))
        })
        .collect::<BTreeSet<_>>();

    assert!(missing.is_empty(), "{missing:?}");
}

fn texts(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a text"))
        .collect()
}

fn methods(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let rest = line
                .strip_prefix("pub async fn ")
                .or_else(|| line.strip_prefix("pub fn "))?;
            rest.split(['(', '<']).next().map(str::to_owned)
        })
        .collect()
}
