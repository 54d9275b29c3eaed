//! Counting what DynamoDB bills for a call.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Bundle, FaultProxy, failed_records, options, output_of, sqs_record, with_rate_limit};

/// The read units and write units of the calls, by function and case.
pub type Units = BTreeMap<(String, String), (f64, f64)>;

/// A deployment behind the counting proxy, and the units counted so far.
pub struct Counter {
    pub bundle: Bundle,
    pub proxy: FaultProxy,
    units: Units,
}

impl Counter {
    pub async fn call(&self, request: &str, body: Value) {
        let reply = self.bundle.ask(request, &body.to_string()).await;
        assert!(reply.status < 300, "{request}: {reply:?}");
    }

    /// A contact with three index entries: it has a name and an email address.
    pub async fn create(&self, phone: &str, tags: &str) {
        let email = format!("jane{phone}@example.com").replace('+', ".");
        let body = json!({ "phone": phone, "name": "Jane Smith", "email": email, "tags": tags });
        self.call("create-contact", body).await;
    }

    /// Starts counting: the change feed has published everything and knows the tenant, and nothing is running.
    pub async fn begin(&self) {
        for action in ["add-tag", "remove-tag"] {
            self.call("create-contact", json!({ "phone": "+14155559999" })).await;
            self.call(action, json!({ "phone": "+14155559999", "tag": "warm" })).await;
        }
        self.bundle.caught_up().await;
        self.proxy.clear();
    }

    /// Notes what has been counted as the cost of this case.
    pub fn end(&mut self, function: &str, case: &str) {
        let seen = self.proxy.take_requests();
        let is_write = |operation: &str| ["Put", "Write", "Update"].iter().any(|verb| operation.contains(verb));
        let units = |write| seen.iter().filter(|s| is_write(&s.operation) == write).map(|s| s.units).sum::<f64>();
        self.units.insert((function.to_owned(), case.to_owned()), (units(false), units(true)));
    }

    /// Counts an HTTP call with this status. The token is put into the cache by a call with an empty body first, which
    /// every function but those without input rejects before it reads a contact.
    pub async fn http(&mut self, function: &str, case: &str, request: &str, body: Value, status: u16) {
        self.bundle.ask(request, if function == "search-contacts" { r#"{"tag":","}"# } else { "{}" }).await;
        self.begin().await;
        let reply = self.bundle.ask(request, &body.to_string()).await;
        assert_eq!(reply.status, status, "{function}: {case}: {reply:?}");
        self.end(function, case);
    }

    /// Counts an action of Qyvo.
    pub async fn action(&mut self, function: &str, case: &str, body: Value) {
        let status = if function == "create-contact" { 201 } else { 200 };
        self.http(function, case, function, body, status).await;
    }

    /// Counts an action of Qyvo that is called with this header, as [`http`](Self::http) does.
    pub async fn with_header(
        &mut self,
        (function, case): (&str, &str),
        header: (&str, &str),
        body: Value,
        status: u16,
    ) {
        self.bundle.ask(function, "{}").await;
        self.begin().await;
        let headers = [("authorization", "Bearer demo-token"), header];
        let reply = self.bundle.send(function, &headers, body.to_string()).await;
        assert_eq!(reply.status, status, "{function}: {case}: {reply:?}");
        self.end(function, case);
    }

    /// Counts a call of a tool of the MCP server that succeeds.
    pub async fn tool(&mut self, case: &str, tool: &str, arguments: Value) {
        let result = self.tool_result(case, tool, arguments).await;
        assert!(result["structuredContent"].is_object(), "{case}: {result}");
    }

    /// Counts a call of a tool of the MCP server, and returns its result.
    pub async fn tool_result(&mut self, case: &str, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        // The token is put into the cache.
        self.bundle.ask("POST /mcp", "{}").await;
        self.begin().await;
        let reply = self.bundle.ask("POST /mcp", &body.to_string()).await;
        self.end("mcp", case);
        reply.json()["result"].take()
    }

    /// Counts an event of these inputs: a direct invocation of one, or a batch of a queue.
    pub async fn event(&mut self, function: &str, case: &str, inputs: &[Value]) {
        let mut warm = inputs[0].clone();
        warm["phone"] = json!("+14155559999");
        if inputs[0].get("message_id").is_some() {
            warm["message_id"] = json!(format!("warm {case}"));
        }
        output_of(&self.bundle.invoke(function, self.bundle.envelope(warm).await).await);
        let mut events = Vec::new();
        for input in inputs {
            events.push(self.bundle.envelope(input.clone()).await);
        }
        self.begin().await;
        if let [event] = &events[..] {
            output_of(&self.bundle.invoke(function, event.clone()).await);
        } else {
            let record = |(n, event): (usize, &Value)| sqs_record(&n.to_string(), &event.to_string(), None);
            let records: Vec<Value> = events.iter().enumerate().map(record).collect();
            let outcome = self.bundle.invoke(function, json!({ "Records": records })).await;
            assert_eq!(failed_records(&outcome), [""; 0]);
        }
        self.end(function, case);
    }

    /// Counts the import of one row.
    pub async fn import(&mut self, case: &str, cells: Value) {
        let batch = json!({ "rows": [{ "cells": cells }] });
        let mut check = batch.clone();
        check["check"] = json!(true);
        output_of(&self.bundle.invoke("import-contacts", self.bundle.envelope(check).await).await);
        let event = self.bundle.envelope(batch).await;
        self.begin().await;
        output_of(&self.bundle.invoke("import-contacts", event).await);
        self.end("import-contacts", &format!("a row: {case}"));
    }
}

/// Runs one group of cases in a deployment of its own. Returns the units, and the length of the longest line that a call
/// logged.
pub async fn count(rate_limit: Option<u32>, cases: impl AsyncFnOnce(&mut Counter)) -> (Units, usize) {
    let settings = rate_limit.map_or_else(options, with_rate_limit);
    let (bundle, proxy, _engine) = Bundle::behind_proxy_with(settings).await;
    let mut counter = Counter { bundle, proxy, units: Units::new() };
    cases(&mut counter).await;
    let lines = counter.bundle.log.lines();
    let longest = lines.iter().filter(|line| line.contains(r#""answered""#)).map(String::len).max().unwrap();
    (counter.units, longest)
}
