//! How values stand in the two databases.
//!
//! PostgreSQL has types of its own for what SQLite keeps as text: a uuid is 36 characters there, an
//! instant is UTC text with exactly six decimals (so that text order is time order), JSON is text, a claim is 0 or 1.
//! Characters that PostgreSQL cannot hold (U+0000, half surrogates in JSON) become U+FFFD in both, so that no foreign
//! text makes a row unwritable and both hold the same.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Timelike, Utc};
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Decode, Encode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

use super::error::StoreError;
use crate::model::blob::Digest;
use crate::model::ids::SubscriptionKey;
use crate::model::ids::{
    ApiKeyId, CommandId, GraphId, LeaseToken, MailboxId, Owner, TraceId, UploadId,
};
use crate::model::time::Timestamp;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A value on its way into the database. `None` is NULL of that type.
#[derive(Debug, Clone)]
pub(crate) enum Value<'q> {
    Uuid(Option<Uuid>),
    Text(Option<Cow<'q, str>>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Time(Option<Timestamp>),
    Date(Option<NaiveDate>),
    Json(Option<Cow<'q, str>>),
    Bytes(Option<Cow<'q, [u8]>>),
    /// Arrays exist on PostgreSQL only.
    Uuids(Vec<Uuid>),
    Texts(Vec<Cow<'q, str>>),
    Times(Vec<Timestamp>),
    Ints(Vec<i64>),
}

impl<'q> Value<'q> {
    /// JSON text.
    pub(crate) fn json(text: impl Into<Cow<'q, str>>) -> Self {
        Self::Json(Some(text.into()))
    }

    /// The text of an id, as SQLite keeps it; none for what is no id.
    pub(crate) fn id(&self) -> Option<String> {
        match self {
            Self::Uuid(value) => value.map(|id| id.to_string()),
            Self::Text(value) => value
                .as_ref()
                .map(|text| clean(Cow::Borrowed(text)).into_owned()),
            _ => None,
        }
    }

    pub(crate) fn add_postgres(self, to: &mut PgArguments) -> Result<(), Fault> {
        match self {
            Self::Uuid(value) => to.add(value),
            Self::Text(value) => to.add(value.map(clean)),
            Self::Int(value) => to.add(value),
            Self::Bool(value) => to.add(value),
            Self::Time(value) => to.add(value.map(bounded)),
            Self::Date(value) => to.add(value),
            Self::Json(value) => to.add(value.map(|text| JsonText(clean_json(text)))),
            Self::Bytes(value) => to.add(value.map(Cow::into_owned)),
            Self::Uuids(values) => to.add(values),
            Self::Texts(values) => to.add(values.into_iter().map(clean).collect::<Vec<_>>()),
            Self::Times(values) => to.add(values.into_iter().map(bounded).collect::<Vec<_>>()),
            Self::Ints(values) => to.add(values),
        }
    }

    pub(crate) fn add_sqlite(self, to: &mut SqliteArguments<'q>) -> Result<(), Fault> {
        match self {
            Self::Uuid(value) => to.add(value.map(|id| id.to_string())),
            Self::Text(value) => to.add(value.map(clean)),
            Self::Int(value) => to.add(value),
            Self::Bool(value) => to.add(value.map(i64::from)),
            Self::Time(value) => to.add(value.map(instant_text)),
            Self::Date(value) => to.add(value.map(|date| date.to_string())),
            Self::Json(value) => to.add(value.map(clean_json)),
            Self::Bytes(value) => to.add(value.map(Cow::into_owned)),
            Self::Uuids(_) | Self::Texts(_) | Self::Times(_) | Self::Ints(_) => {
                Err("SQLite has no arrays".into())
            }
        }
    }
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $made:expr;)*) => {$(
        impl<'q> From<$type> for Value<'q> {
            fn from($value: $type) -> Self {
                $made
            }
        }
    )*};
}

value_from! {
    Uuid => |value| Value::Uuid(Some(value));
    Option<Uuid> => |value| Value::Uuid(value);
    MailboxId => |value| Value::Uuid(Some(value.0));
    SubscriptionKey => |value| Value::Uuid(Some(value.0));
    LeaseToken => |value| Value::Uuid(Some(value.0));
    CommandId => |value| Value::Uuid(Some(value.0));
    ApiKeyId => |value| Value::Uuid(Some(value.0));
    UploadId => |value| Value::Uuid(Some(value.0));
    Digest => |value| Value::Text(Some(Cow::Owned(value.to_string())));
    Option<Digest> => |value| Value::Text(value.map(|digest| Cow::Owned(digest.to_string())));
    Option<TraceId> => |value| Value::Uuid(value.map(TraceId::uuid));
    &'q str => |value| Value::Text(Some(Cow::Borrowed(value)));
    String => |value| Value::Text(Some(Cow::Owned(value)));
    &'q String => |value| Value::Text(Some(Cow::Borrowed(value)));
    Option<&'q str> => |value| Value::Text(value.map(Cow::Borrowed));
    Option<String> => |value| Value::Text(value.map(Cow::Owned));
    &'q Option<String> => |value| Value::Text(value.as_deref().map(Cow::Borrowed));
    &'q GraphId => |value| Value::Text(Some(Cow::Borrowed(value.as_str())));
    Option<&'q GraphId> => |value| Value::Text(value.map(|id| Cow::Borrowed(id.as_str())));
    &'q Option<GraphId> => |value| Value::from(value.as_ref());
    &'q Owner => |value| Value::Text(Some(Cow::Borrowed(value.as_str())));
    i64 => |value| Value::Int(Some(value));
    Option<i64> => |value| Value::Int(value);
    bool => |value| Value::Bool(Some(value));
    Option<bool> => |value| Value::Bool(value);
    Timestamp => |value| Value::Time(Some(value));
    Option<Timestamp> => |value| Value::Time(value);
    Option<NaiveDate> => |value| Value::Date(value);
    Vec<u8> => |value| Value::Bytes(Some(Cow::Owned(value)));
}

/// Text without U+0000, which PostgreSQL cannot hold.
fn clean(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        text
    }
}

