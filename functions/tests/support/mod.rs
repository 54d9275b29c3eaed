//! The bundle under test: the real executables, behind the local stack, on an engine of their own.
//!
//! Every test starts one; none shares anything with another.

mod contract;
pub mod imports;
mod reply;
pub mod sources;
mod table;
mod tap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carnet_local::{LogLines, Logs, Options, Outcome, Stack, Store};
use contacts::access::{Access, TokenRecord, User};
use contacts::aws::{Environment, sdk_config};
use contacts::model::{Contact, Phone, Source, Tenant, TenantRecord, Timestamp};
use contacts::store::{AccessTable, Client, ContactsTable};
use serde_json::{Value, json};

pub use contract::document;
pub use reply::Reply;
pub use tap::{Fault, Tap};

/// Qyvo's actions.
pub const ACTIONS: [&str; 7] =
    ["create-contact", "get-contact", "update-contact", "search-contacts", "add-tag", "remove-tag", "list-tags"];

/// A running bundle with two tenants, `demo` and `acme`, each with a token and a key of FlowIQ's, and
/// a user without one.
pub struct Bundle {
    stack: Stack,
    http: reqwest::Client,
    pub log: LogLines,
    pub access: Access,
    pub table: ContactsTable,
}

/// The functions, as cargo built them for these tests.
pub fn binaries() -> BTreeMap<String, PathBuf> {
    [
        ("add-tag", env!("CARGO_BIN_EXE_add-tag")),
        ("create-contact", env!("CARGO_BIN_EXE_create-contact")),
        ("flowiq-create-contact", env!("CARGO_BIN_EXE_flowiq-create-contact")),
        ("flowiq-get-contact", env!("CARGO_BIN_EXE_flowiq-get-contact")),
        ("get-contact", env!("CARGO_BIN_EXE_get-contact")),
        ("list-tags", env!("CARGO_BIN_EXE_list-tags")),
        ("me", env!("CARGO_BIN_EXE_me")),
        ("openapi", env!("CARGO_BIN_EXE_openapi")),
        ("publish-changes", env!("CARGO_BIN_EXE_publish-changes")),
        ("record-consent", env!("CARGO_BIN_EXE_record-consent")),
        ("record-message", env!("CARGO_BIN_EXE_record-message")),
        ("remove-tag", env!("CARGO_BIN_EXE_remove-tag")),
        ("search-contacts", env!("CARGO_BIN_EXE_search-contacts")),
        ("set-contact-state", env!("CARGO_BIN_EXE_set-contact-state")),
        ("update-contact", env!("CARGO_BIN_EXE_update-contact")),
    ]
    .map(|(name, path)| (name.to_owned(), path.into()))
    .into()
}

impl Bundle {
    /// On an engine in memory, without quotas.
    pub async fn start() -> Self {
        Self::with(options()).await
    }

    /// The same, where a token may make so many calls in any minute.
    pub async fn limited(rate_limit: u32) -> Self {
        Self::with(limited(rate_limit)).await
    }

    /// On an engine in memory, with a tap between it and the functions. Keep the stack: it is the
    /// engine.
    pub async fn tapped() -> (Self, Tap, Stack) {
        Self::tapped_with(options()).await
    }

    /// The same, with other options.
    pub async fn tapped_with(options: Options) -> (Self, Tap, Stack) {
        let silent = Options { logs: Logs::Collect(LogLines::default()), ..options.clone() };
        let engine = Stack::start(silent).await.unwrap();
        let tap = Tap::start(engine.dynamodb_url()).await;
        let bundle = Self::with(Options { store: Store::Url(tap.url()), ..options }).await;
        tap.forget();
        (bundle, tap, engine)
    }

    /// With these options.
    pub async fn with(mut options: Options) -> Self {
        let log = LogLines::default();
        options.logs = Logs::Collect(log.clone());
        let stack = Stack::start(options).await.unwrap();
        let client = client(&stack);
        let access = Access::new(AccessTable::new(client.clone(), "AccessTable".into()), 0);
        let table = ContactsTable::new(client, "ContactsTable".into());
        for tenant in ["demo", "acme"] {
            let tenant_record = TenantRecord::new(tenant, tenant);
            let record = token_record(Some(tenant_record), None);
            access.issue(&format!("{tenant}-token"), &record).await.unwrap();
            access.issue(&format!("fiq_{tenant}"), &record).await.unwrap();
        }
        access.issue("orphan-token", &token_record(None, None)).await.unwrap();
        Bundle { stack, http: reqwest::Client::new(), log, access, table }
    }

