//! Text that borrows, and fields that know whether they were there.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize};

/// Text that borrows from the answer wherever it holds no escape, also inside an `Option` or a `Vec`, where a bare `Cow` would
/// always be copied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, Default)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.into_string()
    }
}

/// A field of an object that may be partial: an absent key is not a null (F6.5, M38).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The key was not there: what is stored stays.
    #[default]
    Absent,
    /// The key was there with null.
    Null,
    /// The key was there with a value.
    Value(T),
}

impl<T> Field<T> {
    /// Whether the key was there at all.
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// The value; absent and null alike are none.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value by reference; absent and null alike are none.
    pub fn as_option(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<T>::deserialize(deserializer)? {
            Some(value) => Self::Value(value),
            None => Self::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(default, borrow)]
        name: Field<Text<'a>>,
    }

    #[test]
    fn an_absent_key_is_not_a_null() {
        // F6.5
        let read = |text| serde_json::from_str::<Probe>(text).expect("a probe").name;

        assert_eq!(read("{}"), Field::Absent);
        assert_eq!(read(r#"{"name":null}"#), Field::Null);
        assert_eq!(read(r#"{"name":"x"}"#), Field::Value(Text::from("x")));
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let probe: Probe = serde_json::from_str(r#"{"name":"plain"}"#).expect("a probe");
        let text = probe.name.into_option().expect("a value");
        assert!(matches!(text.0, Cow::Borrowed(_)));

        let probe: Probe = serde_json::from_str(r#"{"name":"a\nb"}"#).expect("a probe");
        assert_eq!(probe.name.into_option().expect("a value").as_str(), "a\nb");
    }
}
