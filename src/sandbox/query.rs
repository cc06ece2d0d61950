//! The query options of `OData`, as far as Graph's mail and calendars take them.

pub mod filter;

use std::cmp::Ordering;

use percent_encoding::percent_decode_str;

use super::error::GraphFault;
use filter::{Filter, Operand, check_property};

/// One property of `$orderby`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The property, as a path.
    pub property: String,
    /// Latest or largest first.
    pub descending: bool,
}

/// The options of one request, parsed.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// `$select`; empty when everything is wanted.
    pub select: Vec<String>,
    /// `$top`.
    pub top: Option<usize>,
    /// `$skip`.
    pub skip: Option<usize>,
    /// `$filter`, parsed.
    pub filter: Option<Filter>,
    /// `$filter`, as written.
    pub filter_text: Option<String>,
    /// `$orderby`.
    pub order_by: Vec<Order>,
    /// `$expand`, as written, one navigation each.
    pub expand: Vec<Expand>,
    /// `$count=true`.
    pub count: bool,
    /// `$search`.
    pub search: Option<String>,
    /// `$skiptoken`.
    pub skip_token: Option<String>,
    /// `$deltatoken`.
    pub delta_token: Option<String>,
    /// Every option as it came, decoded, in order.
    pub all: Vec<(String, String)>,
}

/// One navigation of `$expand`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expand {
    /// The navigation.
    pub navigation: String,
    /// Its own `$select`.
    pub select: Vec<String>,
    /// Whatever stands in its parentheses.
    pub options: String,
}

impl Expand {
    /// The texts between single quotes in its parentheses: the ids that its filter names.
    pub fn quoted(&self) -> Vec<String> {
        let texts = self.options.split('\'').enumerate();
        texts
            .filter(|(index, _)| index % 2 == 1)
            .map(|(_, text)| text.to_owned())
            .collect()
    }
}

