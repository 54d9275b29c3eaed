//! Earlier responses, for eventually consistent reads.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

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

/// A response to a BatchGetItem that has the contacts of an earlier one, and its own other items. `None` for another
/// operation.
///
/// A read is eventually consistent for each item by itself.
pub(super) fn earlier_contacts(earlier: &str, present: &str) -> Option<String> {
    let [mut earlier, mut present]: [Value; 2] =
        [serde_json::from_str(earlier).ok()?, serde_json::from_str(present).ok()?];
    let is_contact = |item: &Value| item["item"]["S"].as_str().is_some_and(|key| key.starts_with("contact#"));
    for (table, items) in present["Responses"].as_object_mut()? {
        let (items, earlier) = (items.as_array_mut()?, earlier["Responses"][table].as_array_mut()?);
        items.retain(|item| !is_contact(item));
        items.extend(earlier.drain(..).filter(is_contact));
    }
    Some(present.to_string())
}

/// A page of an index some of whose rows are stale: each row is as in the earlier page or as in the present one, and one
/// that is in only one of them is there or not. `None` if one of the pages is not the only one.
///
/// An index is eventually consistent for each item by itself, so this is what DynamoDB may answer.
pub(super) fn mixed_page(earlier: &str, present: &str, mut choose: impl FnMut() -> bool) -> Option<String> {
    let [earlier, mut present]: [Value; 2] = [serde_json::from_str(earlier).ok()?, serde_json::from_str(present).ok()?];
    if [&earlier, &present].iter().any(|page| page["LastEvaluatedKey"].is_object()) {
        return None;
    }
    let mut rows: BTreeMap<String, [Option<Value>; 2]> = BTreeMap::new();
    for (age, page) in [&earlier, &present].into_iter().enumerate() {
        for row in page["Items"].as_array()? {
            rows.entry(row["item"]["S"].as_str()?.to_owned()).or_default()[age] = Some(row.clone());
        }
    }
    let mut mixed: Vec<Value> = rows.into_values().filter_map(|[old, new]| if choose() { old } else { new }).collect();
    // The order of the tag index, which is read in descending order.
    let sort_key = |row: &Value| [&row["active_at"], &row["id"]].map(|value| value["S"].to_string());
    mixed.sort_by_key(|row| std::cmp::Reverse(sort_key(row)));
    present["Count"] = json!(mixed.len());
    present["Items"] = mixed.into();
    Some(present.to_string())
}
