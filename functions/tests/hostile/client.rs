//! Sends calls through every event source, and says how they ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::history::Outcome;
use super::operation::Operation;
use super::population::Customer;
use super::report::Violation;

/// The body of API Gateway's own 500: the process of the function has ended.
const PROCESS_ENDED: &str = r#"{"message":"Internal Server Error"}"#;

/// Violations that are found while a run goes on.
pub type Violations = Arc<Mutex<Vec<Violation>>>;

/// The contact of an answer in FlowIQ's format; any other answer as it is.
pub fn contact_of(mut answer: Value) -> Value {
    if answer["contact"].is_object() { answer["contact"].take() } else { answer }
}

/// A client of a deployment.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    pub violations: Violations,
}

/// What a request over HTTP says beside its input.
#[derive(Default, Clone)]
pub struct Headers {
    /// The version to name in `If-Match`.
    pub if_match: Option<u64>,
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// Whether the body differs by a space from that of the operation.
    pub has_other_body: bool,
    /// The cursor in the query string.
    pub cursor: Option<String>,
}

/// The answer to a request over HTTP.
pub struct Answer {
    /// How the call ended.
    pub outcome: Outcome,
    /// The version in the `ETag`.
    pub etag: Option<u64>,
    pub body: String,
    /// Whether it has `Idempotency-Replayed: true`.
    pub is_replayed: bool,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl Answer {
    /// There was no answer, for this reason.
    fn none(why: &str) -> Self {
        let outcome = Outcome::Unknown(why.to_owned());
        Answer { outcome, etag: None, body: String::new(), is_replayed: false, next: None }
    }
}

/// The answer of an invocation.
pub enum Invocation {
    Answered(Value),
    /// The error type.
    Failed(String),
    /// There was no answer.
    Lost,
}

impl Client {
    pub fn new(violations: Violations) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Client { http, violations }
    }

