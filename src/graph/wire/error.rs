//! The envelope of an error (F3.1).

use serde::Deserialize;
use serde_json::{Map, Value};

/// `{"error":{…}}`.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorBody {
    /// What it holds.
    #[serde(default, deserialize_with = "lenient")]
    pub error: ErrorObject,
}

/// The error, read so leniently that nothing in it can fail.
#[derive(Debug, Default, Clone)]
pub struct ErrorObject {
    /// The code.
    pub code: Option<String>,
    /// The message.
    pub message: Option<String>,
    /// The codes of the objects inside, from the outside in.
    pub inner: Vec<String>,
}

impl ErrorObject {
    /// Every code, the most specific last.
    pub fn codes(&self) -> Vec<String> {
        self.code.iter().chain(&self.inner).cloned().collect()
    }
}

fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ErrorObject, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let Some(outer) = value.as_object() else {
        return Ok(ErrorObject::default());
    };
    let mut inner = Vec::new();
    let mut object = inner_of(outer);
    // serde_json's own depth limit bounds this walk.
    while let Some(next) = object {
        // A status repeated as a "code" says nothing new (F3.6).
        inner.extend(text(next, "code").filter(|code| code.parse::<u16>().is_err()));
        object = inner_of(next);
    }
    Ok(ErrorObject {
        code: text(outer, "code"),
        message: text(outer, "message"),
        inner,
    })
}

/// Spelled `innerError` on the wire and `innererror` in the schema.
fn inner_of(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    named(object, "innererror")?.as_object()
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    named(object, name)?.as_str().map(str::to_owned)
}

fn named<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
