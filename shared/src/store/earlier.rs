//! Items as earlier versions of Carnet stored them, converted into today's layout when they are read.
//!
//! Tables are never migrated: an item keeps the layout of the version that wrote it until it is written again, which
//! stores today's. Every item is read through [`items::read`](super::items::read), which calls [`convert`], so no
//! other code knows earlier layouts. `functions/tests/stored/` keeps the items that each earlier version wrote.
//!
//! | item | earlier | today |
//! |---|---|---|
//! | contact | no `write_ids`; or `write_id`, one text; or ids of 16 digits | `write_ids`, ids that begin with the time of the write |
//! | contact | `state`, a map with its fields; in it `said_at` | each field an attribute; `event_times` |
//! | applied event | `event#<kind>#<id>` as the key | a keyed hash of the id in it; [`keys`] has both, and both are read |
//! | membership | without `opted_out_at`, `bot_status`, `archived` and `blocked` | with them |
//! | token | `tenant`, a copy of the tenant | `tenant_id`; also `label`, `created_at`, `last_four` |
//! | tenant | `id` | `tenant_id`, `created_at` |

use serde_dynamo::{AttributeValue, Item};

use super::keys::{self, TENANT_ID, WRITE_IDS};

/// What stands in for a time that earlier versions did not store.
const UNKNOWN_TIME: &str = "1970-01-01T00:00:00+00:00";

/// The length of an entry of `write_ids`: the second of the write and the id of the call, in hexadecimal digits.
const WRITE_ID_LENGTH: usize = 20;

/// Converts an item of any earlier layout into today's. Other items stay as they are. Attributes that today's layout
/// does not have may remain; readers ignore them, and they are gone after the next write.
pub(super) fn convert(item: &mut Item) {
    if let Some(AttributeValue::M(state)) = item.remove("state") {
        for (name, value) in state {
            let name = if name == "said_at" { "event_times".to_owned() } else { name };
            item.insert(name, value);
        }
    }
    let Some(AttributeValue::S(key)) = item.get("key") else { return };
    let (is_token, is_tenant) = (key.starts_with("token#"), key.starts_with("tenant#"));
    if !is_token && !is_tenant {
        return;
    }
    let tenant_id = match item.get("tenant") {
        Some(AttributeValue::M(copy)) if is_token => copy.get("id").cloned(),
        _ if is_tenant => item.get("id").cloned(),
        _ => None,
    };
    let mut complete = |name: &str, value| {
        item.entry(name.to_owned()).or_insert(value);
    };
    if let Some(tenant_id) = tenant_id {
        complete(TENANT_ID, tenant_id);
    }
    complete("created_at", AttributeValue::S(UNKNOWN_TIME.to_owned()));
    if is_token {
        complete("label", AttributeValue::S(String::new()));
        complete("last_four", AttributeValue::S(String::new()));
    }
}

/// Whether a contact was written in today's layout. Otherwise its memberships may lack attributes too, so that the
/// next write of the contact has to write all of them.
pub(super) fn is_current(contact: &keys::Item) -> bool {
    let latest = contact.get(WRITE_IDS).and_then(|ids| ids.as_l().ok()).and_then(|ids| ids.first());
    latest.and_then(|id| id.as_s().ok()).is_some_and(|id| id.len() == WRITE_ID_LENGTH)
}
