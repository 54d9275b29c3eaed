//! A fault-injecting proxy between the functions and DynamoDB. It also records the requests and what they cost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::refused_writes::refused_units;

/// What the proxy does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Forwards it.
    None,
    /// Rejects it with ThrottlingException.
    Throttled,
    /// The request is rejected as invalid, with a message that quotes personal data.
    Rejected,
    /// Rejects a write because another transaction is writing the same item: TransactionConflict.
    TransactionConflict,
    /// Cancels a transaction with ThrottlingError as the reason. Forwards every other request.
    ThrottledTransaction,
    /// Answers half of the keys of a BatchGetItem, and returns the others as UnprocessedKeys.
    UnprocessedKeys,
    /// Answers with the previous response to the same request, if there is one and it is not strongly consistent.
    StaleRead,
    /// Does not forward the request and never answers. The connection stays open.
    HeldRequest,
    /// Does not forward the request, and closes the connection.
    LostRequest,
    /// Forwards the request, and closes the connection instead of returning the response.
    LostResponse,
    /// Forwards the request, and never returns the response. The connection stays open.
    HeldResponse,
}

/// A request that reached DynamoDB.
#[derive(Debug, Clone)]
pub struct ForwardedRequest {
    /// For example `PutItem`.
    pub operation: String,
    /// Capacity units that AWS bills for it, on the table and its indexes, also if it was refused.
    pub units: f64,
}

type ChooseFault = Box<dyn FnMut(&str) -> Fault + Send>;

struct Proxied {
    engine_url: String,
    http: reqwest::Client,
    forwarded: Mutex<Vec<ForwardedRequest>>,
    choose_fault: Mutex<ChooseFault>,
    /// The last response to each request, by the request's body.
    responses: Mutex<HashMap<String, String>>,
    response_held: tokio::sync::Notify,
}

/// The proxy. Its clones are the same proxy.
#[derive(Clone)]
pub struct FaultProxy {
    url: String,
    proxied: Arc<Proxied>,
}

