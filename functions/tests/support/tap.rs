//! A tap on the line between the functions and DynamoDB: counts what goes through, and breaks it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It goes through.
    None,
    /// Refused: too many requests.
    Throttled,
    /// A write is refused because another transaction is under way.
    Conflict,
    /// A transaction is refused because of too many requests; nothing else is.
    Busy,
    /// A batch is answered by half.
    Half,
    /// Answered as it was the last time, if there was one.
    Stale,
    /// Neither applied nor answered, and the line stays open.
    Hangs,
    /// Neither applied nor answered.
    Lost,
    /// Applied, but the answer never arrives.
    AnswerLost,
    /// Applied, and the answer is held back for ever, while the line stays open.
    AnswerHeld,
}

/// A request that went through.
#[derive(Debug, Clone)]
pub struct Seen {
    pub operation: String,
    /// Capacity units it consumed, on the table and its indexes.
    pub units: f64,
}

type Plan = Box<dyn FnMut(&str) -> Fault + Send>;

struct Line {
    engine: String,
    http: reqwest::Client,
    seen: Mutex<Vec<Seen>>,
    plan: Mutex<Plan>,
    /// The last answer to each request.
    answers: Mutex<HashMap<String, String>>,
    /// An answer is held back.
    held: tokio::sync::Notify,
}

#[derive(Clone)]
pub struct Tap {
    url: String,
    line: Arc<Line>,
}

impl Tap {
    pub async fn start(engine: &str) -> Self {
        let line = Arc::new(Line {
            engine: engine.to_owned(),
            http: reqwest::Client::new(),
            seen: Mutex::default(),
            plan: Mutex::new(Box::new(|_| Fault::None)),
            answers: Mutex::default(),
            held: tokio::sync::Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(pass).with_state(Arc::clone(&line));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Tap { url, line }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From here on, `plan` decides what becomes of each request, by its operation.
    pub fn plan(&self, plan: impl FnMut(&str) -> Fault + Send + 'static) {
        *self.line.plan.lock().unwrap() = Box::new(plan);
    }

    /// Waits until an answer is held back.
    pub async fn held(&self) {
        self.line.held.notified().await;
    }

    /// Forgets what went through so far.
    pub fn forget(&self) {
        self.line.seen.lock().unwrap().clear();
    }

    /// What went through since the last time.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.line.seen.lock().unwrap())
    }
}

async fn pass(State(line): State<Arc<Line>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    let fault = (line.plan.lock().unwrap())(&operation);
    match fault {
        Fault::None | Fault::AnswerLost | Fault::AnswerHeld | Fault::Half | Fault::Stale => {}
        Fault::Busy if operation != "TransactWriteItems" => {}
        Fault::Busy => return cancelled(&body, "ThrottlingError"),
        Fault::Hangs => return std::future::pending().await,
        Fault::Throttled => return refusal("ThrottlingException", json!({ "message": "slow down" })),
        Fault::Conflict if operation == "TransactWriteItems" => return cancelled(&body, "TransactionConflict"),
        Fault::Conflict => return refusal("TransactionConflictException", json!({ "message": "busy" })),
        Fault::Lost => return cut(),
    }
    let mut request: Value = serde_json::from_slice(&body).unwrap();
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    let left_out = if fault == Fault::Half { leave_out(&mut request) } else { None };
    let asked = request.to_string();
    let forward = line.http.post(&line.engine).body(asked.clone());
    let forward = ["authorization", "content-type", "x-amz-date", "x-amz-target"]
        .iter()
        .filter_map(|name| Some((*name, headers.get(*name)?)))
        .fold(forward, |forward, (name, value)| forward.header(name, value));
    let answer = forward.send().await.unwrap();
    let (status, mut text) = (answer.status(), answer.text().await.unwrap());
    if let Some(keys) = left_out {
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        answer["UnprocessedKeys"] = keys;
        text = answer.to_string();
    }
    let units = units(&serde_json::from_str(&text).unwrap_or_default());
    line.seen.lock().unwrap().push(Seen { operation, units });
    if fault == Fault::AnswerLost {
        return cut();
    }
    if fault == Fault::AnswerHeld {
        line.held.notify_one();
        return std::future::pending().await;
    }
    let before = line.answers.lock().unwrap().insert(asked, text.clone());
    let text = before.filter(|_| fault == Fault::Stale).unwrap_or(text);
    (status, [("content-type", "application/x-amz-json-1.0")], text).into_response()
}

/// Every write of the transaction is refused for the same reason.
fn cancelled(body: &[u8], code: &str) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap();
    let reasons = vec![json!({ "Code": code }); request["TransactItems"].as_array().unwrap().len()];
    refusal("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

/// Takes half of the keys out of a batch, and gives them as an answer lists them.
fn leave_out(request: &mut Value) -> Option<Value> {
    let (table, wanted) = request["RequestItems"].as_object_mut()?.iter_mut().next()?;
    let keys = wanted["Keys"].as_array_mut()?;
    let left_out = keys.split_off(keys.len().div_ceil(2));
    (!left_out.is_empty()).then(|| json!({ table: { "Keys": left_out, "ConsistentRead": true } }))
}

fn units(answer: &Value) -> f64 {
    let of = |one: &Value| one["CapacityUnits"].as_f64().unwrap_or(0.0);
    match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().map(of).sum(),
        one => of(one),
    }
}

fn refusal(code: &str, mut body: Value) -> Response {
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

/// No answer: the connection breaks off in the middle of one.
fn cut() -> Response {
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
    axum::body::Body::from_stream(broken).into_response()
}
