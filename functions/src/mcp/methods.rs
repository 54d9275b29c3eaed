//! The methods of the server.

use contacts::store::ContactsTable;
use serde::Serialize;
use serde_json::value::RawValue;

use super::message::{self, Members, ProtocolError, Request, text_of};
use super::revision::{self, Era, PER_REQUEST};
use super::tools::{self, TOOLS};
use crate::action::Call;

/// How long a client may keep the list of tools and the description of the server. They change with a deployment only.
const TTL_MS: u32 = 3_600_000;

/// What an agent reads about all tools together.
const INSTRUCTIONS: &str = "Contacts of one organisation, who exchange messages on WhatsApp. A phone number is one contact, in \
    every spelling. Find a contact with list_contacts or get_contact before changing it, and never send messages to one whose \
    opted_out_at is set. Repeating a call is safe: all tools are idempotent.";

/// The name and version of the server.
#[derive(Serialize)]
struct Implementation {
    name: &'static str,
    title: &'static str,
    version: &'static str,
}

const SERVER: Implementation =
    Implementation { name: "carnet", title: "Carnet contacts", version: env!("CARGO_PKG_VERSION") };

#[derive(Serialize)]
struct Capabilities {
    tools: Empty,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: &'static str,
    capabilities: Capabilities,
    server_info: Implementation,
    instructions: &'static str,
}

/// What every result has since 2026-07-28.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PerRequest<R> {
    result_type: &'static str,
    #[serde(flatten)]
    result: R,
    #[serde(rename = "_meta")]
    meta: Meta,
}

#[derive(Serialize)]
struct Meta {
    #[serde(rename = "io.modelcontextprotocol/serverInfo")]
    server: Implementation,
}

/// How long a result may be kept, and that it is the same for everybody.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cacheable {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_scope: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    supported_versions: &'static [&'static str],
    capabilities: Capabilities,
    instructions: &'static str,
    #[serde(flatten)]
    cacheable: Cacheable,
}

#[derive(Serialize)]
struct Listed<'a> {
    tools: &'a RawValue,
    #[serde(flatten)]
    cacheable: Cacheable,
}

impl Cacheable {
    fn of(era: Era) -> Self {
        let is_known = era.is_per_request();
        Cacheable { ttl_ms: is_known.then_some(TTL_MS), cache_scope: is_known.then_some("public") }
    }
}

/// The response to a request.
pub(super) async fn respond(
    table: &ContactsTable,
    call: &Call,
    request: &Request<'_>,
    era: Era,
) -> Result<String, ProtocolError> {
    let Request { id, method, params } = request;
    match (method.as_str(), era) {
        ("initialize", Era::Initialized) => message::result(
            id,
            Initialized {
                protocol_version: revision::negotiated(params),
                capabilities: Capabilities { tools: Empty {} },
                server_info: SERVER,
                instructions: INSTRUCTIONS,
            },
        ),
        ("ping", Era::Initialized) => message::result(id, Empty {}),
        ("server/discover", Era::PerRequest) => {
            let discovered = Discovered {
                supported_versions: PER_REQUEST,
                capabilities: Capabilities { tools: Empty {} },
                instructions: INSTRUCTIONS,
                cacheable: Cacheable::of(era),
            };
            completed(id, era, discovered)
        }
        ("tools/list", _) => {
            if params.get("cursor").is_some_and(|cursor| cursor.get() != "null") {
                return Err(ProtocolError::InvalidParams("The list of tools has one page, so no cursor is valid."));
            }
            let tools = serde_json::from_str(TOOLS).map_err(|_| ProtocolError::Internal)?;
            completed(id, era, Listed { tools, cacheable: Cacheable::of(era) })
        }
        ("tools/call", _) => completed(id, era, call_tool(table, call, params).await?),
        _ => Err(ProtocolError::UnknownMethod),
    }
}

/// The response with a result, and with what the revision wants beside it.
fn completed<R: Serialize>(id: &RawValue, era: Era, result: R) -> Result<String, ProtocolError> {
    match era {
        Era::Initialized => message::result(id, result),
        Era::PerRequest => {
            message::result(id, PerRequest { result_type: "complete", result, meta: Meta { server: SERVER } })
        }
    }
}

async fn call_tool(table: &ContactsTable, call: &Call, params: &Members<'_>) -> Result<tools::Outcome, ProtocolError> {
    let name =
        text_of(params, "name").ok_or(ProtocolError::InvalidParams("The name of the tool has to be a string."))?;
    let arguments = params.get("arguments").map_or("{}", |arguments| arguments.get());
    let called = tools::call(&name, arguments, table, call).await;
    called.unwrap_or(Err(ProtocolError::InvalidParams("Unknown tool: tools/list lists the tools.")))
}
