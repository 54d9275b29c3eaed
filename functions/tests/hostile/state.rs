//! The state of a contact as the table stores it, and whether an answer shows it.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

/// The attributes of a contact that clients or later events can see. Times are text in UTC, which sorts as time does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    pub phone: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub source: String,
    pub locale: Option<String>,
    /// Keys in their order, with the text of their values.
    pub metadata: Vec<(String, String)>,
    pub tags: Vec<String>,
    pub opted_in_at: Option<String>,
    pub opted_out_at: Option<String>,
    pub consent_method: Option<String>,
    pub last_message_at: Option<String>,
    pub total_messages: u64,
    /// The fields of the conversation that do not have their default value.
    pub conversation: BTreeMap<String, Value>,
    /// The time of the event that has set each of these fields or the locale.
    pub event_times: BTreeMap<String, String>,
    pub created_at: String,
    pub updated_at: String,
    /// When the contact was deleted, or left this id. The state is that of a tombstone, which has only this, the opt-out, and
    /// the id to which the contact has moved.
    pub deleted_at: Option<String>,
    /// The id that the contact has now, if its number was changed.
    pub moved_to: Option<String>,
    /// When an earlier contact with the number was deleted.
    pub predecessor_deleted_at: Option<String>,
}

/// The fields of the conversation.
const CONVERSATION: [&str; 7] =
    ["bot_status", "archived", "blocked", "active_status", "has_unread_messages", "summary", "summary_updated_at"];

/// An item as stored: the contact's state, its version, and the ids of the calls that wrote it last.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub tenant_id: String,
    pub contact_id: String,
    pub version: u64,
    /// The latest first.
    pub write_ids: Vec<String>,
    /// The key of the results of calls with an idempotency key, in base64.
    pub answer_key: Option<String>,
    pub state: State,
}

impl Image {
    /// Reads an item in DynamoDB's JSON.
    pub fn read(item: &Value) -> Self {
        let text = |name: &str| item[name]["S"].as_str().map(str::to_owned);
        let number = |name: &str| item[name]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or(0);
        let list = |name: &str| {
            let values = item[name]["L"].as_array().into_iter().flatten();
            values.filter_map(|value| value["S"].as_str().map(str::to_owned)).collect()
        };
        let times = item["event_times"]["M"].as_object().into_iter().flatten();
        let fields = CONVERSATION.iter().filter_map(|name| Some((name, item.get(*name)?)));
        let plain = |value: &Value| value.as_object().and_then(|typed| typed.values().next().cloned());
        let state = State {
            phone: text("phone").unwrap_or_default(),
            name: text("name"),
            email: text("email"),
            source: text("source").unwrap_or_default(),
            locale: text("locale"),
            metadata: metadata(&text("metadata").unwrap_or_default()),
            tags: list("tags"),
            opted_in_at: text("opted_in_at"),
            opted_out_at: text("opted_out_at"),
            consent_method: text("consent_method"),
            last_message_at: text("last_message_at"),
            total_messages: number("total_messages"),
            conversation: fields.filter_map(|(name, value)| Some(((*name).to_owned(), plain(value)?))).collect(),
            event_times: times
                .filter_map(|(name, time)| Some((name.clone(), time["S"].as_str()?.to_owned())))
                .collect(),
            created_at: text("created_at").unwrap_or_default(),
            updated_at: text("updated_at").unwrap_or_default(),
            deleted_at: text("deleted_at"),
            moved_to: text("moved_to"),
            predecessor_deleted_at: text("predecessor_deleted_at"),
        };
        // A tombstone has no id but that in its key.
        let key = text("item").unwrap_or_default();
        Image {
            tenant_id: text("tenant_id").unwrap_or_default(),
            contact_id: text("id").unwrap_or_else(|| key.trim_start_matches("contact#").to_owned()),
            version: number("version"),
            write_ids: list("write_ids"),
            answer_key: item["answer_key"]["B"].as_str().map(str::to_owned),
            state,
        }
    }
}

/// The keys of a JSON object in their order, with the text of their values.
pub fn metadata(json: &str) -> Vec<(String, String)> {
    let object: IndexMap<String, Box<RawValue>> = serde_json::from_str(json).unwrap_or_default();
    object.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect()
}

impl State {
    /// Whether there is a contact; otherwise it is a tombstone.
    pub fn is_contact(&self) -> bool {
        self.deleted_at.is_none()
    }

    /// Whether an event that occurred at this time is about a contact that was deleted since.
    pub fn is_deleted_since(&self, occurred_at: &str) -> bool {
        let deleted_at = self.deleted_at.as_ref().or(self.predecessor_deleted_at.as_ref());
        deleted_at.is_some_and(|deleted_at| occurred_at <= deleted_at.as_str())
    }

    /// A field of the conversation, or its default.
    pub fn conversation(&self, field: &str) -> Value {
        let default = || match field {
            "bot_status" => "active".into(),
            "summary" | "summary_updated_at" => Value::Null,
            _ => false.into(),
        };
        self.conversation.get(field).cloned().unwrap_or_else(default)
    }

    /// Which fields of an answer do not show this state of this contact. Fields that are not about the contact
    /// are not compared.
    pub fn unlike(&self, contact_id: &str, answer: &Value) -> Vec<String> {
        let fields = answer.as_object().into_iter().flatten();
        let differs = |(name, shown): (&String, &Value)| {
            let stored = self.shown(contact_id, name)?;
            let same = match name.as_str() {
                "source" if shown.is_object() => shown["type"] == stored,
                _ => normal(shown) == stored,
            };
            (!same).then(|| format!("{name} is {shown} instead of {stored}"))
        };
        fields.filter_map(differs).collect()
    }

    /// The value of an answer's field, with times as the table spells them.
    fn shown(&self, contact_id: &str, field: &str) -> Option<Value> {
        Some(match field {
            "id" => contact_id.into(),
            "phone" | "phone_number" => self.phone.clone().into(),
            // A tombstone has no phone number.
            "whatsapp_id" => self.phone.trim_start_matches('+').into(),
            "name" | "full_name" => self.name.clone().into(),
            "email" => self.email.clone().into(),
            "source" => self.source.clone().into(),
            "locale" => self.locale.clone().into(),
            "metadata" => {
                let text = self.metadata.iter().map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())));
                serde_json::from_str(&format!("{{{}}}", text.collect::<Vec<_>>().join(","))).unwrap_or_default()
            }
            "tags" => self.tags.clone().into(),
            "opted_in_at" => self.opted_in_at.clone().into(),
            "opted_out_at" => self.opted_out_at.clone().into(),
            "last_message_at" => self.last_message_at.clone().into(),
            "total_messages" => self.total_messages.into(),
            "bot_status" | "archived" | "blocked" | "active_status" | "has_unread_messages" => self.conversation(field),
            "contact_summary" => self.conversation("summary"),
            "contact_summary_updated_at" => self.conversation("summary_updated_at"),
            "allow_broadcast" => self.opted_out_at.is_none().into(),
            "created_at" => self.created_at.clone().into(),
            "updated_at" => self.updated_at.clone().into(),
            _ => return None,
        })
    }
}

/// A time in FlowIQ's format in the table's; any other value as it is.
fn normal(shown: &Value) -> Value {
    match shown.as_str() {
        Some(text) if text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T' => {
            format!("{}+00:00", &text[..19]).into()
        }
        _ => shown.clone(),
    }
}
