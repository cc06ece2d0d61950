//! `$filter`: the comparisons, functions and lambdas that mail clients send.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::model::time::Timestamp;
use crate::sandbox::error::GraphFault;
use crate::sandbox::stamp;

/// What a property is at an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand<'a> {
    /// Text, compared without case.
    Text(Cow<'a, str>),
    /// An instant.
    Instant(Timestamp),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// Several texts, for `any`.
    List(Vec<Cow<'a, str>>),
    /// Several things with properties of their own, for `any`.
    Records(Vec<Record<'a>>),
    /// Not there.
    Null,
}

/// The properties of one thing among several.
pub type Record<'a> = Vec<(&'static str, Cow<'a, str>)>;

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// A function of two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFunction {
    /// `startswith`
    StartsWith,
    /// `endswith`
    EndsWith,
    /// `contains`
    Contains,
}

/// A parsed `$filter`.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Both.
    And(Box<Filter>, Box<Filter>),
    /// Either.
    Or(Box<Filter>, Box<Filter>),
    /// Not.
    Not(Box<Filter>),
    /// A property beside a literal.
    Compare(String, Comparison, Operand<'static>),
    /// A function of a property and a text.
    Call(TextFunction, String, String),
    /// `property/any(x:…)`: a filter of each; without its variable, which is an empty property then.
    Any(String, Box<Filter>),
}

impl Filter {
    /// Reads a filter; what cannot be read is 400 `ErrorInvalidUrlQuery`.
    pub fn parse(text: &str) -> Result<Self, GraphFault> {
        let tokens = lex(text)?;
        let mut parser = Parser { tokens, at: 0 };
        let filter = parser.disjunction()?;
        match parser.peek() {
            None => Ok(filter),
            Some(_) => Err(syntax(text)),
        }
    }

    /// Refuses what filters by other properties than `known`, which are in lower case.
    pub fn check_properties(&self, known: &[&str]) -> Result<(), GraphFault> {
        let mut properties = Vec::new();
        self.properties(&mut properties);
        properties
            .into_iter()
            .try_for_each(|property| check_property(property, known))
    }

    /// The properties in the order they are written.
    pub fn properties<'f>(&'f self, out: &mut Vec<&'f str>) {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.properties(out);
                right.properties(out);
            }
            Self::Not(inner) => inner.properties(out),
            Self::Compare(property, ..) | Self::Call(_, property, _) | Self::Any(property, ..) => {
                out.push(property);
            }
        }
    }

    /// Whether an item fits; `property` tells what it has.
    pub fn matches<'a>(&self, property: &dyn Fn(&str) -> Operand<'a>) -> bool {
        match self {
            Self::And(left, right) => left.matches(property) && right.matches(property),
            Self::Or(left, right) => left.matches(property) || right.matches(property),
            Self::Not(inner) => !inner.matches(property),
            Self::Compare(name, comparison, literal) => comparison.holds(&property(name), literal),
            Self::Call(function, name, text) => match property(name) {
                Operand::Text(value) => function.holds(&value, text),
                _ => false,
            },
            Self::Any(name, inner) => match property(name) {
                Operand::List(values) => values
                    .into_iter()
                    .any(|value| inner.matches(&|_| Operand::Text(value.clone()))),
                Operand::Records(records) => records.into_iter().any(|record| {
                    inner.matches(&|name| {
                        let found = record
                            .iter()
                            .find(|(known, _)| known.eq_ignore_ascii_case(name));
                        found.map_or(Operand::Null, |(_, value)| Operand::Text(value.clone()))
                    })
                }),
                _ => false,
            },
        }
    }

    /// The same with every property as the variable has it: `x` is an empty one, `x/id` is `id`.
    fn without(self, variable: &str) -> Result<Self, GraphFault> {
        let bare = |name: String| match name.split_once('/') {
            None if name == variable => Ok(String::new()),
            Some((first, rest)) if first == variable => Ok(rest.to_owned()),
            _ => Err(syntax(&name)),
        };
        let within = |filter: Box<Self>| filter.without(variable).map(Box::new);
        Ok(match self {
            Self::And(left, right) => Self::And(within(left)?, within(right)?),
            Self::Or(left, right) => Self::Or(within(left)?, within(right)?),
            Self::Not(inner) => Self::Not(within(inner)?),
            Self::Compare(name, comparison, literal) => {
                Self::Compare(bare(name)?, comparison, literal)
            }
            Self::Call(function, name, text) => Self::Call(function, bare(name)?, text),
            Self::Any(name, inner) => Self::Any(bare(name)?, inner),
        })
    }

    /// The earliest instant `property` may have, when the filter bounds it from below.
    pub fn lower_bound(&self, property: &str) -> Option<Timestamp> {
        match self {
            Self::And(left, right) => left.lower_bound(property).max(right.lower_bound(property)),
            Self::Compare(
                name,
                Comparison::Greater | Comparison::GreaterOrEqual | Comparison::Equal,
                Operand::Instant(instant),
            ) if name.eq_ignore_ascii_case(property) => Some(*instant),
            _ => None,
        }
    }
}