/// JSON text that jsonb takes: an escaped U+0000 or a half surrogate becomes U+FFFD.
pub(crate) fn clean_json(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains("\\u0000") && !text.contains("\\ud") && !text.contains("\\uD") {
        return text;
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        cleaned.push_str(before);
        let Some(unit) = unit_of(escape) else {
            // Another escape: two characters, the second of which may be a backslash.
            let length = escape.chars().take(2).map(char::len_utf8).sum();
            let (taken, after) = escape.split_at(length);
            cleaned.push_str(taken);
            rest = after;
            continue;
        };
        let (taken, after) = escape.split_at(ESCAPE);
        let low = unit_of(after).filter(|low| (0xdc00..0xe000).contains(low));
        match (unit, low) {
            (0xd800..0xdc00, Some(_)) => {
                let (second, after) = after.split_at(ESCAPE);
                cleaned.push_str(taken);
                cleaned.push_str(second);
                rest = after;
            }
            (0 | 0xd800..0xe000, _) => {
                cleaned.push_str("\\ufffd");
                rest = after;
            }
            _ => {
                cleaned.push_str(taken);
                rest = after;
            }
        }
    }
    cleaned.push_str(rest);
    Cow::Owned(cleaned)
}

/// Length of `\uXXXX`.
const ESCAPE: usize = 6;