    /// Calls an action as tenant `demo`.
    pub async fn call(&self, action: &str, body: Value) -> Reply {
        self.call_as("demo-token", action, body).await
    }

    /// Calls an action with a token.
    pub async fn call_as(&self, token: &str, action: &str, body: Value) -> Reply {
        self.send(action, &[("authorization", &format!("Bearer {token}"))], body.to_string()).await
    }

    /// Calls an action as tenant `demo`, with any bytes for a body.
    pub async fn call_raw(&self, action: &str, body: impl Into<reqwest::Body>) -> Reply {
        self.send(action, &[("authorization", "Bearer demo-token")], body).await
    }

    /// Calls an action with these headers, beside the content type.
    pub async fn send(&self, action: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Reply {
        self.request("POST", &format!("/api/v1/actions/{action}"), headers, body).await
    }

    /// Asks whose a token is: `GET /api/v1/me`.
    pub async fn me(&self, token: &str) -> Reply {
        self.request("GET", "/api/v1/me", &[("authorization", &format!("Bearer {token}"))], "").await
    }

    /// Asks as tenant `demo` of FlowIQ's: `GET /contact`, with these parameters beside the tenant's.
    pub async fn find(&self, parameters: &str) -> Reply {
        let path = format!("/contact?tenantId=demo&{parameters}");
        self.request("GET", &path, &[("authorization", "Bearer fiq_demo")], "").await
    }

    /// Creates as tenant `demo` of FlowIQ's: `POST /contact`.
    pub async fn post(&self, body: Value) -> Reply {
        let authorization = [("authorization", "Bearer fiq_demo")];
        self.request("POST", "/contact?tenantId=demo", &authorization, body.to_string()).await
    }

    /// Sends any request; the answer has to be one of the contract's.
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
        contract::check(method, path, &reply);
        reply
    }

    /// Calls a function as an AWS service does, with any event.
    pub async fn invoke(&self, function: &str, event: Value) -> Outcome {
        self.stack.invoke(function, event.to_string()).await.unwrap()
    }

    /// An event's envelope, for tenant `demo`.
    pub async fn envelope(&self, input: Value) -> Value {
        json!({ "tenant_id": self.tenant("demo-token").await.id(), "input": input })
    }

    /// The tenant behind a token.
    pub async fn tenant(&self, token: &str) -> Tenant {
        self.access.authenticate(token).await.unwrap().tenant.unwrap()
    }

    /// Writes a contact past the endpoints, as messages and imports do.
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

    pub fn processes(&self, function: &str) -> usize {
        self.stack.processes(function).unwrap()
    }

    /// What has been published, as a subscriber gets it.
    pub fn events(&self) -> Vec<Value> {
        self.stack.events()
    }

    /// From now on, what `refuse` says so of is not published.
    pub fn refuse_events(&self, refuse: impl FnMut(&Value) -> bool + Send + 'static) {
        self.stack.refuse_events(refuse);
    }

    /// Waits until every change so far has been told.
    pub async fn caught_up(&self) {
        self.stack.caught_up().await;
    }

    /// DynamoDB itself, to look at what no endpoint shows.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.stack.dynamodb()
    }

    /// Ends it, and gives all that the functions logged.
    pub async fn stop(self) -> String {
        self.stack.stop().await;
        self.log.lines().join("\n")
    }
}

/// What a function answered an event with.
#[track_caller]
pub fn answered(outcome: &Outcome) -> Value {
    let Outcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
    serde_json::from_slice(answer).unwrap()
}

/// The record of a token of these tests.
pub fn token_record(tenant: Option<TenantRecord>, expires_at: Option<i64>) -> TokenRecord {
    TokenRecord {
        user: User { id: 1, email: "user@example.com".into(), name: None },
        tenant,
        rate_limit: None,
        expires_at,
    }
}

/// The template that is deployed, without quotas.
pub fn options() -> Options {
    limited(0)
}

/// The template that is deployed, where a token may make so many calls in any minute.
pub fn limited(rate_limit: u32) -> Options {
    let parameters = [("RateLimit".to_owned(), rate_limit.to_string())].into();
    Options { parameters, ..Options::new(template(), binaries()) }
}

/// The template that is deployed.
pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

fn client(stack: &Stack) -> Client {
    let environment = Environment {
        region: "us-east-1".into(),
        access_key_id: "local".into(),
        secret_access_key: "local".into(),
        session_token: None,
    };
    Client::new(&sdk_config(&environment), Some(stack.dynamodb_url().to_owned()))
}
