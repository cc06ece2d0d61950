//! S54: what a subscription with resource data, and the resource of any, may not ask for.

use serde_json::{Value, json};

use super::bench::{Answer, Bench, Ear};
use super::subscriptions::{create, in_minutes, wish};

/// A valid request for resource data, changed.
fn rich(ear: &Ear, change: &dyn Fn(&mut Value)) -> Value {
    let mut body = super::rich::rich(ear, "me/messages?$select=subject,receivedDateTime");
    change(&mut body);
    body
}

#[track_caller]
fn assert_refused(answer: &Answer, words: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "InvalidRequest"),
        "{words}"
    );
    let message = answer.json()["error"]["message"].clone();
    let message = message.as_str().unwrap();
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn s54_resource_data_needs_its_fields() {
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);
    let resource = |text: &'static str| move |body: &mut Value| body["resource"] = text.into();
    let certificate =
        |value: Value| move |body: &mut Value| body["encryptionCertificate"] = value.clone();

    let cases: [(Value, &str); 9] = [
        // A key in DER, which is no certificate.
        (
            rich(
                &ear,
                &certificate(json!("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA")),
            ),
            "not a base64-encoded X.509 certificate",
        ),
        (
            rich(&ear, &resource("me/messages")),
            "must name its properties with $select",
        ),
        (
            rich(&ear, &resource("me/messages?$select=subject,body")),
            "cannot include 'body' or 'uniqueBody'",
        ),
        (
            rich(&ear, &resource("me/messages?$select=uniqueBody")),
            "cannot include 'body' or 'uniqueBody'",
        ),
        (
            rich(&ear, &resource("me/messages?$select=subjekt")),
            "'subjekt' in $select does not exist",
        ),
        (
            rich(&ear, &resource("me/events?$select=receivedDateTime")),
            "'receivedDateTime' in $select does not exist",
        ),
        (
            rich(&ear, &certificate(Value::Null)),
            "'encryptionCertificate' property is required",
        ),
        (
            rich(&ear, &certificate(json!("bm8gY2VydGlmaWNhdGU="))),
            "not a base64-encoded X.509 certificate",
        ),
        (
            rich(&ear, &|body| body["encryptionCertificateId"] = Value::Null),
            "'encryptionCertificateId' property is required",
        ),
    ];
    for (body, words) in cases {
        assert_refused(&create(&bench, &token, body).await, words);
    }
    let longer = rich(&ear, &|body| {
        body["expirationDateTime"] = in_minutes(1_441).into();
    });
    let longer = create(&bench, &token, longer).await;
    assert_eq!(longer.code(), "ExtensionError");
    assert!(longer.text.contains("can only be 1440 minutes"));
    assert!(ear.validations().is_empty());
    assert!(bench.world().subscriptions().is_empty());

    let valid = create(&bench, &token, rich(&ear, &|_| {})).await;
    assert_eq!(valid.status, 201, "{valid:?}");
    let events = resource("me/events?$select=subject,start");
    let valid = create(&bench, &token, rich(&ear, &events)).await;
    assert_eq!(valid.status, 201, "{valid:?}");
    assert_eq!(ear.validations().len(), 2);
}

#[tokio::test]
async fn s54_options_that_shape_a_listing_are_refused_in_any_subscription() {
    // F9.8
    let bench = Bench::start().await;
    let ear = Ear::open().await;
    let token = bench.token(0);

    for (option, words) in [
        ("$top=5", "'$top' is not supported"),
        ("$skip=5", "'$skip' is not supported"),
        ("$orderby=subject", "'$orderby' is not supported"),
        ("$select=subject,Body", "cannot include 'body'"),
        ("$expand=attachments", "Only extended properties"),
    ] {
        let body = wish(&ear, &format!("me/messages?{option}"));
        assert_refused(&create(&bench, &token, body).await, words);
    }
    assert!(ear.validations().is_empty());
    let extended = "$expand=singleValueExtendedProperties";
    let body = wish(&ear, &format!("me/messages?{extended}"));
    assert_eq!(create(&bench, &token, body).await.status, 201);
}