/// Refuses a property that is not among `known`, which are in lower case.
pub fn check_property(property: &str, known: &[&str]) -> Result<(), GraphFault> {
    if known.contains(&property.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(GraphFault::invalid_query(format!(
        "The property '{property}' does not support filtering or sorting."
    )))
}

impl Operand<'_> {
    /// Which of two comes first in a list; what is not there comes before what is.
    pub fn order(&self, other: &Operand<'_>) -> Ordering {
        match (self, other) {
            (Self::Text(a), Operand::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
            (Self::Instant(a), Operand::Instant(b)) => a.cmp(b),
            (Self::Flag(a), Operand::Flag(b)) => a.cmp(b),
            (Self::Number(a), Operand::Number(b)) => a.total_cmp(b),
            (Self::Null, Operand::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Operand::Null) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }
}

impl Comparison {
    fn holds(self, left: &Operand<'_>, right: &Operand<'_>) -> bool {
        let order = match (left, right) {
            (Operand::Text(a), Operand::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
            (Operand::Instant(a), Operand::Instant(b)) => Some(a.cmp(b)),
            (Operand::Flag(a), Operand::Flag(b)) => Some(a.cmp(b)),
            (Operand::Number(a), Operand::Number(b)) => a.partial_cmp(b),
            (Operand::Null, Operand::Null) => Some(Ordering::Equal),
            _ => None,
        };
        match (self, order) {
            (Self::NotEqual, None) => true,
            (_, None) => false,
            (Self::Equal, Some(order)) => order.is_eq(),
            (Self::NotEqual, Some(order)) => order.is_ne(),
            (Self::Greater, Some(order)) => order.is_gt(),
            (Self::GreaterOrEqual, Some(order)) => order.is_ge(),
            (Self::Less, Some(order)) => order.is_lt(),
            (Self::LessOrEqual, Some(order)) => order.is_le(),
        }
    }
}

impl TextFunction {
    fn holds(self, value: &str, text: &str) -> bool {
        let (value, text) = (value.to_lowercase(), text.to_lowercase());
        match self {
            Self::StartsWith => value.starts_with(&text),
            Self::EndsWith => value.ends_with(&text),
            Self::Contains => value.contains(&text),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

fn syntax(text: &str) -> GraphFault {
    GraphFault::invalid_query(format!("Invalid filter clause: '{text}'."))
}

fn lex(text: &str) -> Result<Vec<Token>, GraphFault> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&c) = rest.peek() {
        match c {
            '(' | ')' | ',' => {
                tokens.push(match c {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
                rest.next();
            }
            '\'' => {
                rest.next();
                tokens.push(Token::Text(quoted(&mut rest).ok_or_else(|| syntax(text))?));
            }
            c if c.is_whitespace() => {
                rest.next();
            }
            _ => {
                let mut word = String::new();
                while let Some(&c) = rest.peek() {
                    if c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\'') {
                        break;
                    }
                    word.push(c);
                    rest.next();
                }
                push_word(&mut tokens, &word);
            }
        }
    }
    Ok(tokens)
}

/// A word, unless it is the `x:` of a lambda, possibly with the path that follows at once.
fn push_word(tokens: &mut Vec<Token>, word: &str) {
    let after_any = matches!(tokens.last(), Some(Token::Open));
    match word.split_once(':') {
        Some((variable, path))
            if after_any && variable.chars().all(|c| c.is_ascii_alphanumeric()) =>
        {
            tokens.push(Token::Word(variable.to_owned()));
            tokens.push(Token::Colon);
            if !path.is_empty() {
                tokens.push(Token::Word(path.to_owned()));
            }
        }
        _ => tokens.push(Token::Word(word.to_owned())),
    }
}

/// The text up to the closing quote; `''` stands for one quote.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\'' if rest.peek() == Some(&'\'') => {
                rest.next();
                text.push('\'');
            }
            '\'' => return Some(text),
            c => text.push(c),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn word(&mut self) -> Result<String, GraphFault> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(syntax("a name was expected")),
        }
    }

    fn take(&mut self, wanted: &Token) -> Result<(), GraphFault> {
        if self.next().as_ref() == Some(wanted) {
            Ok(())
        } else {
            Err(syntax("a sign is missing"))
        }
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted))
    }

    fn disjunction(&mut self) -> Result<Filter, GraphFault> {
        let mut left = self.conjunction()?;
        while self.is_word("or") {
            self.at += 1;
            left = Filter::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Filter, GraphFault> {
        let mut left = self.term()?;
        while self.is_word("and") {
            self.at += 1;
            left = Filter::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Filter, GraphFault> {
        // A filter nests by parentheses; what a client would never write must not exhaust the stack.
        if self.tokens.len() > 500 {
            return Err(syntax("the filter is too long"));
        }
        if self.is_word("not") {
            self.at += 1;
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.disjunction()?;
            self.take(&Token::Close)?;
            return Ok(inner);
        }
        let name = self.word()?;
        if self.peek() == Some(&Token::Open) {
            return self.applied(&name);
        }
        let comparison = self.comparison()?;
        let literal = match self.next() {
            Some(Token::Text(text)) => Operand::Text(text.into()),
            Some(Token::Word(word)) => literal(&word)?,
            _ => return Err(syntax(&name)),
        };
        Ok(Filter::Compare(name, comparison, literal))
    }

    fn applied(&mut self, name: &str) -> Result<Filter, GraphFault> {
        self.take(&Token::Open)?;
        let function = match name.to_ascii_lowercase().as_str() {
            "startswith" => TextFunction::StartsWith,
            "endswith" => TextFunction::EndsWith,
            "contains" => TextFunction::Contains,
            lower => match lower.strip_suffix("/any") {
                Some(_) => return self.lambda(&name[..name.len() - "/any".len()]),
                None => return Err(syntax(name)),
            },
        };
        let property = self.word()?;
        self.take(&Token::Comma)?;
        let Some(Token::Text(text)) = self.next() else {
            return Err(syntax(name));
        };
        self.take(&Token::Close)?;
        Ok(Filter::Call(function, property, text))
    }

    fn lambda(&mut self, property: &str) -> Result<Filter, GraphFault> {
        let variable = self.word()?;
        self.take(&Token::Colon)?;
        let inner = self.disjunction()?.without(&variable)?;
        self.take(&Token::Close)?;
        Ok(Filter::Any(property.to_owned(), Box::new(inner)))
    }

    fn comparison(&mut self) -> Result<Comparison, GraphFault> {
        let word = self.word()?;
        match word.to_ascii_lowercase().as_str() {
            "eq" => Ok(Comparison::Equal),
            "ne" => Ok(Comparison::NotEqual),
            "gt" => Ok(Comparison::Greater),
            "ge" => Ok(Comparison::GreaterOrEqual),
            "lt" => Ok(Comparison::Less),
            "le" => Ok(Comparison::LessOrEqual),
            _ => Err(syntax(&word)),
        }
    }
}

fn literal(word: &str) -> Result<Operand<'static>, GraphFault> {
    if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") {
        return Ok(Operand::Flag(word.eq_ignore_ascii_case("true")));
    }
    if word.eq_ignore_ascii_case("null") {
        return Ok(Operand::Null);
    }
    if let Some(instant) = stamp::parse(word) {
        return Ok(Operand::Instant(instant));
    }
    // A bare date ends here too (F6.23).
    word.parse().map(Operand::Number).map_err(|_| syntax(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENDED: &str =
        "singleValueExtendedProperties/Any(ep: ep/id eq 'String {a} Name b' and ep/value eq '42')";

    fn matches(text: &str) -> bool {
        Filter::parse(text)
            .unwrap()
            .matches(&|property| match property {
                "subject" => Operand::Text("It's Monday".into()),
                "isRead" => Operand::Flag(false),
                "receivedDateTime" => {
                    Operand::Instant(stamp::parse("2026-01-09T10:00:00Z").unwrap())
                }
                "categories" => Operand::List(vec!["Red".into(), "Blue".into()]),
                "singleValueExtendedProperties" => Operand::Records(vec![
                    vec![("id", "String {A} Name b".into()), ("value", "42".into())],
                    vec![("id", "Integer 0xE08".into()), ("value", "other".into())],
                ]),
                _ => Operand::Null,
            })
    }

    #[test]
    fn filters_that_clients_send_are_understood() {
        assert!(matches("receivedDateTime ge 2026-01-09T10:00:00Z"));
        assert!(!matches("receivedDateTime gt 2026-01-09T10:00:00Z"));
        assert!(matches("isRead eq false and subject eq 'it''s monday'"));
        assert!(matches("not (isRead eq true) and startswith(subject,'It')"));
        assert!(matches("isRead eq true or contains(subject, 'mon')"));
        assert!(matches("categories/any(c:c eq 'blue')"));
        assert!(matches("categories/any(c: c eq 'Red')"));
        assert!(!matches("categories/any(c:c eq 'green')"));
        assert!(matches("categories/any(c:startswith(c,'bl') or c eq 'x')"));
        assert!(matches(EXTENDED));
        assert!(!matches(&EXTENDED.replace("42", "43")));
        // Both must hold of one and the same.
        assert!(!matches(&EXTENDED.replace("42", "other")));
        assert!(matches("importance eq null"));
    }

    #[test]
    fn what_cannot_be_read_is_an_invalid_query() {
        // F6.23
        for text in [
            "receivedDateTime ge 2026-01-09",
            "subject eq",
            "subject eq 'open",
            "(isRead eq true",
            "size(subject)",
            "categories/any(c:d eq 'x')",
            "",
        ] {
            assert_eq!(
                Filter::parse(text).unwrap_err().code,
                "ErrorInvalidUrlQuery",
                "{text}"
            );
        }
    }
}
