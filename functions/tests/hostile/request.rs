//! The inputs of requests.

use serde_json::{Value, json};

use super::operation::{Fields, Target};

pub fn by(target: &Target) -> Value {
    match target {
        Target::Id(id) => json!({ "contact_id": id }),
        Target::Phone(phone) => json!({ "phone": phone }),
    }
}

pub fn and(mut input: Value, more: Value) -> Value {
    if let (Some(input), Value::Object(more)) = (input.as_object_mut(), more) {
        input.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    input
}

pub fn with(mut input: Value, fields: &Fields) -> Value {
    for (name, value) in [("name", &fields.name), ("email", &fields.email)] {
        if let Some(value) = value {
            input[name] = value.as_str().into();
        }
    }
    if let Some(tags) = &fields.tags {
        input["tags"] = tags.join(", ").into();
    }
    if let Some(metadata) = &fields.metadata {
        input["metadata"] = serde_json::from_str(metadata).unwrap_or_default();
    }
    input
}
