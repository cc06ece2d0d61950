//! What all mailboxes of a sandbox share: files, people, and bodies when there are many messages.

use bytes::Bytes;

use super::people;
use super::text::{Words, words};
use crate::model::time::Timestamp;
use crate::sandbox::Options;
use crate::sandbox::mail::message::{Attachment, AttachmentKind, MessageBody, Recipient};
use crate::sandbox::prefer::BodyType;
use crate::sandbox::world::{Language, User};

/// Beyond this many messages in all, bodies are drawn from a pool, so that a large sandbox fits into
/// memory.
const OWN_BODIES: usize = 5_000;
/// How many bodies the pool of a language has.
const POOL: usize = 256;
/// How many bodies mark the two ends of what there is: the shortest and the longest, each as text and
/// as HTML.
pub(super) const ENDS: usize = 4;
/// No body of the seed is longer, in bytes of what is sent as HTML: 200 KB with room for an inline
/// picture.
pub(super) const LARGEST: usize = 199_500;

/// What all mailboxes of a sandbox share.
#[derive(Debug)]
pub struct Stock {
    pub(super) files: Vec<File>,
    bodies: Vec<Bodies>,
    contacts: Vec<Recipient>,
}

/// What the mailboxes of one language share.
#[derive(Debug)]
struct Bodies {
    language: Language,
    pool: Vec<MessageBody>,
    ends: Vec<MessageBody>,
}

#[derive(Debug)]
pub(super) struct File {
    name: &'static str,
    content_type: &'static str,
    content: Bytes,
}

impl Stock {
    /// Nothing but the people elsewhere.
    pub(super) fn bare() -> Self {
        Self {
            files: Vec::new(),
            bodies: Vec::new(),
            contacts: people::strangers(),
        }
    }

    /// Files, people, and bodies when there will be many messages.
    pub fn new(options: &Options, users: &[User], rng: &mut fastrand::Rng) -> Self {
        let kinds: [(&'static str, &'static str, &[u8], usize); 6] = [
            ("Agreement.pdf", "application/pdf", b"%PDF-1.7\n", 48_000),
            (
                "Invoice 2026-118.pdf",
                "application/pdf",
                b"%PDF-1.4\n",
                21_000,
            ),
            (
                "Schedule.xlsx",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                b"PK\x03\x04",
                17_000,
            ),
            (
                "Vollmacht (unterschrieben).docx",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                b"PK\x03\x04",
                33_000,
            ),
            ("notes.txt", "text/plain", b"Notes\r\n", 900),
            ("logo.png", "image/png", b"\x89PNG\r\n\x1a\n", 5_200),
        ];
        let files = kinds
            .into_iter()
            .map(|(name, content_type, magic, size)| {
                let mut content = magic.to_vec();
                content.extend(std::iter::repeat_with(|| rng.u8(..)).take(size));
                File {
                    name,
                    content_type,
                    content: content.into(),
                }
            })
            .collect();
        let mut contacts = people::strangers();
        contacts.extend(
            users
                .iter()
                .take(12)
                .map(|user| Recipient::new(&user.display_name, &user.address)),
        );
        let all = options
            .mailboxes
            .saturating_mul(options.messages.unwrap_or(275));
        let is_pooled = all > OWN_BODIES || options.folders.is_some();
        let mut bodies: Vec<Bodies> = Vec::new();
        for user in users {
            if bodies.iter().all(|known| known.language != user.language) {
                bodies.push(Bodies::new(user.language, is_pooled, options, rng));
            }
        }
        Self {
            files,
            bodies,
            contacts,
        }
    }

    fn bodies_of(&self, user: &User) -> Option<&Bodies> {
        self.bodies
            .iter()
            .find(|bodies| bodies.language == user.language)
    }

    /// A body as someone writes it to `user`.
    pub(super) fn body(
        &self,
        user: &User,
        size: Option<usize>,
        rng: &mut fastrand::Rng,
    ) -> MessageBody {
        let pool = self
            .bodies_of(user)
            .map_or(&[][..], |bodies| bodies.pool.as_slice());
        match rng.choice(pool) {
            Some(body) => body.clone(),
            None => body(words(user.language), Some(&user.display_name), size, rng),
        }
    }

