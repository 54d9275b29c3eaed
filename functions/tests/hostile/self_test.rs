//! The self-test: damages the table behind the functions' back, in one way after the other, and checks that the judge
//! names the rule that each breaks.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::quiescence::Tables;
use super::runner::{Plan, Run};
use super::stored::{self, Item, text};

const AGREE: &str = "memberships, tag catalogue and index attributes equal the contacts";
const LAST: &str = "what is stored is the last version";
const OLDER: &str = "nothing older is stored again";
const STAYS: &str = "stored contacts stay";
const RECORDED: &str = "every version was written by a recorded write";
const TENANT: &str = "a tenant has one contact for one number";

/// A way to damage a tagged contact: its name, what it does, and the rule that it breaks.
type Damage = (&'static str, fn(&mut Partition), &'static str);

const DAMAGES: [Damage; 13] = [
    ("a membership is missing", |partition| partition.remove("tag#"), AGREE),
    ("a membership has an old name", |partition| partition.set("tag#", "name", "old"), AGREE),
    ("a tag is not in the catalogue", |partition| partition.remove("tagdef#"), AGREE),
    (
        "a tag is lost",
        |partition| drop(partition.contact().insert("tags".into(), AttributeValue::L(Vec::new()))),
        AGREE,
    ),
    ("a search attribute is wrong", |partition| partition.set("contact#", "phone_key", "+1"), AGREE),
    ("an activity time is wrong", |partition| partition.set("contact#", "active_at", "9"), AGREE),
    ("a name is changed", |partition| partition.set("contact#", "name", "other"), LAST),
    ("a contact is deleted", |partition| partition.remove("contact#"), STAYS),
    ("a message is counted twice", |partition| partition.add("total_messages", 1), LAST),
    ("a version is lowered", |partition| partition.add("version", -1), OLDER),
    ("a version was never written", |partition| partition.add("version", 1), RECORDED),
    ("the phone number is another spelling", |partition| partition.set("contact#", "phone", "+10000000"), LAST),
    ("a contact is in another tenant", Partition::move_to_other_tenant, TENANT),
];

/// The items that belong to one tagged contact.
struct Partition {
    items: Vec<Item>,
    other_tenant: String,
}

impl Partition {
    fn contact(&mut self) -> &mut Item {
        self.find("contact#")
    }

    fn find(&mut self, prefix: &str) -> &mut Item {
        self.items.iter_mut().find(|item| text(item, "item").starts_with(prefix)).unwrap()
    }

    fn remove(&mut self, prefix: &str) {
        let place = self.items.iter().position(|item| text(item, "item").starts_with(prefix)).unwrap();
        self.items.remove(place);
    }

    fn set(&mut self, prefix: &str, name: &str, value: &str) {
        self.find(prefix).insert(name.to_owned(), AttributeValue::S(value.to_owned()));
    }

    fn add(&mut self, name: &str, difference: i64) {
        let stored: i64 = self.contact()[name].as_n().unwrap().parse().unwrap();
        self.contact().insert(name.to_owned(), AttributeValue::N((stored + difference).to_string()));
    }

    fn move_to_other_tenant(&mut self) {
        let other = AttributeValue::S(self.other_tenant.clone());
        // The other tenant may have a catalogue entry of the same tag.
        for item in self.items.iter_mut().filter(|item| !text(item, "item").starts_with("tagdef#")) {
            item.insert("tenant_id".to_owned(), other.clone());
        }
    }
}

/// Runs the self-test, and prints what the judge did not see. True if it saw everything.
pub async fn run(seed: u64) -> bool {
    let mut run = Run::start(Plan { seed, width: 16, calls: 400, minutes: None }).await;
    let (_, violations) = run.epoch().await;
    violations.iter().for_each(|violation| violation.print(run.start));
    let mut seen_all = violations.is_empty();
    for (name, damage, rule) in DAMAGES {
        let tables = run.tables();
        let customers = &run.population.customers;
        let (id, other_tenant) = (customers[0].id.clone(), customers[1].id.clone());
        let before = of_a_tagged_contact(&tables, &id).await;
        let mut partition = Partition { items: before.clone(), other_tenant };
        damage(&mut partition);
        replace(&tables, &before, &partition.items).await;
        let rules: BTreeSet<&str> = run.judge_damage().await.into_iter().map(|violation| violation.rule).collect();
        if !rules.contains(rule) {
            println!("self-test: {name}: the judge does not see that it breaks the rule: {rule}; it sees {rules:?}");
            seen_all = false;
        }
        replace(&tables, &partition.items, &before).await;
    }
    for violation in run.judge_damage().await {
        println!("self-test: the judge sees damage that has been repaired");
        violation.print(run.start);
        seen_all = false;
    }
    println!("self-test: the judge sees {} kinds of damage: {seen_all}", DAMAGES.len());
    run.stop(false).await;
    seen_all
}

/// The contact with the most messages of those that have a tag, its memberships, and the catalogue entry of one of its
/// tags that no other contact has or, without one, of any.
async fn of_a_tagged_contact(tables: &Tables, tenant: &str) -> Vec<Item> {
    let contacts = stored::items(&tables.0, tenant, "contact#").await;
    let has_tags = |contact: &Item| contact.get("tags").is_some_and(|tags| !tags.as_l().unwrap().is_empty());
    let is_tagged = |contact: &&Item| has_tags(contact) && contact.contains_key("name");
    let contact = contacts.iter().filter(is_tagged).max_by_key(|contact| text(contact, "id")).unwrap().clone();
    let memberships = stored::items(&tables.0, tenant, "tag#").await;
    let own = memberships.into_iter().filter(|membership| text(membership, "id") == text(&contact, "id"));
    let tag = contact["tags"].as_l().unwrap()[0].as_s().unwrap().clone();
    let definitions = stored::items(&tables.0, tenant, "tagdef#").await;
    let definition = definitions.into_iter().filter(|definition| text(definition, "name") == tag);
    std::iter::once(contact.clone()).chain(own).chain(definition).collect()
}

/// Deletes the first items and puts the second ones.
async fn replace(tables: &Tables, before: &[Item], after: &[Item]) {
    for item in before {
        let delete = tables.0.delete_item().table_name("ContactsTable");
        let key = ["tenant_id", "item"].map(|name| (name.to_owned(), item[name].clone()));
        delete.set_key(Some(key.into())).send().await.unwrap();
    }
    for item in after {
        tables.0.put_item().table_name("ContactsTable").set_item(Some(item.clone())).send().await.unwrap();
    }
}
