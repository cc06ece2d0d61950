//! The `$select` of a subscription with resource data: of properties there are (F10.36, S54).

use super::super::error::GraphFault;
use super::super::mail::fields::Fields;
use super::resource::{Resource, Watched};

/// The properties of an event (F7.1), in lower case.
const EVENT: [&str; 44] = [
    "id",
    "createddatetime",
    "lastmodifieddatetime",
    "changekey",
    "categories",
    "subject",
    "bodypreview",
    "start",
    "end",
    "isallday",
    "iscancelled",
    "isdraft",
    "isorganizer",
    "isonlinemeeting",
    "isreminderon",
    "hasattachments",
    "hideattendees",
    "allownewtimeproposals",
    "responserequested",
    "importance",
    "sensitivity",
    "showas",
    "type",
    "seriesmasterid",
    "recurrence",
    "originalstart",
    "originalstarttimezone",
    "originalendtimezone",
    "icaluid",
    "transactionid",
    "organizer",
    "attendees",
    "location",
    "locations",
    "responsestatus",
    "onlinemeeting",
    "onlinemeetingprovider",
    "onlinemeetingurl",
    "weblink",
    "reminderminutesbeforestart",
    "cancelledoccurrences",
    "calendar",
    "instances",
    "exceptionoccurrences",
];

/// Refuses a `$select` that is missing or names what the items do not have.
pub(super) fn check(resource: &Resource) -> Result<(), GraphFault> {
    if resource.select.is_empty() {
        return Err(refused(
            "The resource of a subscription with resource data must name its properties with $select.",
        ));
    }
    for name in &resource.select {
        if !is_known(&resource.watched, name) {
            return Err(refused(format!(
                "The property '{name}' in $select does not exist on the items of this resource."
            )));
        }
    }
    Ok(())
}

fn is_known(watched: &Watched, name: &str) -> bool {
    match watched {
        Watched::Messages | Watched::Folder(_) => Fields::selected(&[name.to_owned()]).is_ok(),
        Watched::Events | Watched::Calendar(_) => {
            EVENT.contains(&name.to_ascii_lowercase().as_str())
        }
        // The sandbox has no contacts, and does not know what they have.
        Watched::Contacts => true,
    }
}

fn refused(message: impl Into<String>) -> GraphFault {
    GraphFault::bad_request("InvalidRequest", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s54_a_property_is_one_of_the_items_that_are_watched() {
        let message = |resource: &str| {
            let refused = check(&Resource::parse(resource).unwrap());
            refused.err().map(|fault| fault.message)
        };

        assert_eq!(
            message("me/messages?$select=subject,From,receivedDateTime"),
            None
        );
        assert_eq!(message("me/events?$select=subject,start,iCalUId"), None);
        assert_eq!(message("me/contacts?$select=givenName"), None);
        assert!(
            message("me/messages")
                .unwrap()
                .contains("must name its properties")
        );
        for (resource, name) in [
            ("me/messages?$select=subject,start", "'start'"),
            ("me/events?$select=receivedDateTime", "'receivedDateTime'"),
        ] {
            assert!(message(resource).unwrap().contains(name), "{resource}");
        }
    }
}
