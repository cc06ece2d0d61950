//! HTML as plain text and back, for `outlook.body-content-type` and previews (F5.6, S21).

/// The text of an HTML body.
pub fn from_html(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some((before, tail)) = rest.split_once('<') {
        push_decoded(&mut out, before);
        let Some((tag, after)) = tail.split_once('>') else {
            return out;
        };
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        rest = match name.as_str() {
            // What stands in these is not text.
            "style" | "script" | "head" | "title" if !tag.starts_with('/') => {
                skip_past(after, &name)
            }
            _ => after,
        };
        if matches!(
            name.as_str(),
            "br" | "p" | "div" | "tr" | "li" | "h1" | "h2" | "h3" | "table" | "hr"
        ) && !out.is_empty()
            && !out.ends_with('\n')
        {
            out.push('\n');
        }
    }
    push_decoded(&mut out, rest);
    out.trim().to_owned()
}

/// `html` after the closing tag of `name`.
fn skip_past<'h>(html: &'h str, name: &str) -> &'h str {
    let mut rest = html;
    while let Some((_, tail)) = rest.split_once("</") {
        let (tag, after) = tail.split_once('>').unwrap_or((tail, ""));
        if tag.trim().eq_ignore_ascii_case(name) {
            return after;
        }
        rest = after;
    }
    ""
}

fn push_decoded(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('&') {
        out.push_str(before);
        let entity = tail
            .split_once(';')
            .filter(|(name, _)| name.len() <= 6)
            .and_then(|(name, after)| Some((decoded(name)?, after)));
        if let Some((c, after)) = entity {
            out.push(c);
            rest = after;
        } else {
            out.push('&');
            rest = tail;
        }
    }
    out.push_str(rest);
}

fn decoded(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            char::from_u32(number.parse().ok()?)
        }
    }
}

/// A text as an HTML body.
pub fn to_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 80);
    out.push_str("<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body><pre>");
    push_escaped(&mut out, text);
    out.push_str("</pre></body></html>");
    out
}

/// Appends text with the characters of markup escaped.
pub fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_read_as_the_text_a_person_would_see() {
        let html = "<html><head><style>p { x: 1 }</style></head><body><p>Dear M&amp;A,</p>\
                    <p>see&nbsp;below &#8212; AT&T<br>Yours</p><script>no()</script></body></html>";

        assert_eq!(from_html(html), "Dear M&A,\nsee below — AT&T\nYours");
    }

    #[test]
    fn text_survives_the_way_through_html() {
        let text = "1 < 2 & \"3\" > 2";

        assert_eq!(from_html(&to_html(text)), text);
    }

    #[test]
    fn broken_markup_is_no_reason_to_panic() {
        for html in [
            "<",
            "<p",
            "&",
            "&;",
            "<style>",
            "</",
            "a & b;c",
            "<style></sty",
        ] {
            let _ = from_html(html);
        }
    }
}
