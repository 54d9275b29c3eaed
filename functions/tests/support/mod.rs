//! The deployment under test, and how tests talk to it. Start reading at [`Bundle`].
//!
//! | file | owns |
//! |---|---|
//! | `mod.rs` | [`Bundle`]: starting a deployment, sending requests and events |
//! | `reply.rs` | HTTP answers, and assertions about them |
//! | `cases.rs` | tables of requests and the answers they have to get |
//! | `agent.rs` | calls of tools over the Model Context Protocol |
//! | `invocation.rs` | events of the event sources, and what invocations return |
//! | `local_sdk.rs` | the SDK's configuration for the embedded DynamoDB |
//! | `openapi.rs` | whether an answer is documented in the OpenAPI document |
//! | `asyncapi.rs` | whether an event is documented in the AsyncAPI document |
//! | `documented_stack.rs` | a stack whose events are held against that document |
//! | `executables.rs` | the functions of the template and their executables |
//! | `fault_proxy/` | a fault-injecting proxy in front of DynamoDB |
//! | `stored.rs` | the items of the contacts table, and whether they agree with each other |
//! | `sources.rs`, `imports.rs` | the source files of the workspace, and the imports between them |
//!
//! Only these files use the crate of the local deployment; tests import its types from here.

mod agent;
pub mod asyncapi;
mod cases;
mod documented_stack;
mod executables;
#[allow(dead_code, reason = "shared with the stress test, which uses the rest")]
mod fault_proxy;
pub mod imports;
mod invocation;
mod local_sdk;
mod openapi;
mod reply;
pub mod sources;
pub mod stored;

use carnet_local::{LogLines, Logs, Stack, Store};
use contacts::access::{Access, NewToken, User};
use contacts::model::{Contact, Phone, Source, Tenant, TenantId, Timestamp};
use contacts::store::{AccessTable, Client, ContactsTable};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use agent::{tools, violation};
pub use carnet_local::{EventRefusal, InvocationOutcome, Options};

use documented_stack::DocumentedStack;
pub use executables::{declared_binaries, executables, functions, kill, peak_memory, template};
pub use fault_proxy::{Fault, FaultProxy, ForwardedRequest};
pub use invocation::{error_of, eventbridge_event, failed_records, output_of, sqs_record};
use local_sdk::local_sdk;
pub use openapi::{actions, document, operations};
pub use reply::{Reply, invalid};

/// A running deployment of the template ("bundle": the functions that are deployed together): an embedded DynamoDB, an
/// HTTP API, an event bus, and the functions' executables.
///
/// It has two tenants, `demo` and `acme`. Each has a token (`demo-token`) and a FlowIQ key (`fiq_demo`). The token
/// `orphan-token` belongs to a user without a tenant. Every test starts a bundle of its own and shares nothing.
pub struct Bundle {
    stack: DocumentedStack,
    http: reqwest::Client,
    /// What the functions have logged so far.
    pub log: LogLines,
    /// Issues and finds tokens.
    pub access: Access,
    /// Reads and writes contacts without an endpoint.
    pub table: ContactsTable,
}

impl Bundle {
    /// Starts a bundle without a rate limit.
    pub async fn start() -> Self {
        Self::with(options()).await
    }

    /// Starts a bundle in which a token may make `rate_limit` calls in any 60 seconds.
    pub async fn with_rate_limit(rate_limit: u32) -> Self {
        Self::with(with_rate_limit(rate_limit)).await
    }

    /// Starts a bundle whose functions reach DynamoDB through a proxy. Keep the [`Stack`]: it runs that DynamoDB.
    pub async fn behind_proxy() -> (Self, FaultProxy, Stack) {
        Self::behind_proxy_with(options()).await
    }

    /// The same with other options.
    pub async fn behind_proxy_with(options: Options) -> (Self, FaultProxy, Stack) {
        let silent = Options { logs: Logs::Collect(LogLines::default()), ..options.clone() };
        let engine = Stack::start(silent).await.unwrap();
        let proxy = FaultProxy::start(engine.dynamodb_url()).await;
        let bundle = Self::with(Options { store: Store::Url(proxy.url()), ..options }).await;
        proxy.clear();
        (bundle, proxy, engine)
    }