/// The code unit of the `\uXXXX` that `text` begins with.
fn unit_of(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

/// An instant that both databases and the text order can hold: the years 1 to 9999.
fn bounded(instant: Timestamp) -> Timestamp {
    match instant.year() {
        ..1 => first_instant(),
        10_000.. => last_instant(),
        _ => instant,
    }
}

fn first_instant() -> Timestamp {
    Utc.with_ymd_and_hms(1, 1, 1, 0, 0, 0)
        .single()
        .expect("the first day of the year 1 exists")
}

fn last_instant() -> Timestamp {
    Utc.with_ymd_and_hms(9999, 12, 31, 23, 59, 59)
        .single()
        .expect("the last day of the year 9999 exists")
}

/// `2026-01-31T12:00:00.000000Z`, written by hand because chrono's formatter showed in the profile of a backfill.
fn instant_text(instant: Timestamp) -> String {
    let instant = bounded(instant);
    let mut text = String::with_capacity(27);
    push_digits(&mut text, instant.year().unsigned_abs(), 4);
    text.push('-');
    push_digits(&mut text, instant.month(), 2);
    text.push('-');
    push_digits(&mut text, instant.day(), 2);
    text.push('T');
    push_digits(&mut text, instant.hour(), 2);
    text.push(':');
    push_digits(&mut text, instant.minute(), 2);
    text.push(':');
    push_digits(&mut text, instant.second(), 2);
    text.push('.');
    // A leap second has more than 999,999 of them.
    push_digits(&mut text, (instant.nanosecond() / 1_000).min(999_999), 6);
    text.push('Z');
    text
}

fn push_digits(text: &mut String, number: u32, width: u32) {
    for position in (0..width).rev() {
        let digit = number / 10_u32.pow(position) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// JSON that stands in PostgreSQL as jsonb and is text here: parsed by whoever wants to know what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonText<'a>(pub(crate) Cow<'a, str>);

impl Type<Postgres> for JsonText<'_> {
    fn type_info() -> PgTypeInfo {
        <sqlx::types::Json<()> as Type<Postgres>>::type_info()
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        <sqlx::types::Json<()> as Type<Postgres>>::compatible(ty)
    }
}

impl Encode<'_, Postgres> for JsonText<'_> {
    fn encode_by_ref(
        &self,
        buffer: &mut PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        // The binary form of jsonb is a version byte before the text.
        buffer.push(1);
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(sqlx::encode::IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for JsonText<'static> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        let bytes = value.as_bytes()?;
        let text = bytes.strip_prefix(&[1]).unwrap_or(bytes);
        Ok(Self(Cow::Owned(std::str::from_utf8(text)?.to_owned())))
    }
}

/// A row of either database.
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl Row {
    /// The value of a column that is never NULL.
    pub(crate) fn get<T: Column>(&self, column: &str) -> Result<T, StoreError> {
        self.find::<T>(column)?
            .ok_or_else(|| StoreError::Unreadable {
                column: column.to_owned(),
                source: "it is NULL".into(),
            })
    }

    /// The value of a column that may be NULL.
    pub(crate) fn find<T: Column>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let read = match self {
            Self::Postgres(row) => row
                .try_get::<Option<T::Postgres>, _>(column)
                .map_err(Fault::from)
                .and_then(|value| value.map(T::from_postgres).transpose()),
            Self::Sqlite(row) => row
                .try_get::<Option<T::Sqlite>, _>(column)
                .map_err(Fault::from)
                .and_then(|value| value.map(T::from_sqlite).transpose()),
        };
        read.map_err(|source| StoreError::Unreadable {
            column: column.to_owned(),
            source,
        })
    }
}

/// Something that stands in a column.
pub(crate) trait Column: Sized {
    /// What PostgreSQL gives for it.
    type Postgres: for<'r> Decode<'r, Postgres> + Type<Postgres>;
    /// What SQLite gives for it.
    type Sqlite: for<'r> Decode<'r, Sqlite> + Type<Sqlite>;

    fn from_postgres(value: Self::Postgres) -> Result<Self, Fault>;
    fn from_sqlite(value: Self::Sqlite) -> Result<Self, Fault>;
}

macro_rules! column {
    ($($type:ty: $pg:ty, $lite:ty, |$p:ident| $from_pg:expr, |$l:ident| $from_lite:expr;)*) => {$(
        impl Column for $type {
            type Postgres = $pg;
            type Sqlite = $lite;

            fn from_postgres($p: $pg) -> Result<Self, Fault> {
                Ok($from_pg)
            }

            fn from_sqlite($l: $lite) -> Result<Self, Fault> {
                Ok($from_lite)
            }
        }
    )*};
}

column! {
    Uuid: Uuid, String, |value| value, |value| Uuid::parse_str(&value)?;
    MailboxId: Uuid, String, |value| MailboxId(value), |value| MailboxId(Uuid::parse_str(&value)?);
    SubscriptionKey: Uuid, String, |value| SubscriptionKey(value), |value| SubscriptionKey(Uuid::parse_str(&value)?);
    LeaseToken: Uuid, String, |value| LeaseToken(value), |value| LeaseToken(Uuid::parse_str(&value)?);
    CommandId: Uuid, String, |value| CommandId(value), |value| CommandId(Uuid::parse_str(&value)?);
    ApiKeyId: Uuid, String, |value| ApiKeyId(value), |value| ApiKeyId(Uuid::parse_str(&value)?);
    UploadId: Uuid, String, |value| UploadId(value), |value| UploadId(Uuid::parse_str(&value)?);
    Digest: String, String, |value| value.parse()?, |value| value.parse()?;
    String: String, String, |value| value, |value| value;
    GraphId: String, String, |value| GraphId(value), |value| GraphId(value);
    Owner: String, String, |value| Owner(value), |value| Owner(value);
    i64: i64, i64, |value| value, |value| value;
    bool: bool, i64, |value| value, |value| value != 0;
    Timestamp: DateTime<Utc>, String, |value| value, |value| value.parse()?;
    NaiveDate: NaiveDate, String, |value| value, |value| value.parse()?;
    JsonText<'static>: JsonText<'static>, String, |value| value, |value| JsonText(Cow::Owned(value));
    Vec<u8>: Vec<u8>, Vec<u8>, |value| value, |value| value;
}

/// An enum that stands as a word in a column.
pub(crate) trait Word: Sized + Copy {
    /// The word.
    fn word(self) -> &'static str;
    /// What the word means.
    fn from_word(word: &str) -> Option<Self>;
}

/// Gives enums their words, and with them their columns.
macro_rules! words {
    ($($name:ty { $($variant:ident = $word:literal),* $(,)? })*) => {$(
        impl $crate::store::codec::Word for $name {
            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl $crate::store::codec::Column for $name {
            type Postgres = String;
            type Sqlite = String;

            fn from_postgres(word: String) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                $crate::store::codec::Word::from_word(&word)
                    .ok_or_else(|| format!("the word {word:?} is not known").into())
            }

            fn from_sqlite(word: String) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                <Self as $crate::store::codec::Column>::from_postgres(word)
            }
        }

        impl<'q> From<$name> for $crate::store::codec::Value<'q> {
            fn from(value: $name) -> Self {
                Self::from($crate::store::codec::Word::word(value))
            }
        }

        impl<'q> From<Option<$name>> for $crate::store::codec::Value<'q> {
            fn from(value: Option<$name>) -> Self {
                Self::from(value.map($crate::store::codec::Word::word))
            }
        }
    )*};
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_text_of_one_length_whose_order_is_time_order() {
        let day = Utc
            .with_ymd_and_hms(2026, 1, 31, 7, 5, 9)
            .single()
            .expect("a day");

        assert_eq!(instant_text(day), "2026-01-31T07:05:09.000000Z");
        assert_eq!(
            instant_text(Timestamp::MIN_UTC),
            "0001-01-01T00:00:00.000000Z"
        );
        assert_eq!(
            instant_text(Timestamp::MAX_UTC),
            "9999-12-31T23:59:59.000000Z"
        );
        assert_eq!(
            instant_text(day)
                .parse::<Timestamp>()
                .expect("it reads back"),
            day
        );
    }

    #[test]
    fn json_that_postgres_refuses_is_mended_and_nothing_else_is_touched() {
        let clean = |text: &'static str| clean_json(Cow::Borrowed(text)).into_owned();

        assert_eq!(clean(r#"{"a":"x\u0000y"}"#), r#"{"a":"x\ufffdy"}"#);
        assert_eq!(clean(r#"{"a":"\\u0000"}"#), r#"{"a":"\\u0000"}"#);
        assert_eq!(clean(r#"{"a":"\ud83d\ude00"}"#), r#"{"a":"\ud83d\ude00"}"#);
        assert_eq!(
            clean(r#"{"a":"\ud83d x \ude00"}"#),
            r#"{"a":"\ufffd x \ufffd"}"#
        );
        assert_eq!(
            clean(r#"{"a":"\uD83D\uD83D\uDE00"}"#),
            r#"{"a":"\ufffd\uD83D\uDE00"}"#
        );
        assert_eq!(clean(r#""\u00e4\u0000"#), r#""\u00e4\ufffd"#);
    }
}
