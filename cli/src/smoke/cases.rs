//! The cases: every action with its successes and its errors, in an order in which each finds what earlier ones wrote.

use serde_json::{Value, json};

use super::side::{Bearer, Call};
use super::wire::Answer;

/// Why an answer may differ from the local stack's although nothing is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownDifference {
    /// The statuses, other than the documented one, with which the services in front of the functions may answer.
    pub(super) statuses: &'static [u16],
    /// Whether an answer with the documented status may have a body and headers of its own, too.
    pub(super) has_own_body: bool,
    /// What such an answer has to fulfil; the lines say what is wrong.
    pub(super) check: Option<fn(&Call, &Answer) -> Vec<String>>,
    /// The reason, for the report.
    pub(super) reason: &'static str,
}

/// A call, and the answer that it has to get.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// The function, or what the case is about.
    pub(super) group: &'static str,
    /// What the call is, in words.
    pub(super) name: String,
    /// The call.
    pub(super) call: Call,
    /// The documented status.
    pub(super) status: u16,
    /// Whether the answer is eventually consistent: it is asked for again until it is as expected.
    pub(super) eventually: bool,
    /// A value to take from the answer: its name and a JSON pointer.
    pub(super) capture: Option<(&'static str, &'static str)>,
    /// A difference that is known.
    pub(super) known: Option<KnownDifference>,
    /// The target that the local stack is asked for, if it refuses the deployment's.
    pub(super) local_target: Option<&'static str>,
}

impl Case {
    /// A request with the side's own token.
    pub(super) fn new(group: &'static str, method: &'static str, target: &str, status: u16, name: &str) -> Self {
        let call =
            Call { method, target: target.to_owned(), bearer: Bearer::Own, headers: Vec::new(), body: String::new() };
        Self {
            group,
            name: name.to_owned(),
            call,
            status,
            eventually: false,
            capture: None,
            known: None,
            local_target: None,
        }
    }

    /// A call of one of Qyvo's actions.
    fn action(action: &'static str, body: Value, status: u16, name: &str) -> Self {
        let target = format!("/api/v1/actions/{action}");
        Self::new(action, "POST", &target, status, name).json(&body)
    }

    /// The same with a body of JSON.
    fn json(self, body: &Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    /// The same with any body.
    pub(super) fn body(self, content_type: &str, body: &str) -> Self {
        let mut case = self.header("Content-Type", content_type);
        case.call.body = body.to_owned();
        case
    }

    /// The same with another header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.call.headers.push((name, value.to_owned()));
        self
    }

    /// The same with another token.
    pub(super) fn bearer(mut self, bearer: Bearer) -> Self {
        self.call.bearer = bearer;
        self
    }

    /// The same with an answer that may take a moment to be as expected.
    fn eventually(self) -> Self {
        Self { eventually: true, ..self }
    }

    fn capture(self, name: &'static str, pointer: &'static str) -> Self {
        Self { capture: Some((name, pointer)), ..self }
    }

    /// The same with a known difference.
    pub(super) fn known(self, statuses: &'static [u16], reason: &'static str) -> Self {
        Self { known: Some(KnownDifference { statuses, has_own_body: false, check: None, reason }), ..self }
    }

    /// The call of the local stack.
    pub(super) fn local_call(&self) -> Call {
        let target = self.local_target.map_or_else(|| self.call.target.clone(), str::to_owned);
        Call { target, ..self.call.clone() }
    }
}

/// The calls of every action. `flowiq` says whether the token is a FlowIQ key and the tenant's slug is known.
pub(super) fn actions(flowiq: bool) -> Vec<Case> {
    let mut cases = qyvo();
    cases.extend(if flowiq { flowiq_cases() } else { flowiq_refusals() });
    cases.extend(document());
    cases
}

