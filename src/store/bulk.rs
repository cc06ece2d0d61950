//! Many rows in one statement.
//!
//! Statements come in a few fixed sizes, so that few of them are ever prepared: either the work is cut into chunks of
//! these sizes, or a list is filled up to the next of them with values that select nothing more, or it is one array.

use std::fmt::Write as _;
use std::ops::Range;

use super::codec::Value;
use super::pool::Backend;

/// The sizes of chunks of wide rows, such as messages.
pub(super) const WIDE: &[usize] = &[64, 16, 4, 1];

/// The sizes of chunks of narrow rows, such as entries of the feed.
pub(super) const NARROW: &[usize] = &[256, 128, 64, 16, 4, 1];

/// The lengths of filled-up lists.
const LISTS: &[usize] = &[1, 4, 20, 64, 256, 1_000];

/// Cuts `0..length` into ranges of the given sizes, the largest first.
pub(super) fn chunks(length: usize, sizes: &[usize]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for &size in sizes {
        while size > 0 && length - start >= size {
            ranges.push(start..start + size);
            start += size;
        }
    }
    ranges
}

/// Rows of placeholders for a statement that has no others: `($1, $2), ($3, $4)`.
///
/// On SQLite they have no numbers: a numbered one is a name there, and names are looked up one after the other, for each
/// of the thousands of values of a chunk.
pub(super) fn rows(backend: Backend, count: usize, columns: usize) -> String {
    let mut text = String::with_capacity(count * (columns * 7 + 4));
    for row in 0..count {
        if row > 0 {
            text.push_str(", ");
        }
        text.push('(');
        for column in 0..columns {
            if column > 0 {
                text.push_str(", ");
            }
            match backend {
                Backend::Sqlite => text.push('?'),
                Backend::Postgres => {
                    let _ = write!(text, "${}", row * columns + column + 1);
                }
            }
        }
        text.push(')');
    }
    text
}

/// `($3, $4, $5)`
fn numbered(count: usize, first: usize) -> String {
    let mut text = String::with_capacity(count * 6 + 2);
    text.push('(');
    for number in 0..count {
        if number > 0 {
            text.push_str(", ");
        }
        let _ = write!(text, "${}", first + number);
    }
    text.push(')');
    text
}

/// A list for `IN`, of ids: its placeholders from `$first` on, and its values. There must be a value, and no more than
/// [`LIST_AT_MOST`].
///
/// SQLite takes the whole of it as one JSON array. On PostgreSQL it is filled up to a fixed length by repeating the last.
pub(super) fn list<'q, T: Into<Value<'q>>>(
    backend: Backend,
    values: impl IntoIterator<Item = T>,
    first: usize,
) -> (String, Vec<Value<'q>>) {
    let mut values = values.into_iter().map(Into::into).collect::<Vec<_>>();
    if backend == Backend::Sqlite {
        let ids = values
            .iter()
            .filter_map(Value::id)
            .collect::<serde_json::Value>();
        return (
            format!("(SELECT value FROM json_each(${first}))"),
            vec![Value::json(ids.to_string())],
        );
    }
    let length = filled_up(values.len());
    if let Some(last) = values.last().cloned() {
        values.resize(length.max(values.len()), last);
    }
    (numbered(values.len(), first), values)
}

/// The longest list.
pub(super) const LIST_AT_MOST: usize = 1_000;

/// The next fixed length.
pub(super) fn filled_up(length: usize) -> usize {
    LISTS
        .iter()
        .copied()
        .find(|&size| size >= length)
        .unwrap_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_once_and_in_order() {
        for length in [0, 1, 3, 4, 63, 64, 65, 147, 1_000] {
            let covered = chunks(length, WIDE)
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();

            assert_eq!(covered, (0..length).collect::<Vec<_>>(), "{length}");
        }
    }

    #[test]
    fn placeholders_count_on_from_the_first() {
        assert_eq!(rows(Backend::Postgres, 2, 2), "($1, $2), ($3, $4)");
        assert_eq!(rows(Backend::Sqlite, 2, 2), "(?, ?), (?, ?)");
        assert_eq!(numbered(2, 3), "($3, $4)");
    }

    #[test]
    fn a_list_is_one_array_on_sqlite() {
        let (text, values) = list(Backend::Sqlite, ["a", "b\""], 2);

        assert_eq!(text, "(SELECT value FROM json_each($2))");
        assert!(matches!(&values[..], [Value::Json(Some(text))] if text == r#"["a","b\""]"#));
    }

    #[test]
    fn a_list_is_filled_up_with_its_last_value_on_postgres() {
        let (text, values) = list(Backend::Postgres, ["a", "b"], 2);

        assert_eq!(text, "($2, $3, $4, $5)");
        assert_eq!(values.len(), 4);
        assert!(matches!(&values[3], Value::Text(Some(text)) if text == "b"));
    }
}
