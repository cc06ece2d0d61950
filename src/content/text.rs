//! Plain text out of HTML: for search, previews and people who read it so.

use super::depth::is_a_burden;

/// Letters in a line before it is wrapped, which would cut through words: more than a line has.
const WIDTH: usize = 10_000;

/// The text of an HTML body. What cannot be laid out as one is given without any layout.
pub fn of_html(html: &str) -> String {
    if is_a_burden(html) {
        return tidy(&without_tags(html));
    }
    let html = without_rules(html);
    let laid_out = html2text::config::plain_no_decorate()
        .raw_mode(true)
        .allow_width_overflow()
        .string_from_read(html.as_bytes(), WIDTH);
    let text = laid_out.unwrap_or_else(|_| without_tags(&html));
    tidy(&text)
}

/// Rules as ends of lines: one would be drawn as wide as a line may be.
fn without_rules(html: &str) -> String {
    let mut ruled = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        ruled.push_str(before);
        let is_rule = tag
            .get(..3)
            .is_some_and(|begins| begins.eq_ignore_ascii_case("<hr"));
        let taken = if is_rule { 3 } else { 1 };
        ruled.push_str(if is_rule { "<br" } else { "<" });
        rest = tag.get(taken..).unwrap_or_default();
    }
    ruled.push_str(rest);
    ruled
}

/// Everything between the tags.
pub(super) fn without_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut is_tag = false;
    for letter in html.chars() {
        match letter {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                text.push(' ');
            }
            _ if is_tag => {}
            other => text.push(other),
        }
    }
    text
}

/// No blanks at the ends of lines, and no more than one empty line in a row.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !tidied.is_empty() {
            tidied.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        tidied.push_str(line);
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_html_reads_as_it_was_meant() {
        let html = "<html><head><style>p{color:red}</style><script>x()</script></head><body><p>Guten&nbsp;Tag,</p>\
                    <p>bis <b>morgen</b>&hellip;</p><ul><li>eins</li><li>zwei</li></ul></body></html>";

        let text = of_html(html);

        assert!(text.starts_with("Guten\u{a0}Tag,\n\nbis morgen…"), "{text}");
        assert!(text.contains("* eins\n* zwei"), "{text}");
        assert!(!text.contains("color") && !text.contains("x()"), "{text}");
    }

    #[test]
    fn no_html_is_too_odd_to_have_a_text() {
        assert_eq!(of_html(""), "");
        let long = "word ".repeat(60);
        assert_eq!(
            of_html(&format!("<pre>{long}</pre><HR/>x")),
            format!("{}\n\nx", long.trim_end())
        );
        assert!(!of_html("<<<>>>&&&").is_empty());
        let deep = format!("{}tief", "<table><tr><td>".repeat(20_000));
        assert!(of_html(&deep).contains("tief"));
    }
}