    /// Makes a call over HTTP with a token of the customer.
    pub async fn call(
        &self,
        url: &str,
        customer: &Customer,
        token: &str,
        operation: &Operation,
        headers: &Headers,
    ) -> Answer {
        let action = format!("/api/v1/actions/{}", operation.function());
        let (method, path, token, body) = match operation {
            Operation::Me => ("GET", "/api/v1/me".to_owned(), token, String::new()),
            Operation::FlowiqGet { phone } => {
                let path = format!("/contact?tenantId={}&phone_number={phone}", customer.slug);
                ("GET", path, &*customer.key, String::new())
            }
            Operation::FlowiqCreate { .. } => {
                let path = format!("/contact?tenantId={}", customer.slug);
                ("POST", path, &*customer.key, operation.input().to_string())
            }
            Operation::ChangePhone { .. } => ("POST", "/mcp".to_owned(), token, operation.input().to_string()),
            Operation::Refused { token, .. } => ("POST", action, &**token, operation.input().to_string()),
            _ => ("POST", action, token, operation.input().to_string()),
        };
        let body = if headers.has_other_body { body + " " } else { body };
        let cursor = headers.cursor.as_ref().map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
        let request = self.http.request(method.parse().unwrap(), format!("{url}{path}{cursor}"));
        let request = request.header("authorization", format!("Bearer {token}")).body(body);
        let if_match = headers.if_match.map(|version| ("if-match", format!("\"{version}\"")));
        let key = headers.key.clone().map(|key| ("idempotency-key", key));
        let request =
            if_match.into_iter().chain(key).fold(request, |request, (name, value)| request.header(name, value));
        let Ok(response) = request.header("content-type", "application/json").send().await else {
            return Answer::none("no response");
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let etag = headers.get("etag").and_then(|tag| tag.to_str().ok()?.trim_matches('"').parse().ok());
        let is_replayed = headers.get("idempotency-replayed").is_some_and(|value| value == "true");
        let next = headers.get("x-next-cursor").and_then(|cursor| cursor.to_str().ok()).map(str::to_owned);
        match response.text().await {
            Ok(body) => {
                let outcome = self.outcome(operation, status, &headers, &body);
                Answer { outcome, etag, body, is_replayed, next }
            }
            Err(_) => Answer::none("half a response"),
        }
    }

    fn outcome(&self, operation: &Operation, status: u16, headers: &HeaderMap, body: &str) -> Outcome {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let json = || serde_json::from_str(body).unwrap_or_default();
        match (status, header("x-contact-outcome")) {
            (200, None) if matches!(operation, Operation::ChangePhone { .. }) => self.of_tool(&json()),
            (200 | 201, Some("created")) => Outcome::Created(contact_of(json())),
            (200 | 201, Some("updated")) => Outcome::Updated(contact_of(json())),
            (200 | 201, Some("unchanged")) => Outcome::Unchanged(contact_of(json())),
            (200, None) if !operation.writes() => Outcome::Read(contact_of(json())),
            (200, None) if matches!(operation, Operation::Delete { .. }) => Outcome::Done(Some(json())),
            (400..500, _) => Outcome::Refused(status.to_string()),
            (503, _) if header("retry-after").is_some() => Outcome::Unknown("503".to_owned()),
            (500, _) if body == PROCESS_ENDED => Outcome::Unknown("the process ended".to_owned()),
            _ => {
                let sentence = format!("{} answered {status} {body} {headers:?}", operation.function());
                self.violate("answers have a documented status", sentence);
                Outcome::Unknown(status.to_string())
            }
        }
    }

    /// How the call of a tool ended that has got this answer.
    fn of_tool(&self, answer: &Value) -> Outcome {
        let result = &answer["result"];
        let (contact, text) = (&result["structuredContent"], result["content"][0]["text"].as_str().unwrap_or_default());
        match (result["isError"] == true, contact["outcome"].as_str()) {
            (false, Some("updated")) => Outcome::Updated(contact.clone()),
            (false, Some("unchanged")) => Outcome::Unchanged(contact.clone()),
            (true, _) if text.starts_with("Contact not found.") => Outcome::Refused("404".to_owned()),
            (true, _) if text.starts_with("Contact already exists.") => Outcome::Refused("409".to_owned()),
            (true, _) if text.starts_with("Service Unavailable.") => Outcome::Unknown("503 of a tool".to_owned()),
            _ => {
                self.violate("answers have a documented status", format!("update_contact answered {answer}"));
                Outcome::Unknown("no result".to_owned())
            }
        }
    }

    /// Invokes a function directly.
    pub async fn invoke(&self, url: &str, function: &str, event: &Value) -> Invocation {
        let url = format!("{url}/2015-03-31/functions/{function}/invocations");
        let Ok(response) = self.http.post(url).body(event.to_string()).send().await else { return Invocation::Lost };
        let failed = response.headers().contains_key("x-amz-function-error");
        let Some(body) = response.text().await.ok().and_then(|body| serde_json::from_str::<Value>(&body).ok()) else {
            return Invocation::Lost;
        };
        if !failed {
            return Invocation::Answered(body);
        }
        let error_type = body["errorType"].as_str().unwrap_or("none").to_owned();
        let known = [
            "Conflict",
            "Throttled",
            "Unavailable",
            "TimedOut",
            "ValidationFailed",
            "ContactNotFound",
            "ContactExists",
            "Runtime.ExitError",
        ];
        if !known.contains(&&*error_type) {
            self.violate("events fail with a documented error type", format!("{function} failed with {body}"));
        }
        Invocation::Failed(error_type)
    }

    /// Sends an event to the bus, which delivers it to the function of that name.
    pub async fn put_event(&self, url: &str, bus: &str, function: &str, detail: &Value) -> bool {
        let entry =
            json!({ "EventBusName": bus, "Source": "crm", "DetailType": function, "Detail": detail.to_string() });
        let request = self.http.post(url).header("x-amz-target", "AWSEvents.PutEvents");
        let request = request.header("content-type", "application/x-amz-json-1.1");
        let Ok(response) = request.body(json!({ "Entries": [entry] }).to_string()).send().await else { return false };
        let text = response.text().await.unwrap_or_default();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        answer["FailedEntryCount"] == 0
    }

    pub fn violate(&self, rule: &'static str, sentence: String) {
        self.violations.lock().unwrap().push(Violation::new(rule, sentence));
    }
}
