//! The envelope of a call: `{"tenant_id": "…", "input": {…}}`.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::{Action, Fields};
use crate::access::TenantId;
use crate::error::Error;

#[derive(Deserialize)]
struct Envelope<'a> {
    tenant_id: Option<Value>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// What an envelope asks for.
pub(super) struct Call<A> {
    pub(super) tenant_id: TenantId,
    pub(super) action: A,
}

impl<A: Action> Call<A> {
    /// Reads an envelope and the input in it.
    ///
    /// # Errors
    /// [`Error::UnknownEvent`] for what is no envelope; [`Error::UnknownTenant`];
    /// [`Error::Malformed`] and [`Error::Invalid`] for the input.
    pub(super) fn read(envelope: &str) -> Result<Self, Error> {
        let unknown = |_| Error::UnknownEvent("it is no JSON object");
        let Envelope { tenant_id, input } = serde_json::from_str(envelope).map_err(unknown)?;
        let tenant_id = tenant_id.ok_or(Error::UnknownEvent("it has no tenant_id"))?;
        let tenant_id = tenant_id.as_str().and_then(TenantId::parse).ok_or(Error::UnknownTenant)?;
        let input = input.ok_or(Error::UnknownEvent("it has no input"))?;
        let action = Fields::read(input.get().as_bytes())?.parse(A::parse)?;
        Ok(Call { tenant_id, action })
    }
}
