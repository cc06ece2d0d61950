//! The bodies that are posted to us (S68, M18).

use graph_mirror::model::ids::SubscriptionKey;
use graph_mirror::model::time::Timestamp;
use graph_mirror::notifications::envelope::read;
use graph_mirror::secrets::{Keyring, Signer};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cases;
use super::damage::{damaged, wrecks};

fn item(signer: &Signer, id: &str) -> Value {
    json!({
        "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
        "subscriptionExpirationDateTime": "2026-03-20T11:00:00.0000000Z",
        "clientState": signer.client_state(SubscriptionKey::generate()),
        "changeType": "updated", "resource": format!("Users/a/Messages/{id}"),
        "resourceData": { "@odata.type": "#Microsoft.Graph.Message", "@odata.id": format!("Users/a/Messages/{id}"), "id": id },
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
    })
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_damaged_item_takes_none_of_its_post_with_it(wrecks in wrecks()) {
        let signer = Signer::new(&Keyring::generate());
        let odd = damaged(&item(&signer, "odd"), &wrecks);
        let body = format!(r#"{{"value":[{},{odd},{}]}}"#, item(&signer, "one"), item(&signer, "other"));

        let post = read(body.as_bytes(), &signer, Timestamp::UNIX_EPOCH).expect("it is a post");

        let ids: Vec<&str> = post.notices.iter().map(|notice| notice.external_id.as_str()).collect();
        prop_assert!(ids.contains(&"one") && ids.contains(&"other"));
        prop_assert!(ids.len() <= 3);
    }
}

#[test]
fn bytes_that_are_no_text_cost_the_item_they_stand_in() {
    let signer = Signer::new(&Keyring::generate());
    let (one, odd) = (item(&signer, "one"), item(&signer, "odd?"));
    let mut body = json!({ "value": [one, odd] }).to_string().into_bytes();
    let places: Vec<usize> = (0..body.len()).filter(|at| body[*at] == b'?').collect();
    for place in places {
        body[place] = 0xff;
    }

    let post = read(&body, &signer, Timestamp::UNIX_EPOCH).expect("it is a post");

    assert!(
        post.notices
            .iter()
            .any(|notice| notice.external_id.as_str() == "one")
    );
}
