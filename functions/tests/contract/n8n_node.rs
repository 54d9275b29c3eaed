//! Qyvo's node for n8n (the public repository poms32/n8n-nodes-qyvo, version 0.2.0): the requests that its form sends for
//! every operation of contacts and tags, also where its user leaves fields filled that belong to another operation.

use serde_json::{Value, json};

use crate::support::{Bundle, Reply};

/// For each operation: the action, and the fields that its form shows.
const OPERATIONS: [(&str, &[&str]); 7] = [
    ("create-contact", &["phone", "name", "email", "tags", "metadata"]),
    ("get-contact", &["phone", "contact_id", "email"]),
    ("update-contact", &["phone", "contact_id", "name", "email", "tags", "metadata"]),
    ("search-contacts", &["query", "tag", "email"]),
    ("add-tag", &["phone", "contact_id", "tag"]),
    ("remove-tag", &["phone", "contact_id", "tag"]),
    ("list-tags", &["name"]),
];

/// The form of one node. Fields stay filled when another operation is chosen, and those that it shows are sent.
#[derive(Default)]
struct Form {
    filled: Vec<(&'static str, String)>,
}

impl Form {
    fn fill(&mut self, field: &'static str, value: impl Into<String>) -> &mut Self {
        self.filled.retain(|(name, _)| *name != field);
        self.filled.push((field, value.into()));
        self
    }

    /// The body that the operation sends: blank fields are left out, and metadata, whose field contains `{}` at first,
    /// is parsed and always there.
    fn body(&self, action: &str) -> Value {
        let (_, shown) = OPERATIONS.iter().find(|(name, _)| *name == action).unwrap();
        let mut body = json!({});
        for &field in *shown {
            let text = self.filled.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value);
            match (field, text) {
                ("metadata", "") => body[field] = json!({}),
                ("metadata", text) => body[field] = serde_json::from_str(text).unwrap(),
                (_, "") => {}
                (_, text) => body[field] = json!(text),
            }
        }
        body
    }

    /// Runs the operation, with the headers of the node and its credential.
    async fn run(&self, bundle: &Bundle, action: &str) -> Reply {
        let headers = [("authorization", "Bearer demo-token"), ("accept", "application/json")];
        bundle.send(action, &headers, self.body(action).to_string()).await
    }
}

#[tokio::test]
async fn every_operation_of_the_form_succeeds() {
    let bundle = Bundle::start().await;
    // What the credential is tested with.
    assert_eq!(bundle.me("demo-token").await.status, 200);
    assert_eq!(bundle.me("wrong").await.status, 401);

    let mut form = Form::default();
    form.fill("phone", "+14155550123");
    let created = form.run(&bundle, "create-contact").await;
    assert_eq!((created.status, created.json()["name"].is_null()), (201, true));
    let id = created.json()["id"].as_str().unwrap().to_owned();

    form.fill("name", "Jane").fill("email", "jane@example.com").fill("tags", "vip,fr,newsletter");
    form.fill("metadata", r#"{"plan": "pro"}"#);
    let updated = form.run(&bundle, "create-contact").await;
    assert_eq!((updated.status, updated.json()["tags"].clone()), (201, json!(["vip", "fr", "newsletter"])));

    // A new node for the same contact: its form has only the phone number, and metadata `{}`.
    Form::default()
        .fill("phone", "+14155550123")
        .run(&bundle, "create-contact")
        .await
        .has("x-contact-outcome", "unchanged");

    // The number and the address are still in the form when its operation becomes Get.
    let got = form.run(&bundle, "get-contact").await;
    assert_eq!((got.status, got.json()["metadata"].clone()), (200, json!({ "plan": "pro" })));
    form.fill("contact_id", id.as_str());
    assert_eq!(form.run(&bundle, "get-contact").await.json()["id"], *id);

    form.fill("name", "Janet").fill("metadata", "{}");
    let updated = form.run(&bundle, "update-contact").await;
    assert_eq!((updated.status, updated.json()["name"].clone()), (200, json!("Janet")));
    assert_eq!(form.run(&bundle, "get-contact").await.json()["metadata"], json!({ "plan": "pro" }));

    form.fill("tag", "beta");
    let added = form.run(&bundle, "add-tag").await;
    assert_eq!((added.status, added.json()["tags"].clone()), (200, json!(["vip", "fr", "newsletter", "beta"])));
    form.fill("query", "jane");
    let found = form.run(&bundle, "search-contacts").await;
    assert_eq!((found.status, found.json()[0]["id"].clone()), (200, json!(id)));
    let removed = form.run(&bundle, "remove-tag").await;
    assert_eq!((removed.status, removed.json()["tags"].clone()), (200, json!(["vip", "fr", "newsletter"])));
    assert_eq!(form.run(&bundle, "search-contacts").await.json(), json!([]));
    form.fill("name", "bet");
    let tags = form.run(&bundle, "list-tags").await;
    assert_eq!((tags.status, tags.json()[0]["name"].clone()), (200, json!("beta")));
}

/// The node shows `message` of an answer and nothing else of it.
#[tokio::test]
async fn what_the_form_gets_wrong_is_said_in_message() {
    let bundle = Bundle::start().await;
    let mut form = Form::default();
    form.fill("phone", "+14155550123").fill("email", "jane@example.com").run(&bundle, "create-contact").await;
    Form::default().fill("phone", "+14155550124").fill("email", "j@example.com").run(&bundle, "create-contact").await;

    // The address is another contact's, left from an earlier operation.
    form.fill("email", "j@example.com");
    let refused = form.run(&bundle, "get-contact").await;
    assert_eq!((refused.status, refused.json()["message"].is_string()), (422, true), "{}", refused.body);
    form.fill("phone", "4155550123");
    let refused = form.run(&bundle, "create-contact").await;
    assert_eq!((refused.status, refused.json()["message"].clone()), (422, json!("The given data was invalid.")));
    form.fill("phone", "+14155550123").fill("tag", "a,b");
    let refused = form.run(&bundle, "add-tag").await;
    assert_eq!((refused.status, refused.json()["message"].clone()), (422, json!("The given data was invalid.")));
}
