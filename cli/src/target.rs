//! The deployment that a command for operators works on: the local stack, or a deployed one.

use std::path::{Path, PathBuf};

use carnet_local::{BoxError, RunningStack, aws};
use clap::Args as ClapArgs;
use contacts::access::{self, Access, ListedToken};
use contacts::aws::{AwsEnvironment, RootCertificates, sdk_config};
use contacts::model::{Slug, Tenant, TenantId, TenantRecord};
use contacts::store::{self, AccessTable, Client, ContactsTable};

use crate::workspace;

/// The logical id of the access table in the template.
const ACCESS_TABLE: &str = "AccessTable";
/// The logical id of the contacts table in the template.
const CONTACTS_TABLE: &str = "ContactsTable";

/// Which stack a command works on.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Deployment")]
pub(crate) struct StackArgs {
    /// The running `carnet dev`; this is the default
    ///
    /// It is found by its data directory, so it cannot be one with --memory or --dynamodb-url.
    #[arg(long, group = "target")]
    local: bool,
    /// Data directory of the running `carnet dev` [default: .carnet beside template.yaml]
    #[arg(long, value_name = "DIR", conflicts_with = "stack")]
    pub(crate) data: Option<PathBuf>,
    /// The deployed CloudFormation stack of this name, whose outputs name its resources
    ///
    /// Credentials and region are those of the AWS CLI: environment, profiles, IAM Identity Center. AWS_ENDPOINT_URL
    /// names an emulator. Needs a build with `--features cloud`.
    #[arg(long, value_name = "NAME", group = "target")]
    pub(crate) stack: Option<String>,
}

/// Which deployment a command works on.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Deployment")]
pub(crate) struct TargetArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The access table of this name, without a stack; the rest is as for --stack
    #[arg(long, value_name = "TABLE", group = "target", conflicts_with = "data")]
    access_table: Option<String>,
}

impl TargetArgs {
    /// Whether it is on AWS and not the local stack.
    fn is_deployed(&self) -> bool {
        self.stack.stack.is_some() || self.access_table.is_some()
    }
}

/// Which deployment a command works on that needs the contacts too.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Deployment")]
pub(crate) struct ContactsTargetArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// The contacts table of this name; needed with --access-table
    #[arg(long, value_name = "TABLE", requires = "access_table")]
    contacts_table: Option<String>,
}

impl ContactsTargetArgs {
    /// Whether it is a deployed stack and not the local one.
    pub(crate) fn is_deployed(&self) -> bool {
        self.target.is_deployed()
    }
}

/// An open deployment.
pub(crate) struct Target {
    /// Its tenants and tokens.
    pub(crate) access: Access,
    client: Client,
    /// The name of the contacts table, where it is known.
    contacts_table: Option<String>,
    /// The URL of its API, without a slash at its end; `None` where only the table is known.
    url: Option<String>,
}

impl Target {
    /// Finds the deployment. No request is sent to its table yet.
    ///
    /// # Errors
    /// When the local stack is not running, the deployed one does not exist or is not accessible, or when this command
    /// was built without what talks to AWS.
    pub(crate) async fn open(args: &TargetArgs) -> Result<Self, BoxError> {
        if args.is_deployed() {
            return Self::deployed(args).await;
        }
        let stack = running_stack(&workspace::data_dir(args.stack.data.clone()))?;
        let table = stack.tables.get(ACCESS_TABLE).ok_or("the running stack has no access table")?;
        // The embedded engine accepts any credentials.
        let [access_key_id, secret_access_key] = ["local", "local"].map(str::to_owned);
        let sdk = sdk_config(&AwsEnvironment {
            region: aws::region(),
            access_key_id,
            secret_access_key,
            session_token: None,
            root_certificates: RootCertificates::default(),
        });
        let client = Client::new(&sdk, Some(stack.dynamodb_url));
        Ok(Self::new(client, table.clone(), stack.tables.get(CONTACTS_TABLE).cloned(), Some(stack.url)))
    }

    /// Finds the deployment and its contacts table. No request is sent to its tables yet.
    ///
    /// # Errors
    /// As [`open`](Target::open), and when the contacts table is not known.
    pub(crate) async fn open_with_contacts(args: &ContactsTargetArgs) -> Result<(Self, ContactsTable), BoxError> {
        let target = Self::open(&args.target).await?;
        let table = args.contacts_table.as_ref().or(target.contacts_table.as_ref());
        let table = table.ok_or("--access-table needs --contacts-table too; --stack finds both")?.clone();
        let contacts = ContactsTable::new(target.client.clone(), table);
        Ok((target, contacts))
    }

    fn new(client: Client, access_table: String, contacts_table: Option<String>, url: Option<String>) -> Self {
        let access = Access::new(AccessTable::new(client.clone(), access_table), 0);
        Self { access, client, contacts_table, url }
    }

