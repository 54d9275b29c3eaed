//! Access to the tables of a stack of this machine, for what is written into them before the first call.

use std::collections::BTreeMap;

use carnet_local::BoxError;
use contacts::access::Access;
use contacts::aws::{AwsEnvironment, RootCertificates, sdk_config};
use contacts::store::{AccessTable, Client, ContactsTable};

/// The two tables of the functions with this environment.
///
/// # Errors
/// When a variable is missing that every function has.
pub(crate) fn tables(environment: &BTreeMap<String, String>) -> Result<(Access, ContactsTable), BoxError> {
    let variable = |name: &str| environment.get(name).cloned().ok_or_else(|| format!("the functions have no {name}"));
    let sdk = sdk_config(&AwsEnvironment {
        region: variable("AWS_REGION")?,
        access_key_id: variable("AWS_ACCESS_KEY_ID")?,
        secret_access_key: variable("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN").ok(),
        root_certificates: RootCertificates::default(),
    });
    let client = Client::new(&sdk, variable("AWS_ENDPOINT_URL_DYNAMODB").ok());
    let access = Access::new(AccessTable::new(client.clone(), variable("ACCESS_TABLE")?), 0);
    Ok((access, ContactsTable::new(client, variable("CONTACTS_TABLE")?)))
}
