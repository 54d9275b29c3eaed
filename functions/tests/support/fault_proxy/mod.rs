//! A fault-injecting proxy between the functions and DynamoDB. It also records the requests and what they cost.
//!
//! | file | owns |
//! |---|---|
//! | `mod.rs` | [`FaultProxy`]: forwarding, the faults |
//! | `refusals.rs` | DynamoDB's error responses, and connections that break |
//! | `stale.rs` | earlier responses, for eventually consistent reads |
//! | `refused_writes.rs` | what DynamoDB bills for refused writes |

mod refusals;
mod refused_writes;
mod stale;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use refusals::{cancellation, closed_connection, cut_connection, rejection, server_error};
use refused_writes::refused_units;
use stale::EarlierResponses;

/// What the proxy does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Does not forward the request: InternalServerError with status 500.
    InternalError,
    /// Forwards the request, and answers InternalServerError with status 500 all the same.
    InternalErrorAfterwards,
    /// Does not forward the request: ServiceUnavailable with status 503.
    Unavailable,
    /// Answers half of the keys of a BatchGetItem, or makes half of the writes of a BatchWriteItem, and returns the others
    /// as UnprocessedKeys or UnprocessedItems.
    UnprocessedKeys,
    /// Lets a Query examine at most this many rows, so that its page ends with a LastEvaluatedKey although more
    /// rows would have fitted.
    ShortPage(u32),
    /// Answers an eventually consistent read with an earlier response to the same request, if there is one.
    StaleRead,
    /// Answers an eventually consistent BatchGetItem with the contacts of an earlier response to the same request, if there
    /// is one, and with the other items as they are now.
    StaleContacts,
    /// Answers a Query of an index with a page on which each row is as on an earlier page or as it is now. The number
    /// is the seed by which rows are chosen.
    StaleRows(u64),
    /// Does not forward the request and never answers. The connection stays open.
    HeldRequest,
    /// Does not forward the request, and closes the connection.
    LostRequest,
    /// Forwards the request after a delay, even if the client has stopped waiting.
    LateRequest(Duration),
    /// Forwards the request, and closes the connection instead of returning the response.
    LostResponse,
    /// Forwards the request, and closes the connection in the middle of the response's body.
    CutResponse,
    /// Forwards the request, and returns the response after a delay.
    LateResponse(Duration),
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

/// A forwarded request with the times between which DynamoDB has executed it.
#[derive(Debug)]
pub struct Exchange {
    /// For example `PutItem`.
    pub operation: String,
    /// The request's body.
    pub request: Value,
    /// When it was sent to DynamoDB.
    pub sent: Instant,
    /// When DynamoDB's response had arrived, or the connection broke.
    pub answered: Instant,
    /// The status of the response. `None` if the connection broke, so that a write may have been applied.
    pub status: Option<StatusCode>,
}

type ChooseFault = Box<dyn FnMut(&str) -> Fault + Send>;
type Observe = Box<dyn Fn(Exchange) + Send + Sync>;

struct Proxied {
    engine_url: Mutex<String>,
    http: reqwest::Client,
    forwarded: Mutex<Vec<ForwardedRequest>>,
    choose_fault: Mutex<ChooseFault>,
    observe: Mutex<Option<Arc<Observe>>>,
    earlier: Mutex<EarlierResponses>,
    response_held: tokio::sync::Notify,
    /// How many requests are being forwarded or wait for it.
    pending: AtomicUsize,
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
            engine_url: Mutex::new(engine_url.to_owned()),
            http: reqwest::Client::new(),
            forwarded: Mutex::default(),
            choose_fault: Mutex::new(Box::new(|_| Fault::None)),
            observe: Mutex::default(),
            earlier: Mutex::default(),
            response_held: tokio::sync::Notify::new(),
            pending: AtomicUsize::new(0),
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

