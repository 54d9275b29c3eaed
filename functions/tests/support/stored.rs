//! What the contacts table holds, and whether its items agree with each other.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

/// An item of the contacts table.
pub type Item = HashMap<String, AttributeValue>;

/// The attributes of a contact that its index rows repeat.
const ROW: [&str; 14] = [
    "phone",
    "name",
    "email",
    "source",
    "tags",
    "last_message_at",
    "created_at",
    "opted_out_at",
    "bot_status",
    "archived",
    "blocked",
    "search_text",
    "active_at",
    "tenant_id",
];

/// All items of a tenant whose sort key begins with `prefix`. Strongly consistent.
pub async fn items(client: &Client, tenant: &str, prefix: &str) -> Vec<Item> {
    let query = client.query().table_name("ContactsTable").consistent_read(true);
    let query = query
        .key_condition_expression("tenant_id = :tenant AND begins_with(#item, :prefix)")
        .expression_attribute_names("#item", "item")
        .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_owned()))
        .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()));
    let mut pages = query.into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item.unwrap());
    }
    items
}

/// A text attribute of an item, empty if it has none.
pub fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// What a tombstone may hold, which is nothing of the contact but its key and its opt-out.
const TOMBSTONE: [&str; 7] = ["tenant_id", "item", "version", "write_ids", "deleted_at", "opted_out_at", "moved_to"];

/// Whether an item under the key of a contact is the tombstone of a deleted one, or the redirect of one that has another id
/// now.
pub fn is_tombstone(item: &Item) -> bool {
    item.contains_key("deleted_at")
}

/// Where the items of a tenant contradict each other: each sentence with the id of its contact. Every membership has to
/// equal its contact, every contact has to have a membership for each of its labels and no other, and every tag has to
/// be in the catalogue. A tombstone has no membership and no attribute of a contact. A redirect leads to a contact that knows
/// it.
pub fn contradictions(contacts: &[Item], memberships: &[Item], definitions: &[Item]) -> Vec<(String, String)> {
    let defined: HashSet<&str> = definitions.iter().map(|item| text(item, "name")).collect();
    let mut found = Vec::new();
    let mut expected: BTreeMap<String, (&str, String, String)> = BTreeMap::new();
    for contact in contacts {
        if is_tombstone(contact) {
            let id = text(contact, "item").trim_start_matches("contact#").to_owned();
            let surplus = contact.keys().filter(|name| !TOMBSTONE.contains(&name.as_str()));
            found.extend(surplus.map(|name| (id.clone(), format!("the tombstone has the attribute {name}"))));
            let to = text(contact, "moved_to");
            let knows_it = |target: &Item| {
                let former = target.get("former_ids").and_then(|ids| ids.as_l().ok()).into_iter().flatten();
                text(target, "id") == to && former.filter_map(|id| id.as_s().ok()).any(|former| *former == id)
            };
            if !to.is_empty() && !contacts.iter().any(knows_it) {
                found.push((id, format!("the redirect leads to {to}, where no contact knows it")));
            }
            continue;
        }
        let id = text(contact, "id");
        let mut wrong = |sentence: String| found.push((id.to_owned(), sentence));
        if text(contact, "item") != format!("contact#{id}") {
            wrong(format!("the key of the contact is {}", text(contact, "item")));
        }
        if text(contact, "tag") != "*" {
            wrong(format!("the contact is listed under {:?} instead of all contacts", text(contact, "tag")));
        }
        if text(contact, "email_key") != text(contact, "email").to_lowercase() {
            wrong("the key of the email index is not the email address in lower case".to_owned());
        }
        if text(contact, "phone_key") != text(contact, "phone") {
            wrong("the key of the phone index is not the phone number".to_owned());
        }
        for label in labels(contact) {
            let tag = label.strip_prefix('*').unwrap_or(&label);
            if label != "*+" && !defined.contains(tag) {
                wrong(format!("the tag {tag:?} of the contact is not in the tag catalogue"));
            }
            expected.insert(format!("tag#{label}#{id}"), (id, label, row(contact)));
        }
    }
    for membership in memberships {
        let key = text(membership, "item");
        match expected.remove(key) {
            None => found.push((text(membership, "id").to_owned(), format!("the contact has no tag for {key}"))),
            Some((id, label, row_of_contact)) => {
                if text(membership, "tag") != label || row(membership) != row_of_contact {
                    found.push((id.to_owned(), format!("the membership {key} differs from its contact")));
                }
            }
        }
    }
    found.extend(
        expected.into_iter().map(|(key, (id, ..))| (id.to_owned(), format!("the membership {key} is missing"))),
    );
    found
}

/// The labels of a contact beside the one of all contacts, as keys spell them.
fn labels(contact: &Item) -> Vec<String> {
    let tags = contact.get("tags").and_then(|tags| tags.as_l().ok()).into_iter().flatten();
    let tags = tags.filter_map(|tag| tag.as_s().ok());
    let label = |tag: &String| if tag.starts_with('*') { format!("*{tag}") } else { tag.clone() };
    let mut labels: Vec<String> = tags.map(label).collect();
    let is_start = |pair: &[u8]| pair[0] == b'+' && pair[1].is_ascii_digit();
    let mut texts = [text(contact, "name"), text(contact, "email")].into_iter();
    if texts.any(|value| value != text(contact, "phone") && value.as_bytes().windows(2).any(is_start)) {
        labels.push("*+".to_owned());
    }
    labels
}

fn row(item: &Item) -> String {
    ROW.iter().map(|name| format!("{:?}\n", item.get(*name))).collect()
}
