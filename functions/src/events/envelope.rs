//! The envelope of an event: `{"tenant_id": "…", "input": {…}}`.

use contacts::model::TenantId;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::EventError;
use crate::action::Action;
use crate::input::Input;

#[derive(Deserialize)]
struct RawEnvelope<'a> {
    tenant_id: Option<Value>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// A parsed envelope.
pub(super) struct Envelope<A> {
    pub(super) tenant_id: TenantId,
    pub(super) action: A,
}

impl<A: Action> Envelope<A> {
    /// Parses an envelope and its input.
    ///
    /// # Errors
    /// [`EventError::UnknownEvent`] for anything but an envelope; [`EventError::UnknownTenant`] for an
    /// invalid tenant id; [`EventError::Action`] for an invalid input.
    pub(super) fn parse(json: &str) -> Result<Self, EventError> {
        let unknown = |_| EventError::UnknownEvent("not a JSON object");
        let RawEnvelope { tenant_id, input } = serde_json::from_str(json).map_err(unknown)?;
        let tenant_id = tenant_id.ok_or(EventError::UnknownEvent("tenant_id is missing"))?;
        let tenant_id = tenant_id.as_str().and_then(TenantId::parse).ok_or(EventError::UnknownTenant)?;
        let input = input.ok_or(EventError::UnknownEvent("input is missing"))?;
        let action = Input::from_json(input.get().as_bytes())?.parse(A::parse)?;
        Ok(Envelope { tenant_id, action })
    }
}