    /// From now on, requests are forwarded to the DynamoDB at this address.
    pub fn set_engine_url(&self, engine_url: &str) {
        engine_url.clone_into(&mut self.proxied.engine_url.lock().unwrap());
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

    /// From now on, `observe` sees every forwarded request, before the function gets the response.
    pub fn observe(&self, observe: impl Fn(Exchange) + Send + Sync + 'static) {
        *self.proxied.observe.lock().unwrap() = Some(Arc::new(Box::new(observe)));
    }

    /// Waits until no request is being forwarded, late ones included.
    pub async fn idle(&self) {
        while self.proxied.pending.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the next [`Fault::HeldResponse`].
    pub async fn response_held(&self) {
        self.proxied.response_held.notified().await;
    }

    /// Clears the recorded requests and earlier responses.
    pub fn clear(&self) {
        self.proxied.forwarded.lock().unwrap().clear();
        self.proxied.earlier.lock().unwrap().clear();
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
        Fault::InternalError => return server_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        Fault::Unavailable => return server_error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        Fault::HeldRequest => return std::future::pending().await,
        Fault::LostRequest => return closed_connection(),
        _ => {}
    }
    proxied.pending.fetch_add(1, Ordering::SeqCst);
    // A task of its own, so that it goes on when the client stops waiting.
    let forwarded = tokio::spawn({
        let proxied = Arc::clone(&proxied);
        async move {
            let response = forward(&proxied, &headers, operation, &body, fault).await;
            proxied.pending.fetch_sub(1, Ordering::SeqCst);
            response
        }
    });
    let Ok(Some((status, response))) = forwarded.await else { return closed_connection() };
    match fault {
        Fault::LostResponse => closed_connection(),
        Fault::CutResponse => cut_connection(status, &response),
        Fault::InternalErrorAfterwards => server_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        Fault::HeldResponse => {
            proxied.response_held.notify_one();
            std::future::pending().await
        }
        fault => {
            if let Fault::LateResponse(delay) = fault {
                sleep(delay).await;
            }
            (status, [("content-type", "application/x-amz-json-1.0")], response).into_response()
        }
    }
}

/// Forwards a request, records it, and returns DynamoDB's response or an earlier one. `None` if the connection broke.
async fn forward(
    proxied: &Proxied,
    headers: &HeaderMap,
    operation: String,
    body: &[u8],
    fault: Fault,
) -> Option<(StatusCode, String)> {
    if let Fault::LateRequest(delay) = fault {
        sleep(delay).await;
    }
    let mut request: Value = serde_json::from_slice(body).unwrap();
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    let unprocessed = if fault == Fault::UnprocessedKeys { split_keys(&mut request) } else { None };
    let text = request.to_string();
    if let (Fault::ShortPage(rows), "Query") = (fault, operation.as_str()) {
        let limit = request["Limit"].as_u64().unwrap_or(u64::MAX);
        request["Limit"] = json!(limit.min(rows.into()));
    }
    let sent = Instant::now();
    let answer = send(proxied, headers, request.to_string()).await;
    let (status, answered) = (answer.as_ref().map(|(status, _)| *status), Instant::now());
    let (can_be_stale, is_query) = (stale::can_be_stale(&operation, &request), operation == "Query");
    let units = match &answer {
        Some((status, response)) if status.is_success() => consumed_units(response),
        Some((_, refusal)) => refused_units(&request, &serde_json::from_str(refusal).unwrap_or_default()),
        None => 0.0,
    };
    let observe = proxied.observe.lock().unwrap().clone();
    if let Some(observe) = observe {
        observe(Exchange { operation: operation.clone(), request, sent, answered, status });
    }
    let (status, mut response) = answer?;
    if let Some(keys) = unprocessed {
        let mut answer: Value = serde_json::from_str(&response).unwrap();
        let name = if operation == "BatchWriteItem" { "UnprocessedItems" } else { "UnprocessedKeys" };
        answer[name] = keys;
        response = answer.to_string();
    }
    proxied.forwarded.lock().unwrap().push(ForwardedRequest { operation, units });
    if can_be_stale && status.is_success() {
        let mut earlier = proxied.earlier.lock().unwrap();
        match (fault, earlier.of(&text)) {
            (Fault::StaleRead, Some(stale)) => response = stale,
            (Fault::StaleContacts, Some(stale)) => {
                response = stale::earlier_contacts(&stale, &response).unwrap_or(response);
            }
            (Fault::StaleRows(seed), Some(stale)) if is_query => {
                let mut random = fastrand::Rng::with_seed(seed);
                response = stale::mixed_page(&stale, &response, || random.bool()).unwrap_or(response);
            }
            _ => earlier.remember(text, response.clone()),
        }
    }
    Some((status, response))
}

/// The engine's status and body; `None` if there is no complete response.
async fn send(proxied: &Proxied, headers: &HeaderMap, body: String) -> Option<(StatusCode, String)> {
    let url = proxied.engine_url.lock().unwrap().clone();
    let mut request = proxied.http.post(url).body(body);
    for name in ["authorization", "content-type", "x-amz-date", "x-amz-target"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.ok()?;
    Some((response.status(), response.text().await.ok()?))
}

/// Removes the first half of the keys from a BatchGetItem, or of the writes from a BatchWriteItem, and returns them in the
/// form of UnprocessedKeys or UnprocessedItems.
fn split_keys(request: &mut Value) -> Option<Value> {
    let (table, wanted) = request["RequestItems"].as_object_mut()?.iter_mut().next()?;
    if let Some(writes) = wanted.as_array_mut() {
        let processed = writes.split_off(writes.len() / 2);
        let unprocessed = std::mem::replace(writes, processed);
        return (!unprocessed.is_empty()).then(|| json!({ table: unprocessed }));
    }
    let mut rest = wanted.clone();
    let keys = wanted["Keys"].as_array_mut()?;
    let processed = keys.split_off(keys.len() / 2);
    let unprocessed = std::mem::replace(keys, processed);
    rest["Keys"] = json!(unprocessed);
    (!unprocessed.is_empty()).then(|| json!({ table: rest }))
}

/// The part of a response that says what it cost.
#[derive(Deserialize, Default)]
struct Cost {
    #[serde(rename = "ConsumedCapacity", default)]
    consumed: Value,
}

fn consumed_units(response: &str) -> f64 {
    let cost: Cost = serde_json::from_str(response).unwrap_or_default();
    let units = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or(0.0);
    match &cost.consumed {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => units(table),
    }
}
