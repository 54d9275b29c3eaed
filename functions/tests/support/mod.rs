//! The bundle under test: the real executables, behind the local stack, on an engine of their own.
//!
//! Every test starts one; none shares anything with another.

mod reply;
mod tap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carnet::stack::{LogLines, Logs, Options, Outcome, Stack, Store};
use contacts::access::{Access, Grant, Tenant, TenantRecord, User};
use contacts::config::Config;
use contacts::contact::{Contact, Phone, Source};
use contacts::table::{AccessTable, Client, Table};
use contacts::time::Timestamp;
use serde_json::Value;

pub use reply::Reply;
pub use tap::{Fault, Tap};

/// A running bundle with two tenants, `demo` and `acme`, and a user without one.
pub struct Bundle {
    stack: Stack,
    http: reqwest::Client,
    pub log: LogLines,
    pub access: Access,
    pub table: Table,
}

/// The functions, as cargo built them for these tests.
fn binaries() -> BTreeMap<String, PathBuf> {
    [
        ("create-contact", env!("CARGO_BIN_EXE_create-contact")),
        ("get-contact", env!("CARGO_BIN_EXE_get-contact")),
        ("search-contacts", env!("CARGO_BIN_EXE_search-contacts")),
        ("update-contact", env!("CARGO_BIN_EXE_update-contact")),
    ]
    .map(|(name, path)| (name.to_owned(), path.into()))
    .into()
}

impl Bundle {
    /// On an engine in memory.
    pub async fn start() -> Self {
        Self::with(Options::new(template(), binaries())).await
    }

    /// On an engine in memory, with a tap between it and the functions. Keep the first stack: it
    /// is the engine.
    pub async fn tapped() -> (Self, Tap, Stack) {
        Self::tapped_with(template()).await
    }

    /// The same, with another template.
    pub async fn tapped_with(template: PathBuf) -> (Self, Tap, Stack) {
        let engine = Stack::start(Options::new(&template, binaries())).await.unwrap();
        let tap = Tap::start(engine.dynamodb_url()).await;
        let options = Options { store: Store::Url(tap.url()), ..Options::new(template, binaries()) };
        let bundle = Self::with(options).await;
        tap.forget();
        (bundle, tap, engine)
    }

    async fn with(mut options: Options) -> Self {
        let log = LogLines::default();
        options.logs = Logs::Collect(log.clone());
        let stack = Stack::start(options).await.unwrap();
        let client = Client::new(&config(&stack));
        let access = Access::new(AccessTable::new(client.clone(), "AccessTable".into()));
        let table = Table::new(client, "ContactsTable".into());
        for tenant in ["demo", "acme"] {
            let tenant_record = TenantRecord::new(tenant, tenant);
            access.grant(&format!("{tenant}-token"), &grant(Some(tenant_record), None)).await.unwrap();
        }
        access.grant("orphan-token", &grant(None, None)).await.unwrap();
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
        let url = format!("{}/api/v1/actions/{action}", self.stack.url());
        let mut request = self.http.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::read(request.send().await.unwrap()).await
    }

    /// Calls a function as an AWS service does, with any event.
    pub async fn invoke(&self, function: &str, event: Value) -> Outcome {
        self.stack.invoke(function, event.to_string()).await.unwrap()
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
            Ok(contact)
        });
        written.await.unwrap().0
    }

    pub fn processes(&self, function: &str) -> usize {
        self.stack.processes(function).unwrap()
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

/// What a token of these tests grants.
pub fn grant(tenant: Option<TenantRecord>, expires_at: Option<i64>) -> Grant {
    Grant { user: User { id: 1, email: "user@example.com".into(), name: None }, tenant, expires_at }
}

/// The template that is deployed.
pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

fn config(stack: &Stack) -> Config {
    Config {
        contacts_table: "ContactsTable".into(),
        access_table: "AccessTable".into(),
        region: "us-east-1".into(),
        access_key_id: "local".into(),
        secret_access_key: "local".into(),
        session_token: None,
        endpoint: Some(stack.dynamodb_url().to_owned()),
    }
}
