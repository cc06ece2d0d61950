//! An answer's text above what it answers. Pure.

use crate::model::write::{BodyKind, Text};

/// Our text above the quote that Graph made. Plain text above a quote in HTML becomes HTML, and the other way round.
pub(super) fn above(ours: &Text, quote: &Text) -> Text {
    match (ours.kind, quote.kind) {
        (BodyKind::Text, BodyKind::Text) => Text {
            kind: BodyKind::Text,
            content: format!("{}\r\n\r\n{}", ours.content, quote.content),
        },
        (_, BodyKind::Html) => html(&as_html(ours), &quote.content),
        (BodyKind::Html, BodyKind::Text) => html(&ours.content, &as_html(quote)),
    }
}

fn html(ours: &str, quote: &str) -> Text {
    let (head, rest) = quote.split_at(behind_body(quote));
    Text {
        kind: BodyKind::Html,
        content: format!("{head}<div>{ours}</div><br>{rest}"),
    }
}

/// Where the content of a document begins: behind its `<body …>`, or at its start.
fn behind_body(document: &str) -> usize {
    let lower = document.to_ascii_lowercase();
    let Some(open) = lower.find("<body") else {
        return 0;
    };
    lower[open..].find('>').map_or(0, |close| open + close + 1)
}

fn as_html(text: &Text) -> String {
    if text.kind == BodyKind::Html {
        return text.content.clone();
    }
    let mut html = String::with_capacity(text.content.len() + 16);
    let mut letters = text.content.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' | '\r' => html.push_str("<br>"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: BodyKind, content: &str) -> Text {
        Text {
            kind,
            content: content.to_owned(),
        }
    }

    #[test]
    fn our_text_stands_first_and_cannot_become_markup() {
        let quote = text(BodyKind::Html, "<html><BODY lang=de>Quote</body></html>");
        let ours = text(BodyKind::Text, "a < b\r\n& c");

        let both = above(&ours, &quote);

        assert_eq!(both.kind, BodyKind::Html);
        assert_eq!(
            both.content,
            "<html><BODY lang=de><div>a &lt; b<br>&amp; c</div><br>Quote</body></html>"
        );
    }

    #[test]
    fn plain_stays_plain_and_html_lifts_the_quote() {
        let quote = text(BodyKind::Text, "> old");
        assert_eq!(
            above(&text(BodyKind::Text, "new"), &quote),
            text(BodyKind::Text, "new\r\n\r\n> old")
        );
        assert_eq!(
            above(&text(BodyKind::Html, "<b>new</b>"), &quote).content,
            "<div><b>new</b></div><br>&gt; old"
        );
    }
}