impl FaultProxy {
    /// Starts a proxy in front of the DynamoDB at this address. It forwards everything until [`inject`](Self::inject).
    pub async fn start(engine_url: &str) -> Self {
        let proxied = Arc::new(Proxied {
            engine_url: engine_url.to_owned(),
            http: reqwest::Client::new(),
            forwarded: Mutex::default(),
            choose_fault: Mutex::new(Box::new(|_| Fault::None)),
            responses: Mutex::default(),
            response_held: tokio::sync::Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(handle).with_state(Arc::clone(&proxied));
        tokio::spawn(async move { axum::serve(listener, app).await });
        FaultProxy { url, proxied }
    }

    /// The address that the functions use as DynamoDB's.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on, `choose` picks the fault of each request by its operation, for example `PutItem`.
    pub fn inject(&self, choose: impl FnMut(&str) -> Fault + Send + 'static) {
        *self.proxied.choose_fault.lock().unwrap() = Box::new(choose);
    }

    /// Injects a fault into the next request of this operation only.
    pub fn inject_once(&self, operation: &'static str, fault: Fault) {
        let mut injected = false;
        self.inject(move |next| {
            let inject = next == operation && !injected;
            injected |= inject;
            if inject { fault } else { Fault::None }
        });
    }

    /// Waits for the next [`Fault::HeldResponse`].
    pub async fn response_held(&self) {
        self.proxied.response_held.notified().await;
    }

    /// Clears the recorded requests.
    pub fn clear(&self) {
        self.proxied.forwarded.lock().unwrap().clear();
    }

    /// The requests recorded since the last call, in order. Clears them.
    pub fn take_requests(&self) -> Vec<ForwardedRequest> {
        std::mem::take(&mut self.proxied.forwarded.lock().unwrap())
    }

    /// The operations of [`take_requests`](Self::take_requests).
    pub fn take_operations(&self) -> Vec<String> {
        self.take_requests().into_iter().map(|request| request.operation).collect()
    }
}

async fn handle(State(proxied): State<Arc<Proxied>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    let fault = (proxied.choose_fault.lock().unwrap())(&operation);
    let in_transaction = operation == "TransactWriteItems";
    match fault {
        Fault::Rejected => {
            return rejection("ValidationException", json!({ "message": "Jane +14155550123 is not valid" }));
        }
        Fault::Throttled => return rejection("ThrottlingException", json!({ "message": "slow down" })),
        Fault::TransactionConflict if in_transaction => return cancellation(&body, "TransactionConflict"),
        Fault::TransactionConflict => {
            return rejection("TransactionConflictException", json!({ "message": "conflict" }));
        }
        Fault::ThrottledTransaction if in_transaction => return cancellation(&body, "ThrottlingError"),
        Fault::HeldRequest => return std::future::pending().await,
        Fault::LostRequest => return closed_connection(),
        Fault::None
        | Fault::ThrottledTransaction
        | Fault::UnprocessedKeys
        | Fault::StaleRead
        | Fault::LostResponse
        | Fault::HeldResponse => {}
    }
    let mut request: Value = serde_json::from_slice(&body).unwrap();
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    let unprocessed = if fault == Fault::UnprocessedKeys { split_keys(&mut request) } else { None };
    let (status, mut response) = forward(&proxied, &headers, request.to_string()).await;
    if let Some(keys) = unprocessed {
        let mut answer: Value = serde_json::from_str(&response).unwrap();
        answer["UnprocessedKeys"] = keys;
        response = answer.to_string();
    }
    let answer: Value = serde_json::from_str(&response).unwrap_or_default();
    let units = if status.is_success() { consumed_units(&answer) } else { refused_units(&request, &answer) };
    proxied.forwarded.lock().unwrap().push(ForwardedRequest { operation, units });
    if fault == Fault::LostResponse {
        return closed_connection();
    }
    if fault == Fault::HeldResponse {
        proxied.response_held.notify_one();
        return std::future::pending().await;
    }
    let request = request.to_string();
    let may_be_stale = fault == Fault::StaleRead && !request.contains(r#""ConsistentRead":true"#);
    let previous = proxied.responses.lock().unwrap().insert(request, response.clone());
    let response = previous.filter(|_| may_be_stale).unwrap_or(response);
    (status, [("content-type", "application/x-amz-json-1.0")], response).into_response()
}

/// The engine's status and body.
async fn forward(proxied: &Proxied, headers: &HeaderMap, body: String) -> (StatusCode, String) {
    let mut request = proxied.http.post(&proxied.engine_url).body(body);
    for name in ["authorization", "content-type", "x-amz-date", "x-amz-target"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

/// Cancels a transaction, with the same reason for each of its writes.
fn cancellation(body: &[u8], reason: &str) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap();
    let reasons = vec![json!({ "Code": reason }); request["TransactItems"].as_array().unwrap().len()];
    rejection("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

/// Removes half of the keys from a BatchGetItem and returns them in the form of UnprocessedKeys.
fn split_keys(request: &mut Value) -> Option<Value> {
    let (table, wanted) = request["RequestItems"].as_object_mut()?.iter_mut().next()?;
    let keys = wanted["Keys"].as_array_mut()?;
    let unprocessed = keys.split_off(keys.len().div_ceil(2));
    (!unprocessed.is_empty()).then(|| json!({ table: { "Keys": unprocessed, "ConsistentRead": true } }))
}

fn consumed_units(response: &Value) -> f64 {
    let units = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or(0.0);
    match &response["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => units(table),
    }
}

fn rejection(code: &str, mut body: Value) -> Response {
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

/// No response: the connection is closed in the middle of the body.
fn closed_connection() -> Response {
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("closed")) });
    axum::body::Body::from_stream(broken).into_response()
}
