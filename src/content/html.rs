//! HTML that a stranger wrote, made fit to be shown.
//!
//! What is kept is text with its shape: no scripts, no forms, no frames, no styles that reach beyond their element, and nothing
//! that is fetched from anywhere when the message is opened, because that tells the sender who reads what, when and where. Images
//! that came with the message are shown from wherever the caller keeps them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use ammonia::Builder;

use super::depth::is_a_burden;
use super::text::without_tags;

/// Properties of a style that change how an element looks and load nothing.
const LOOKS: &[&str] = &[
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-spacing",
    "border-style",
    "border-top",
    "border-width",
    "color",
    "direction",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "text-align",
    "text-decoration",
    "text-indent",
    "vertical-align",
    "white-space",
    "width",
];

/// Where a link may lead.
const LINKS: &[&str] = &["http:", "https:", "mailto:", "tel:"];

/// Pictures that stand in the HTML itself.
const PICTURES: &[&str] = &[
    "data:image/gif;base64,",
    "data:image/jpeg;base64,",
    "data:image/png;base64,",
    "data:image/webp;base64,",
];

/// The HTML without anything that acts or loads. `inline` says by Content-ID where what came with the message is shown from;
/// what it does not know is left out.
pub fn sanitised(html: &str, inline: BTreeMap<String, String>) -> String {
    if is_a_burden(html) {
        return in_words(html);
    }
    let mut builder = Builder::default();
    builder
        .add_tags(["font"])
        .add_tag_attributes("font", ["color", "face", "size"])
        .add_tag_attributes(
            "table",
            ["bgcolor", "border", "cellpadding", "cellspacing", "width"],
        )
        .add_tag_attributes("td", ["bgcolor", "height", "valign", "width"])
        .add_tag_attributes("th", ["bgcolor", "height", "valign", "width"])
        .add_tag_attributes("tr", ["bgcolor", "valign"])
        .add_generic_attributes(["style", "dir"])
        .add_clean_content_tags(["title", "head"])
        .url_schemes(HashSet::from([
            "http", "https", "mailto", "tel", "cid", "data",
        ]))
        // Asked after the filter below, which lets no relative address of theirs pass: those that are left are ours.
        .url_relative(ammonia::UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer nofollow"))
        .filter_style_properties(LOOKS.iter().copied().collect())
        .attribute_filter(
            move |element, attribute, value| match (element, attribute) {
                ("img", "src") => picture(value, &inline),
                (_, "src" | "cite") => None,
                (_, "href") => begins_with(value, LINKS).then_some(Cow::Borrowed(value)),
                // No property that is left needs one, and a browser must not be tempted.
                (_, "style") => {
                    (!value.to_ascii_lowercase().contains("url(")).then_some(Cow::Borrowed(value))
                }
                _ => Some(Cow::Borrowed(value)),
            },
        );
    builder.clean(html).to_string()
}

/// Only the words of it.
fn in_words(html: &str) -> String {
    let words = without_tags(html)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<pre>{words}</pre>")
}

/// The Content-IDs that the HTML shows something by.
pub fn shown_parts(html: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut rest = html;
    while let Some(at) = rest.find("cid:") {
        rest = rest.get(at + 4..).unwrap_or_default();
        let end = rest
            .find(|letter: char| letter.is_whitespace() || "\"'<>()".contains(letter))
            .unwrap_or(rest.len());
        found.insert(content_id(rest.get(..end).unwrap_or_default()));
    }
    found
}

/// A Content-ID as it is compared: without brackets and escapes.
pub fn content_id(text: &str) -> String {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

fn picture<'v>(value: &'v str, inline: &BTreeMap<String, String>) -> Option<Cow<'v, str>> {
    let value = value.trim();
    if let Some(id) = value
        .get(..4)
        .filter(|scheme| scheme.eq_ignore_ascii_case("cid:"))
    {
        let id = content_id(value.get(id.len()..).unwrap_or_default());
        return inline.get(&id).cloned().map(Cow::Owned);
    }
    begins_with(value, PICTURES).then_some(Cow::Borrowed(value))
}

