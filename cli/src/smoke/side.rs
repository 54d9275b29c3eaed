//! One of the two deployments that get the same calls: the one that is checked, or the local stack.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::shape::Shape;
use super::wire::{Answer, Endpoint, Error, Request};

/// How often a call is made that is rejected by the rate limit or by API Gateway's throttling.
const ATTEMPTS: u32 = 3;

/// The token of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer {
    /// The side's own.
    Own,
    /// One that was never issued.
    Unknown,
    /// No header.
    None,
}

/// A request of a case. In the target, the headers and the body, `$run`, `$slug`, `$phone1` … and the names of captured
/// values, such as `$id1`, stand for the side's values.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The method.
    pub(super) method: &'static str,
    /// The path and the query.
    pub(super) target: String,
    /// The token that is sent.
    pub(super) bearer: Bearer,
    /// Further headers; `Content-Type` is among them.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(super) body: String,
}

/// A deployment with what is known of it.
pub(super) struct Side {
    /// Where it answers.
    pub(super) endpoint: Endpoint,
    /// The secret token.
    token: String,
    /// Values by their names: `$id1` and the contact's id.
    values: Vec<(String, String)>,
}

impl Side {
    /// A deployment and a token that it accepts.
    pub(super) fn new(endpoint: Endpoint, token: &str) -> Self {
        Self { endpoint, token: token.to_owned(), values: Vec::new() }
    }

    /// From now on, `$name` stands for this value in calls and is written instead of it in shapes.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.retain(|(known, _)| known[1..] != *name);
        self.values.push((format!("${name}"), value.into()));
        // `$phone10` is replaced before `$phone1`.
        self.values.sort_by(|(a, _), (b, _)| b.cmp(a));
    }

    /// The value of a name.
    pub(super) fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| known[1..] == *name).map_or("", |(_, value)| value)
    }

    /// Takes a value from an answer.
    pub(super) fn capture(&mut self, name: &str, pointer: &str, answer: &Answer) {
        let body = serde_json::from_slice::<Value>(&answer.body).ok();
        if let Some(value) = body.as_ref().and_then(|body| body.pointer(pointer)).and_then(Value::as_str) {
            self.set(name, value);
        }
    }

    /// The text with this side's values.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.values {
            text = text.replace(name, value);
        }
        text
    }

    /// The request of a call, with its token.
    pub(super) fn request(&self, call: &Call) -> Request {
        let mut headers: Vec<(String, String)> =
            call.headers.iter().map(|(name, value)| ((*name).to_owned(), self.fill(value))).collect();
        let token = match call.bearer {
            Bearer::Own => Some(self.token.as_str()),
            Bearer::Unknown => Some("fiq_a-token-that-nobody-has"),
            Bearer::None => None,
        };
        headers.extend(token.map(|token| ("Authorization".to_owned(), format!("Bearer {token}"))));
        Request {
            method: call.method.to_owned(),
            target: self.fill(&call.target),
            headers,
            body: self.fill(&call.body).into_bytes(),
        }
    }

    /// Makes a call. A call that is rejected with 429 is repeated after `Retry-After`, or after a second.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) async fn call(&self, call: &Call) -> Result<Answer, Error> {
        let request = self.request(call);
        let mut attempt = 1;
        loop {
            let answer = self.endpoint.send(&request).await?;
            if answer.status != 429 || attempt == ATTEMPTS {
                return Ok(answer);
            }
            let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).unwrap_or(1);
            sleep(Duration::from_secs(u64::min(seconds, 61))).await;
            attempt += 1;
        }
    }

    /// What is compared of an answer to a call.
    pub(super) fn shape(&self, call: &Call, answer: &Answer) -> Shape {
        let own_id = call.headers.iter().find(|(name, _)| *name == "X-Request-Id").map(|(_, value)| value.as_str());
        Shape::of(answer, &self.names(), own_id)
    }

    /// What is compared of an invocation.
    #[cfg(any(feature = "cloud", test))]
    pub(super) fn invocation_shape(&self, outcome: &str, payload: &str) -> Shape {
        Shape::of_invocation(outcome, payload, &self.names())
    }

    /// Values that differ between the sides, and what is written instead: the token, so that nothing shows it, ids of
    /// contacts and of the tenant.
    fn names(&self) -> Vec<(String, String)> {
        let ids = self.values.iter().filter(|(name, _)| name.starts_with("$id") || name == "$tenant");
        let names = ids.map(|(name, value)| (value.clone(), format!("<{}>", &name[1..])));
        names.chain([(self.token.clone(), "<token>".to_owned())]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_get_the_values_of_their_side_and_answers_lose_them() {
        let url = "http://127.0.0.1:1/stage/".parse().unwrap();
        let mut side = Side::new(Endpoint::new(&url).unwrap(), "secret");
        side.set("phone1", "+9991");
        side.set("phone10", "+9992");
        side.set("id1", "x");
        side.set("id1", "d6f0d85e");
        let call = Call {
            method: "POST",
            target: "/$phone10".into(),
            bearer: Bearer::Own,
            headers: vec![("X-A", "$id1".into())],
            body: "$phone1".into(),
        };
        let request = side.request(&call);
        assert_eq!((request.target.as_str(), request.body.as_slice()), ("/+9992", b"+9991".as_slice()));
        let headers = [("X-A".to_owned(), "d6f0d85e".to_owned()), ("Authorization".into(), "Bearer secret".into())];
        assert_eq!(request.headers, headers);
        let shape = side.invocation_shape("answered", "d6f0d85e secret +9991");
        assert_eq!(shape, Shape::of_invocation("answered", "<id1> <token> +9991", &[]));
    }
}
