//! A page of a collection or of a delta (F4.1, F6.1).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Text;
use crate::model::work::Link;

/// A page: each item still raw, so that its text can be kept as it came.
#[derive(Debug, Deserialize)]
pub struct Page<'a> {
    /// The items; may be empty although there is a next page (F4.1), but always there: what has none is not a page.
    #[serde(borrow)]
    pub value: Vec<&'a RawValue>,
    /// Where the next page is.
    #[serde(borrow, default, rename = "@odata.nextLink")]
    pub next_link: Option<Text<'a>>,
    /// Where the next round begins; ends this one.
    #[serde(borrow, default, rename = "@odata.deltaLink")]
    pub delta_link: Option<Text<'a>>,
}

impl Page<'_> {
    /// The next link, to be saved or followed.
    pub fn next(&self) -> Option<Link> {
        self.next_link
            .as_ref()
            .map(|text| Link(text.as_str().to_owned()))
    }

    /// The delta link, to be saved.
    pub fn delta(&self) -> Option<Link> {
        self.delta_link
            .as_ref()
            .map(|text| Link(text.as_str().to_owned()))
    }
}

/// What every item of a delta is looked at for first: who it is, and whether it was removed.
#[derive(Debug, Deserialize)]
pub struct ItemHead<'a> {
    /// The id.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// The type, `#microsoft.graph.message` and its kin.
    #[serde(borrow, default, rename = "@odata.type")]
    pub odata_type: Option<Text<'a>>,
    /// Present when the item left this view (F6.6).
    #[serde(borrow, default, rename = "@removed")]
    pub removed: Option<Removed<'a>>,
}

/// The mark of a removal: deleted, moved away, or out of the view, whatever the reason says (F6.6).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Removed<'a> {
    /// `deleted` or `changed`; they mean the same here.
    #[serde(borrow, default)]
    pub reason: Option<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_each_item_as_it_came() {
        let text = r#"{"@odata.context":"c","value":[{"id":"a","x": 1.0},{"id":"b","@removed":{"reason":"deleted"}}],
            "@odata.deltaLink":"https://g/v1.0/d?$deltatoken=t"}"#;

        let page: Page = serde_json::from_str(text).expect("a page");

        assert_eq!(page.value[0].get(), r#"{"id":"a","x": 1.0}"#);
        assert_eq!(page.next(), None);
        assert_eq!(
            page.delta(),
            Some(Link("https://g/v1.0/d?$deltatoken=t".to_owned()))
        );
        let heads: Vec<ItemHead> = page
            .value
            .iter()
            .map(|raw| serde_json::from_str(raw.get()).expect("a head"))
            .collect();
        assert!(heads[0].removed.is_none());
        assert!(heads[1].removed.is_some());
    }
}