impl Query {
    /// Reads the query of a URL. Errors are Graph's: 400 with a code.
    pub fn parse(raw: &str) -> Result<Self, GraphFault> {
        let mut query = Self::default();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name);
            let value = decode(value);
            query.take(&name, &value)?;
            query.all.push((name, value));
        }
        Ok(query)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), GraphFault> {
        match name.to_ascii_lowercase().as_str() {
            "$select" => self.select = names(value),
            "$top" => self.top = Some(number(name, value)?),
            "$skip" => self.skip = Some(number(name, value)?),
            "$filter" => {
                self.filter = Some(Filter::parse(value)?);
                self.filter_text = Some(value.to_owned());
            }
            "$orderby" => self.order_by = orders(value)?,
            "$expand" => self.expand = expands(value),
            "$count" => self.count = value.eq_ignore_ascii_case("true"),
            "$search" => self.search = Some(value.to_owned()),
            "$skiptoken" => self.skip_token = Some(value.to_owned()),
            "$deltatoken" => self.delta_token = Some(value.to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// The value of an option that is not `OData`'s, such as `startDateTime`, in any case of letters.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether the option stands in the query.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether `property` is wanted: no `$select`, or one that names it.
    pub fn selects(&self, property: &str) -> bool {
        self.select.is_empty() || self.selects_by_name(property)
    }

    /// Whether `$select` names `property`.
    pub fn selects_by_name(&self, property: &str) -> bool {
        self.select
            .iter()
            .any(|name| name.eq_ignore_ascii_case(property))
    }

    /// The navigation of `$expand` with this name.
    pub fn expands(&self, navigation: &str) -> Option<&Expand> {
        self.expand
            .iter()
            .find(|expand| expand.navigation.eq_ignore_ascii_case(navigation))
    }

    /// The size of a page: `$top` (1 to 1000, S18), the preference, or the default.
    pub fn page_size(&self, prefer: Option<usize>, default: usize) -> Result<usize, GraphFault> {
        if let Some(top) = self.top {
            if !(1..=1000).contains(&top) {
                return Err(GraphFault::invalid_query(
                    "The limit of '1000' for Top query has been exceeded or is below 1.",
                ));
            }
            return Ok(top);
        }
        Ok(prefer.unwrap_or(default).clamp(1, 1000))
    }

    /// F5.13, S28: with both, every `$orderby` property stands in `$filter`, in the same order,
    /// before any other.
    pub fn check_order(&self) -> Result<(), GraphFault> {
        let Some(filter) = &self.filter else {
            return Ok(());
        };
        if self.order_by.is_empty() {
            return Ok(());
        }
        let mut filtered = Vec::new();
        filter.properties(&mut filtered);
        let mut seen = Vec::new();
        for property in filtered {
            if !seen.contains(&property) {
                seen.push(property);
            }
        }
        let fits = self.order_by.iter().enumerate().all(|(index, order)| {
            seen.get(index)
                .is_some_and(|property| property.eq_ignore_ascii_case(&order.property))
        });
        if fits {
            Ok(())
        } else {
            Err(GraphFault::bad_request(
                "InefficientFilter",
                "The restriction or sort order is too complex for this operation.",
            ))
        }
    }

    /// Refuses `$filter` and `$orderby` over properties, in lower case, that take neither.
    pub fn check_properties(&self, known: &[&str]) -> Result<(), GraphFault> {
        if let Some(filter) = &self.filter {
            filter.check_properties(known)?;
        }
        self.order_by
            .iter()
            .try_for_each(|order| check_property(&order.property, known))
    }

    /// Which of two items comes first by `$orderby`; each tells what it has of a property.
    pub fn compare<'a>(
        &self,
        left: &dyn Fn(&str) -> Operand<'a>,
        right: &dyn Fn(&str) -> Operand<'a>,
    ) -> Ordering {
        self.order_by
            .iter()
            .map(|order| {
                let ordering = left(&order.property).order(&right(&order.property));
                if order.descending {
                    ordering.reverse()
                } else {
                    ordering
                }
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The query again, without the named options: what a nextLink repeats.
    pub fn without(&self, names: &[&str]) -> String {
        let mut out = String::new();
        for (name, value) in &self.all {
            if names
                .iter()
                .any(|dropped| dropped.eq_ignore_ascii_case(name))
            {
                continue;
            }
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(&encode(name));
            out.push('=');
            out.push_str(&encode(value));
        }
        out
    }
}

/// Percent-encodes one part of a query or one segment of a path; `$` stays as Graph writes it.
pub fn encode(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'$')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b',');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

fn names(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn number(name: &str, value: &str) -> Result<usize, GraphFault> {
    value.trim().parse().map_err(|_| {
        GraphFault::invalid_query(format!(
            "Invalid value '{value}' for {name} query option found."
        ))
    })
}

fn orders(value: &str) -> Result<Vec<Order>, GraphFault> {
    names(value)
        .into_iter()
        .map(|item| {
            let mut words = item.split_whitespace();
            let property = words.next().unwrap_or_default().to_owned();
            let descending = match words.next() {
                None => false,
                Some(word) if word.eq_ignore_ascii_case("asc") => false,
                Some(word) if word.eq_ignore_ascii_case("desc") => true,
                Some(word) => {
                    return Err(GraphFault::invalid_query(format!(
                        "Syntax error in $orderby near '{word}'."
                    )));
                }
            };
            Ok(Order {
                property,
                descending,
            })
        })
        .collect()
}

/// Splits `a,b($select=c,d;$top=1)` at the commas outside parentheses.
fn expands(value: &str) -> Vec<Expand> {
    let mut depth = 0_usize;
    value
        .split(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            let (navigation, options) = item.split_once('(').unwrap_or((item, ""));
            let options = options.strip_suffix(')').unwrap_or(options);
            let select = options
                .split(';')
                .filter_map(|option| option.trim().strip_prefix("$select="))
                .flat_map(names)
                .collect();
            Expand {
                navigation: navigation.trim().to_owned(),
                select,
                options: options.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<impl std::fmt::Debug, GraphFault>) -> String {
        result.unwrap_err().code
    }

    #[test]
    fn options_are_read_with_their_own_parentheses() {
        let query = Query::parse(
            "$select=id,subject&$top=5&$expand=attachments($select=id,name),extensions&$count=true",
        )
        .unwrap();

        assert_eq!(query.select, ["id", "subject"]);
        assert_eq!(query.expand.len(), 2);
        assert_eq!(query.expands("Attachments").unwrap().select, ["id", "name"]);
        assert!(query.count && query.selects("SUBJECT") && !query.selects("body"));
    }

    #[test]
    fn s18_top_is_between_1_and_1000() {
        let size = |raw: &str| Query::parse(raw).unwrap().page_size(None, 10);

        assert_eq!(size("").unwrap(), 10);
        assert_eq!(size("$top=1000").unwrap(), 1000);
        assert_eq!(code(size("$top=1001")), "ErrorInvalidUrlQuery");
        assert_eq!(code(size("$top=0")), "ErrorInvalidUrlQuery");
        assert_eq!(code(Query::parse("$top=many")), "ErrorInvalidUrlQuery");
    }

    #[test]
    fn s28_the_order_must_lead_the_filter() {
        let check = |raw: &str| Query::parse(raw).unwrap().check_order();

        check("$filter=receivedDateTime ge 2026-01-01T00:00:00Z&$orderby=receivedDateTime desc")
            .unwrap();
        check("$filter=receivedDateTime ge 2026-01-01T00:00:00Z and isRead eq false&$orderby=receivedDateTime").unwrap();
        assert_eq!(
            code(check(
                "$filter=isRead eq false&$orderby=receivedDateTime desc"
            )),
            "InefficientFilter"
        );
        assert_eq!(
            code(check(
                "$filter=isRead eq false and receivedDateTime ge 2026-01-01T00:00:00Z&$orderby=receivedDateTime"
            )),
            "InefficientFilter"
        );
    }
}
