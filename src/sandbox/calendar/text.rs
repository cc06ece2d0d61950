//! The text of an event in the format a client asked for (F5.6), and its preview.

use super::event::EventBody;

/// Characters of `bodyPreview`.
const PREVIEW: usize = 255;

/// The body as HTML.
pub fn html(body: &EventBody) -> String {
    if body.html {
        return body.content.clone();
    }
    let mut out = String::with_capacity(body.content.len() + 96);
    out.push_str("<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body><div>");
    for c in body.content.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push_str("<br>"),
            '\r' => {}
            c => out.push(c),
        }
    }
    out.push_str("</div></body></html>");
    out
}

/// The body as text.
pub fn plain(body: &EventBody) -> String {
    if body.html {
        strip(&body.content)
    } else {
        body.content.clone()
    }
}

/// The first characters of the text, on one line.
pub fn preview(body: &EventBody) -> String {
    let text = plain(body);
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > PREVIEW * 4 {
            break;
        }
    }
    out.chars().take(PREVIEW).collect()
}

/// What stands between the tags; `<head>`, `<style>` and `<script>` go with what they hold.
fn strip(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        push_decoded(&mut out, before);
        let Some((tag, after)) = after.split_once('>') else {
            return out.trim().to_owned();
        };
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        rest = after;
        match name.as_str() {
            "br" | "p" | "div" | "tr" | "li" if !out.is_empty() && !out.ends_with('\n') => {
                out.push('\n');
            }
            "head" | "style" | "script" if !tag.starts_with('/') => {
                let closing = format!("</{name}>");
                rest = rest
                    .split_once(closing.as_str())
                    .map_or("", |(_, after)| after);
            }
            _ => {}
        }
    }
    push_decoded(&mut out, rest);
    out.trim().to_owned()
}

fn push_decoded(out: &mut String, text: &str) {
    if !text.contains('&') {
        out.push_str(text);
        return;
    }
    out.push_str(
        &text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&nbsp;", " ")
            .replace("&amp;", "&"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    // F5.6
    #[test]
    fn a_body_reads_as_html_or_as_text_whichever_it_was_written_in() {
        let written = EventBody {
            html: false,
            content: "1 < 2 & so on\nbye".to_owned(),
        };
        let page = EventBody {
            html: true,
            content: "<html><head><style>p{}</style></head><body><p>One &amp; two</p><p>three</p></body></html>".to_owned(),
        };

        let round = EventBody {
            html: true,
            content: html(&written),
        };
        assert_eq!(plain(&round), "1 < 2 & so on\nbye");
        assert_eq!(plain(&page), "One & two\nthree");
        assert_eq!(preview(&page), "One & two three");
        assert_eq!(
            plain(&EventBody {
                html: true,
                content: "open <b".to_owned()
            }),
            "open"
        );
    }
}