fn qyvo() -> Vec<Case> {
    let a = Case::action;
    let (phone, unknown) = (json!({ "phone": "$phone1" }), json!({ "phone": "$phone9" }));
    let full = json!({
        "phone": "$phone1", "name": "Carnet Smoke Zoë $run", "email": "$run@example.com", "tags": "$run, fr-FR",
        "metadata": { "lifetime_value": 0, "nested": { "list": [1, null, "é"] } },
    });
    // serde_json would write 8742.0; the API keeps the spelling of numbers.
    let spelling = |case: Case| {
        let body = case.call.body.replace("\"lifetime_value\":0", "\"lifetime_value\":8742.00");
        Case { call: Call { body, ..case.call }, ..case }
    };
    vec![
        Case::new("me", "GET", "/api/v1/me", 200, "the token's user and tenant"),
        Case::new("me", "GET", "/api/v1/me", 401, "without a token").bearer(Bearer::None),
        Case::new("me", "GET", "/api/v1/me", 401, "with an unknown token").bearer(Bearer::Unknown),
        spelling(a("create-contact", full.clone(), 201, "a new contact")).capture("id1", "/id"),
        spelling(a("create-contact", full, 201, "the same again changes nothing")),
        a(
            "create-contact",
            json!({ "phone": "$spaced1", "name": "Renamed $run" }),
            201,
            "another spelling, another name",
        ),
        a("create-contact", json!({}), 422, "without a phone number"),
        a("create-contact", json!({ "phone": "1", "email": "x", "tags": 5 }), 422, "several invalid fields"),
        a("create-contact", json!({}), 422, "JSON that is cut off").body("application/json", "{\"phone\":"),
        a("create-contact", phone.clone(), 401, "without a token").bearer(Bearer::None),
        a("get-contact", phone.clone(), 200, "by phone number"),
        a("get-contact", json!({ "contact_id": "$id1" }), 200, "by id"),
        a("get-contact", json!({ "email": "$run@EXAMPLE.com" }), 200, "by email address").eventually(),
        a("get-contact", unknown.clone(), 404, "an unknown number"),
        a("get-contact", json!({ "phone": "$phone1", "email": "x@example.com" }), 422, "two criteria"),
        a("get-contact", json!({}), 422, "no criterion"),
        a("update-contact", json!({ "contact_id": "$id1", "metadata": { "city": "Santos" } }), 200, "merges metadata"),
        a("update-contact", json!({ "contact_id": "$id1", "metadata": { "city": "Santos" } }), 200, "changes nothing"),
        a("update-contact", unknown.clone(), 404, "an unknown number"),
        a("update-contact", json!({}), 422, "no contact"),
        a("get-contact", json!({ "contact_id": "$id1" }), 200, "after the update"),
        a("add-tag", json!({ "phone": "$phone1", "tag": "$run-b" }), 200, "a new tag"),
        a("add-tag", json!({ "phone": "$phone1", "tag": "$run-b" }), 200, "a tag that is there"),
        a("add-tag", json!({ "phone": "$phone1", "tag": "a,b" }), 422, "a tag with a comma"),
        a("add-tag", json!({ "phone": "$phone9", "tag": "$run" }), 404, "an unknown number"),
        a("list-tags", json!({ "name": "$RUN" }), 200, "the tags of this run"),
        a("list-tags", json!({ "name": 5 }), 422, "an invalid field"),
        a("search-contacts", json!({ "tag": "$run-b" }), 200, "by tag").eventually(),
        a("search-contacts", json!({ "query": "renamed $RUN" }), 200, "by text").eventually(),
        a("search-contacts", json!({ "query": "$spaced1" }), 200, "by number").eventually(),
        a("search-contacts", json!({ "email": "$run@example.com" }), 200, "by email address").eventually(),
        a("search-contacts", json!({ "tag": "$run-c" }), 200, "nothing matches"),
        a("search-contacts", json!({ "query": 5 }), 422, "an invalid field"),
        a("remove-tag", json!({ "contact_id": "$id1", "tag": "$run-b" }), 200, "a tag that is there"),
        a("remove-tag", json!({ "contact_id": "$id1", "tag": "$run-b" }), 200, "a tag that is gone"),
        a("remove-tag", json!({ "phone": "$phone9", "tag": "$run" }), 404, "an unknown number"),
        a("search-contacts", json!({ "tag": "$run-b" }), 200, "by a tag that was removed").eventually(),
        a(
            "batch-upsert-contacts",
            json!({ "contacts": [{ "phone": "$phone1" }, { "phone": "$spaced1" }, { "phone": "1" }] }),
            200,
            "unchanged contacts and an invalid one",
        ),
        a("batch-upsert-contacts", json!({}), 422, "no contacts"),
        a(
            "create-contact",
            json!({ "phone": "$phone5", "name": "Carnet Smoke $run", "tags": "$run" }),
            201,
            "to delete it",
        ),
        a("delete-contact", json!({ "phone": "$phone5" }), 401, "without a token").bearer(Bearer::None),
        a("delete-contact", json!({ "phone": "$spaced5" }), 200, "by phone number, in another spelling"),
        a("delete-contact", json!({ "phone": "$phone5" }), 404, "a contact that was deleted"),
        a("delete-contact", json!({}), 422, "no contact"),
        a("get-contact", json!({ "phone": "$phone5" }), 404, "after the deletion"),
        a("search-contacts", json!({ "query": "$phone5" }), 200, "by the number that was deleted").eventually(),
        a("create-contact", json!({ "phone": "$phone5" }), 201, "after the deletion").capture("id5", "/id"),
        a("get-contact", json!({ "phone": "$phone5" }), 200, "a contact that was created again"),
        a("delete-contact", json!({ "contact_id": "$id5" }), 200, "by id"),
    ]
}

