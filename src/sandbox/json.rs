//! Writes JSON straight into text.
//!
//! A page of messages is written from the structs without a tree in between: benchmarks ask for
//! thousands of messages a second.

use crate::model::time::Timestamp;

use super::stamp;

/// Appends `text` as a JSON string.
pub fn push_text(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

/// Appends `text` escaped, without the quotes around it.
pub fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    // Everything that must be escaped is ASCII, so a cut there is a cut between characters.
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = tail.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(other) => {
                use std::fmt::Write as _;
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// `text` as a JSON string.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 2);
    push_text(&mut out, text);
    out
}

/// Writes one object, key by key.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub fn open(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Closes it.
    pub fn close(self) {
        self.out.push('}');
    }

    /// Writes a key; the value is written to what comes back. The key is plain.
    pub fn key(&mut self, name: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        push_text(self.key(name), value);
    }

    /// A text or null.
    pub fn optional(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// A truth value.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    /// A count.
    pub fn number(&mut self, name: &str, value: usize) {
        use std::fmt::Write as _;
        let _ = write!(self.key(name), "{value}");
    }

    /// An instant.
    pub fn instant(&mut self, name: &str, value: Timestamp) {
        let out = self.key(name);
        out.push('"');
        stamp::push_seconds(out, value);
        out.push('"');
    }

    /// JSON that is written already.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.key(name).push_str(json);
    }
}

/// Appends the elements, with commas between them and brackets around.
pub fn push_list<T>(
    out: &mut String,
    elements: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut String, T),
) {
    out.push('[');
    let mut first = true;
    for element in elements {
        if !first {
            out.push(',');
        }
        first = false;
        push(out, element);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let hard = "a \"quote\", a \\, \r\n\t, \u{1}, ü, 🦀 and </script>";

        let written = text(hard);

        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), hard);
    }

    #[test]
    fn an_object_is_written_key_by_key() {
        let mut out = String::new();
        let mut object = Object::open(&mut out);
        object.text("a", "x");
        object.flag("b", true);
        object.optional("c", None);
        push_list(object.key("d"), [1, 2], |out, n| {
            out.push_str(&n.to_string());
        });
        object.close();

        assert_eq!(out, r#"{"a":"x","b":true,"c":null,"d":[1,2]}"#);
    }
}