    #[cfg(feature = "cloud")]
    async fn deployed(args: &TargetArgs) -> Result<Self, BoxError> {
        let sdk = crate::cloud::config().await;
        if sdk.region().is_none() {
            return Err("there is no AWS region; set AWS_REGION, or AWS_PROFILE to a profile that has one".into());
        }
        let client = Client::new(&sdk, None);
        let Some(name) = &args.stack.stack else {
            return Ok(Self::new(client, args.access_table.clone().unwrap_or_default(), None, None));
        };
        let stack = crate::cloud::DeployedStack::describe(&sdk, name).await?;
        let [access, contacts, url] = [ACCESS_TABLE, CONTACTS_TABLE, "ApiUrl"].map(|key| stack.output(key));
        Ok(Self::new(client, access?.to_owned(), Some(contacts?.to_owned()), Some(url?.to_owned())))
    }

    #[cfg(not(feature = "cloud"))]
    async fn deployed(_: &TargetArgs) -> Result<Self, BoxError> {
        Err(without_cloud())
    }

    /// The URL of the API, or a shell variable where it is not known.
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or("$API_URL")
    }

    /// The tenant with this slug or id.
    ///
    /// # Errors
    /// When there is none, or the table cannot be read.
    pub(crate) async fn tenant(&self, name: &str) -> Result<TenantRecord, BoxError> {
        // A slug can look like an id.
        if let Some(id) = TenantId::parse(name)
            && let Some(tenant) = self.access.tenant_record(id).await.map_err(explain)?
        {
            return Ok(tenant);
        }
        let slug: Option<Slug> = name.parse().ok();
        let found = match slug {
            Some(slug) => self.access.find_tenant(&slug).await.map_err(explain)?,
            None => None,
        };
        found.ok_or_else(|| {
            let name = super::output::plain(name);
            format!("there is no tenant with the slug or id `{name}`; `carnet tenant list` lists all").into()
        })
    }

    /// The tenant with this slug or id, with access to its contacts.
    ///
    /// # Errors
    /// As [`tenant`](Target::tenant).
    #[allow(dead_code, reason = "for commands that read contacts")]
    pub(crate) async fn tenant_of_contacts(&self, name: &str) -> Result<Tenant, BoxError> {
        let record = self.tenant(name).await?;
        self.access.tenant(record.id).await.map_err(explain)
    }

    /// The tokens of a tenant, the oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn tokens(&self, tenant: &TenantRecord) -> Result<Vec<ListedToken>, BoxError> {
        let mut tokens = self.access.tokens(tenant.id).await.map_err(explain)?;
        tokens.sort_by(|a, b| (a.record.created_at, &a.key).cmp(&(b.record.created_at, &b.key)));
        Ok(tokens)
    }
}

/// The local stack that runs on a data directory.
///
/// # Errors
/// When none does; the text says what to do.
pub(crate) fn running_stack(data_dir: &Path) -> Result<RunningStack, BoxError> {
    RunningStack::find(data_dir).map_err(|error| match error {
        carnet_local::Error::NotRunning { .. } => format!(
            "{error}; start one with `carnet dev`, name the directory of another with --data, or a deployed stack with \
             --stack"
        )
        .into(),
        error => error.into(),
    })
}

/// An error of the access table with what to do about it.
pub(crate) fn explain(error: access::Error) -> BoxError {
    match error {
        access::Error::Store(error) => explain_store(error),
        error @ access::Error::UnknownTenant => {
            format!("{error}: it does not exist, or is being deleted; `carnet tenant list` shows which").into()
        }
        error => error.into(),
    }
}

/// An error of the store with what to do about it.
pub(crate) fn explain_store(error: store::Error) -> BoxError {
    let hint = match &error {
        store::Error::Throttled | store::Error::Conflict => "try again",
        store::Error::Unavailable(_) => {
            "check the credentials and the network, and whether it was done before you try again"
        }
        store::Error::Internal(_) => "check the name of the table, the region, and what the credentials permit",
        // Commands have no idempotency keys.
        store::Error::NotFound
        | store::Error::NumberTaken
        | store::Error::Unreadable(_)
        | store::Error::KeyReused
        | store::Error::AnswerGone => return error.into(),
    };
    format!("{error}; {hint}").into()
}

/// Why nothing on AWS can be reached, with the line to type instead.
#[cfg(not(feature = "cloud"))]
pub(crate) fn without_cloud() -> BoxError {
    let arguments: Vec<String> = std::env::args().skip(1).map(|argument| quoted(&argument)).collect();
    format!(
        "--stack and --access-table need what talks to AWS, which this command was built without; type `cargo run \
         --features cloud -- {}`",
        arguments.join(" ")
    )
    .into()
}

/// An argument as it is typed in a shell.
#[cfg(not(feature = "cloud"))]
fn quoted(argument: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@,+".contains(char);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(all(test, not(feature = "cloud")))]
mod tests {
    #[test]
    fn arguments_are_quoted_where_a_shell_needs_it() {
        for (argument, typed) in [("--stack", "--stack"), ("a b", "'a b'"), ("", "''"), ("it's", r"'it'\''s'")] {
            assert_eq!(super::quoted(argument), typed);
        }
    }
}
