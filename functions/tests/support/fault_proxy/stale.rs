//! Earlier responses, for eventually consistent reads.

use std::collections::HashMap;

use serde_json::Value;

/// How many requests are remembered. When the number is reached, all are forgotten.
const MAX_REMEMBERED: usize = 4_096;

/// A response to each eventually consistent read, by the request's body: the last one that was not itself stale.
#[derive(Default)]
pub(super) struct EarlierResponses(HashMap<String, String>);

impl EarlierResponses {
    /// The remembered response to a request.
    pub(super) fn of(&self, request: &str) -> Option<String> {
        self.0.get(request).cloned()
    }

    /// Remembers a response in place of the one before.
    pub(super) fn remember(&mut self, request: String, response: String) {
        if self.0.len() >= MAX_REMEMBERED && !self.0.contains_key(&request) {
            self.0.clear();
        }
        self.0.insert(request, response);
    }

    /// Forgets all responses.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Whether DynamoDB may answer a request from an earlier state: a read that does not ask for strong consistency.
pub(super) fn can_be_stale(operation: &str, request: &Value) -> bool {
    match operation {
        "GetItem" | "Query" => request["ConsistentRead"] != true,
        "BatchGetItem" => request["RequestItems"]
            .as_object()
            .is_some_and(|tables| tables.values().all(|wanted| wanted["ConsistentRead"] != true)),
        _ => false,
    }
}