    /// Starts a bundle with these options.
    pub async fn with(mut options: Options) -> Self {
        let log = LogLines::default();
        options.logs = Logs::Collect(log.clone());
        let stack = Stack::start(options).await.unwrap();
        let client = client(&stack);
        let access = Access::new(AccessTable::new(client.clone(), "AccessTable".into()), 0);
        let table = ContactsTable::new(client, "ContactsTable".into());
        let stack = DocumentedStack::from(stack);
        let bundle = Bundle { stack, http: reqwest::Client::new(), log, access, table };
        for tenant in ["demo", "acme"] {
            let id = bundle.create_tenant(tenant).await;
            bundle.issue(&format!("{tenant}-token"), Some(id)).await;
            bundle.issue(&format!("fiq_{tenant}"), Some(id)).await;
        }
        bundle.issue("orphan-token", None).await;
        bundle
    }

    /// Creates a tenant with this name and slug.
    pub async fn create_tenant(&self, slug: &str) -> TenantId {
        self.access.create_tenant(slug, slug.parse().unwrap(), None).await.unwrap().id
    }

    /// Issues a token that does not expire and has no rate limit of its own.
    pub async fn issue(&self, token: &str, tenant: Option<TenantId>) {
        self.access.issue(token, new_token(tenant)).await.unwrap();
    }

    /// Access to the same table with empty caches, as a new process has it.
    pub fn fresh_access(&self) -> Access {
        Access::new(AccessTable::new(client(&self.stack), "AccessTable".into()), 0)
    }

    /// Calls an action as tenant `demo`.
    pub async fn call(&self, action: &str, body: Value) -> Reply {
        self.call_as("demo-token", action, body).await
    }

    /// Calls an action with this token.
    pub async fn call_as(&self, token: &str, action: &str, body: Value) -> Reply {
        self.send(action, &[("authorization", &format!("Bearer {token}"))], body.to_string()).await
    }

    /// Calls an action as tenant `demo` with this body, which can be any bytes.
    pub async fn call_raw(&self, action: &str, body: impl Into<reqwest::Body>) -> Reply {
        self.send(action, &[("authorization", "Bearer demo-token")], body).await
    }