    /// The `nth` of the bodies at the ends, unless all are of one length.
    pub(super) fn end(&self, user: &User, nth: usize) -> Option<MessageBody> {
        self.bodies_of(user)?.ends.get(nth).cloned()
    }

    pub(super) fn contact(&self, rng: &mut fastrand::Rng) -> Recipient {
        rng.choice(&self.contacts)
            .cloned()
            .unwrap_or_else(|| Recipient::new("Nobody", "nobody@fabrikam.example"))
    }
}

/// A file as an attachment; inline when something names it.
pub(super) fn attachment(file: &File, at: Timestamp, content_id: Option<String>) -> Attachment {
    Attachment {
        suffix: String::new(),
        name: file.name.to_owned(),
        content_type: file.content_type.to_owned(),
        // With the overhead of its encoding (F8.5).
        size: file.content.len() + 187,
        is_inline: content_id.is_some(),
        modified_at: at,
        kind: AttachmentKind::File {
            content: file.content.clone(),
            content_id,
            unreadable: false,
        },
    }
}

impl Bodies {
    fn new(
        language: Language,
        is_pooled: bool,
        options: &Options,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let words = words(language);
        let pool = if is_pooled { POOL } else { 0 };
        let pool = (0..pool)
            .map(|_| body(words, None, options.body_bytes, rng))
            .collect();
        let ends = match options.body_bytes {
            Some(_) => Vec::new(),
            None => [1_030, LARGEST - 1_500]
                .into_iter()
                .flat_map(|size| [(size, BodyType::Text), (size, BodyType::Html)])
                .map(|(size, kind)| written(words, None, kind, size, rng))
                .collect(),
        };
        Self {
            language,
            pool,
            ends,
        }
    }
}

/// A body: mostly 2 to 8 KB, a few of 1 KB, few up to 200 KB; three in four HTML.
fn body(
    words: &Words,
    name: Option<&str>,
    size: Option<usize>,
    rng: &mut fastrand::Rng,
) -> MessageBody {
    let size = size.unwrap_or_else(|| match rng.u8(..100) {
        0..12 => rng.usize(1_030..2_000),
        12..94 => rng.usize(2_000..8_000),
        94..99 => rng.usize(8_000..40_000),
        _ => rng.usize(40_000..LARGEST - 1_500),
    });
    let kind = if rng.u8(..4) > 0 {
        BodyType::Html
    } else {
        BodyType::Text
    };
    written(words, name, kind, size, rng)
}

/// A letter of at least `size` bytes and at most a paragraph more, to someone or to nobody in
/// particular.
fn written(
    words: &Words,
    name: Option<&str>,
    kind: BodyType,
    size: usize,
    rng: &mut fastrand::Rng,
) -> MessageBody {
    let greeting = match name {
        Some(name) => words.greetings[rng.usize(..words.greetings.len())]
            .replace("{}", name.split(' ').next().unwrap_or_default()),
        None => words.salutations[rng.usize(..words.salutations.len())].to_owned(),
    };
    let closing = words.closings[rng.usize(..words.closings.len())];
    let is_html = kind == BodyType::Html;
    let mut out = String::with_capacity(size + 400);
    if is_html {
        out.push_str(
            "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\
             <style>p.MsoNormal {margin:0cm; font-size:11.0pt; font-family:\"Calibri\",sans-serif}\
             </style></head><body lang=\"EN-GB\"><div class=\"WordSection1\">",
        );
    }
    let (open, close) = if is_html {
        ("<p class=\"MsoNormal\">", "</p>\r\n")
    } else {
        ("", "\r\n\r\n")
    };
    let paragraph = |out: &mut String, text: &str| {
        out.push_str(open);
        out.push_str(text);
        out.push_str(close);
    };
    paragraph(&mut out, &greeting);
    while out.len() < size {
        let mut text = String::new();
        for _ in 0..rng.usize(1..5) {
            text.push_str(words.sentences[rng.usize(..words.sentences.len())]);
            text.push(' ');
        }
        paragraph(&mut out, text.trim_end());
    }
    paragraph(&mut out, closing);
    if is_html {
        out.push_str("</div></body></html>");
    }
    MessageBody::new(kind, &out)
}