fn begins_with(value: &str, beginnings: &[&str]) -> bool {
    let value = value.trim();
    beginnings.iter().any(|beginning| {
        value
            .get(..beginning.len())
            .is_some_and(|begins| begins.eq_ignore_ascii_case(beginning))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(html: &str) -> String {
        let inline = BTreeMap::from([("logo@01".to_owned(), "/logo".to_owned())]);
        sanitised(html, inline)
    }

    #[test]
    fn nothing_is_left_that_acts_or_loads() {
        for html in [
            "<script>alert(1)</script>x",
            "<img src=x onerror=alert(1)>x",
            "<img src='https://tracker.example/p.gif'>x",
            "<img src='//tracker.example/p.gif'>x",
            "<img src='data:image/svg+xml;base64,AAAA'>x",
            "<img srcset='https://tracker.example/p.gif 2x'>x",
            "<a href='javascript:alert(1)'>x</a>",
            "<a href='data:text/html,x'>x</a>",
            "<a href=' java\nscript:alert(1)'>x</a>",
            "<iframe src='https://e.example'></iframe>x",
            "<form action='https://e.example'><input name=p></form>x",
            "<div style='background:url(https://tracker.example/p)'>x</div>",
            "<div style='width:url(https://tracker.example/p)'>x</div>",
            "<div style='position:fixed;top:0'>x</div>",
            "<table background='https://tracker.example/p'><tr><td>x</td></tr></table>",
            "<link rel=stylesheet href='https://e.example/s.css'>x",
            "<style>@import 'https://e.example/s.css'</style>x",
            "<meta http-equiv=refresh content='0;url=https://e.example'>x",
            "<base href='https://e.example'>x",
            "<svg><script>alert(1)</script></svg>x",
            "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>x",
            "<video src='https://e.example/v'></video>x",
        ] {
            let shown = clean(html).to_ascii_lowercase();
            for harm in [
                "script", "onerror", "example", "svg", "url(", "fixed", "<iframe", "<form",
                "<style", "data:", "http",
            ] {
                assert!(!shown.contains(harm), "{html} became {shown}");
            }
            assert!(shown.contains('x'), "{html} became {shown}");
        }
    }

    #[test]
    fn text_keeps_its_shape_and_links_lead_on() {
        let shown = clean(
            "<html><head><title>T</title></head><body><p style='color:red;margin-left:1px'>Hi <b>you</b></p>\
             <a href='https://example.org/a?b=c'>there</a><table width=3><tr><td>1</td></tr></table></body></html>",
        );

        assert!(shown.contains("color:red"), "{shown}");
        assert!(shown.contains("<b>you</b>"), "{shown}");
        assert!(
            shown.contains("href=\"https://example.org/a?b=c\""),
            "{shown}"
        );
        assert!(shown.contains("noopener noreferrer"), "{shown}");
        assert!(shown.contains("<td>1</td>"), "{shown}");
        assert!(
            !shown.contains("<title") && !shown.contains("<body"),
            "{shown}"
        );
    }

    #[test]
    fn a_picture_that_came_with_the_message_is_shown_from_where_it_is_kept() {
        let html =
            "<img src=\"cid:logo%4001\" alt=\"L\"><img src='CID:logo@01'><img src='cid:other'>";

        let shown = clean(html);

        assert_eq!(shown.matches("src=\"/logo\"").count(), 2, "{shown}");
        assert!(!shown.to_ascii_lowercase().contains("cid:"), "{shown}");
        assert!(shown_parts(html).contains("logo@01") && shown_parts(html).contains("other"));
    }

    #[test]
    fn html_nested_without_end_is_taken_too() {
        let html = format!("{}x<script>", "<div>".repeat(200_000));

        let shown = clean(&html);

        assert!(shown.contains('x') && !shown.contains("<script") && !shown.contains("<div"));
    }
}