    /// Calls an action with these headers and a JSON content type.
    pub async fn send(&self, action: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Reply {
        self.request("POST", &format!("/api/v1/actions/{action}"), headers, body).await
    }

    /// Calls `GET /api/v1/me` with this token.
    pub async fn me(&self, token: &str) -> Reply {
        self.request("GET", "/api/v1/me", &[("authorization", &format!("Bearer {token}"))], "").await
    }

    /// Calls FlowIQ's `GET /contact` as tenant `demo`, with these query parameters and `tenantId`.
    pub async fn flowiq_get(&self, parameters: &str) -> Reply {
        let path = format!("/contact?tenantId=demo&{parameters}");
        self.request("GET", &path, &[("authorization", "Bearer fiq_demo")], "").await
    }

    /// Calls FlowIQ's `POST /contact` as tenant `demo`.
    pub async fn flowiq_create(&self, body: Value) -> Reply {
        let authorization = [("authorization", "Bearer fiq_demo")];
        self.request("POST", "/contact?tenantId=demo", &authorization, body.to_string()).await
    }

    /// Sends any request. Fails if the OpenAPI document does not describe the answer.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let url = format!("{}{path}", self.stack.url());
        let mut request = self.http.request(method.parse().unwrap(), url).body(body);
        if method != "GET" {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = Reply::read(request.send().await.unwrap()).await;
        openapi::check(method, path, &reply);
        reply
    }

    /// Calls an action as tenant `demo` whose process does not live to answer. Returns the status of API Gateway's answer.
    pub async fn call_that_dies(&self, action: &str, header: (&str, &str), body: &Value) -> u16 {
        let call = self.http.post(format!("{}/api/v1/actions/{action}", self.stack.url()));
        let call = call.header("authorization", "Bearer demo-token").header(header.0, header.1).body(body.to_string());
        call.send().await.unwrap().status().as_u16()
    }

    /// Sends a GET with this request target, which may be one that HTTP clients would encode or refuse. `{}` in it
    /// stands for the address. Returns the whole response.
    pub async fn get_raw(&self, target: &str, token: &str) -> String {
        let address = self.stack.url().trim_start_matches("http://");
        let target = target.replace("{}", address);
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    }

    /// Invokes a function with any event, as an AWS service does. Fails if the AsyncAPI document does not describe an
    /// event that the function accepts, or its answer.
    pub async fn invoke(&self, function: &str, event: Value) -> InvocationOutcome {
        let outcome = self.stack.invoke(function, event.to_string()).await.unwrap();
        asyncapi::check_invocation(function, &event, &outcome);
        outcome
    }

    /// The envelope of an event for tenant `demo`.
    pub async fn envelope(&self, input: Value) -> Value {
        json!({ "tenant_id": self.tenant("demo-token").await.id(), "input": input })
    }

    /// The tenant of a token.
    pub async fn tenant(&self, token: &str) -> Tenant {
        self.access.authenticate(token).await.unwrap().tenant.unwrap()
    }

    /// Creates or changes a contact in the table, without calling an endpoint.
    pub async fn put(&self, tenant: &Tenant, phone: &str, change: impl Fn(&mut Contact) + Send + Sync) -> Contact {
        let phone: Phone = phone.parse().unwrap();
        let id = tenant.contact_id(&phone);
        let written = self.table.upsert(tenant, id, None, |stored| {
            let new = || Contact::new(id, phone.clone(), Source::Api, Timestamp::now());
            let mut contact = stored.unwrap_or_else(new);
            change(&mut contact);
            Ok::<_, contacts::store::Error>(contact)
        });
        written.await.unwrap().0
    }

    /// How many processes of a function have been started so far.
    pub fn processes(&self, function: &str) -> usize {
        self.stack.processes(function).unwrap()
    }

    /// The events published so far, as subscribers receive them.
    pub fn events(&self) -> Vec<Value> {
        self.stack.events()
    }

    /// From now on, `refuse` decides which entries and requests the event bus refuses.
    pub fn refuse_events(&self, refuse: impl FnMut(&Value) -> Option<EventRefusal> + Send + 'static) {
        self.stack.refuse_events(refuse);
    }

    /// The messages so far of the dead-letter queue of the stream.
    pub fn dead_letters(&self) -> Vec<Value> {
        let to_queue = |mut letter: Value| {
            let is_queue = letter["destination"].as_str().is_some_and(|arn| arn.ends_with(":StreamDeadLetters"));
            is_queue.then(|| letter["message"].take())
        };
        self.stack.failures().into_iter().filter_map(to_queue).collect()
    }

    /// Waits until every change so far has been published.
    pub async fn caught_up(&self) {
        self.stack.caught_up().await;
    }

    /// A client of the bundle's DynamoDB, for items that no endpoint shows.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.stack.dynamodb()
    }

    /// Sends a request to the streams API of the bundle's DynamoDB.
    pub async fn dynamodb_streams(&self, operation: &str, request: Value) -> Value {
        let call = self.http.post(self.stack.dynamodb_url());
        let call = call
            .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
            .header("x-amz-date", "20261121T000000Z");
        let response = call.body(request.to_string()).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{operation}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Stops the bundle and returns everything the functions have logged.
    pub async fn stop(self) -> String {
        self.stack.stop().await;
        self.log.lines().join("\n")
    }
}

/// A token that does not expire and has no rate limit of its own.
pub fn new_token(tenant_id: Option<TenantId>) -> NewToken {
    let user = User { id: 1, email: "user@example.com".into(), name: None };
    NewToken { user, tenant_id, label: "test".into(), rate_limit: None, expires_at: None }
}

/// The deployed template without a rate limit.
pub fn options() -> Options {
    with_rate_limit(0)
}

/// The deployed template, with this many calls per token in any 60 seconds.
pub fn with_rate_limit(rate_limit: u32) -> Options {
    let parameters = ["RateLimit", "McpRateLimit"].map(|name| (name.to_owned(), rate_limit.to_string())).into();
    Options { parameters, ..Options::new(template(), executables()) }
}

/// The deployed template without a rate limit, with functions that time out after this many seconds. Keep the
/// directory: it holds the template.
pub fn with_timeout(seconds: u32) -> (Options, tempfile::TempDir) {
    let text = std::fs::read_to_string(template()).unwrap();
    let edit = |line: &str| match line.split_once("Timeout: ") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}Timeout: {seconds}\n"),
        _ => format!("{line}\n"),
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("template.yaml");
    std::fs::write(&path, text.lines().map(edit).collect::<String>()).unwrap();
    (Options { template: path, ..options() }, directory)
}

fn client(stack: &Stack) -> Client {
    Client::new(&local_sdk(), Some(stack.dynamodb_url().to_owned()))
}