fn flowiq_cases() -> Vec<Case> {
    let get =
        |query: &str, status, name| Case::new("flowiq-get-contact", "GET", &format!("/contact?{query}"), status, name);
    let create = |body: Value, status, name| {
        Case::new("flowiq-create-contact", "POST", "/contact?tenantId=$slug", status, name).json(&body)
    };
    let new = json!({ "phone_number": "$digits2", "name": "Carnet Smoke $run", "tags": "$run" });
    vec![
        create(new.clone(), 201, "a new contact").capture("id2", "/contact/id"),
        create(new, 409, "the same number again"),
        create(json!({}), 400, "without a number"),
        create(json!({ "phone_number": "12" }), 400, "an invalid number"),
        get("tenantId=$slug&phone_number=$digits1", 200, "the contact of the other product"),
        get("tenantId=$slug&whatsapp_id=$digits2", 200, "by WhatsApp id"),
        get("tenantId=$slug&phone_number=+$digits2", 200, "a plus sign that is not encoded"),
        get("tenantId=$slug&phone_number=%2B$digits2", 200, "an encoded plus sign"),
        get("tenantId=$slug&phone_number=%20$digits2%20", 200, "encoded spaces"),
        get("tenantId=$slug&phone_number=%22%3C", 404, "not a number"),
        get("tenantId=$slug&phone_number=$digits9", 404, "an unknown number"),
        get("tenantId=$slug", 400, "without a number"),
        get("phone_number=$digits2", 400, "without a tenant"),
        get("tenantId=no-tenant-has-this-slug&phone_number=$digits2", 401, "another tenant"),
        get("tenantId=$slug&phone_number=$digits2", 401, "without a key").bearer(Bearer::None),
    ]
}

/// What a token that is not a FlowIQ key gets.
fn flowiq_refusals() -> Vec<Case> {
    let new = |group, method| Case::new(group, method, "/contact?tenantId=x", 401, "a token that is not a key");
    vec![new("flowiq-get-contact", "GET"), new("flowiq-create-contact", "POST").json(&json!({}))]
}

fn document() -> Vec<Case> {
    let get = |path, name| Case::new("openapi", "GET", path, 200, name).bearer(Bearer::None);
    vec![
        get("/api/v1/openapi.json", "the document in JSON"),
        get("/api/v1/openapi.yaml", "the document in YAML"),
        get("/api/v1/asyncapi.json", "the document of events in JSON"),
        get("/api/v1/asyncapi.yaml", "the document of events in YAML"),
    ]
}

/// The call that deletes a contact of this run.
pub(super) fn clean_up(contact: usize) -> Case {
    let body = json!({ "phone": format!("$phone{contact}") });
    let case = Case::action("delete-contact", body, 200, &format!("deletes contact {contact}"));
    Case { group: "clean-up", ..case }
}

/// The call that says whether a contact of this run exists.
pub(super) fn lookup(contact: usize) -> Case {
    Case::action("get-contact", json!({ "phone": format!("$phone{contact}") }), 200, "")
}

/// A call after idle time: it reads a contact, so it needs the token, its tenant and a connection to DynamoDB.
pub(super) fn after_idle() -> Vec<Case> {
    let read = Case::action("get-contact", json!({ "contact_id": "$id1" }), 200, "a read of a process that was idle");
    let write = Case::action("add-tag", json!({ "contact_id": "$id1", "tag": "$run" }), 200, "a write");
    [read, write].map(|case| Case { group: "idle", ..case }).into()
}
