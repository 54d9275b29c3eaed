//! A repair waits until its reads fit the rate, which may take longer than a call of a function may last.

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::model::ContactId;
use contacts::store::{Finding, FindingKind, Pace, Place, Repair};
use serde_json::json;

use crate::support::Bundle;

#[tokio::test]
async fn a_slow_repair_is_no_lost_race() {
    let bundle = Bundle::start().await;
    let tenant = bundle.tenant("demo-token").await;
    let created = bundle.call("create-contact", json!({ "phone": "+14155550123", "tags": "vip" })).await;
    let contact: ContactId = created.id().parse().unwrap();
    let delete = bundle.dynamodb().delete_item().table_name("ContactsTable");
    let delete = delete.key("tenant_id", AttributeValue::S(tenant.id().to_string()));
    delete.key("item", AttributeValue::S(format!("tag#vip#{contact}"))).send().await.unwrap();
    // The first request waits for nine seconds.
    let mut pace = Pace::new(100);
    pace.add(900.0);
    let place = Place::Membership { contact, label: "vip".to_owned() };
    let wrong = Finding { kind: FindingKind::MissingMembership, place };
    assert_eq!(bundle.table.repair(&tenant, &wrong, &mut pace).await.unwrap(), Repair::Repaired);
    assert_eq!(bundle.table.repair(&tenant, &wrong, &mut pace).await.unwrap(), Repair::NotNeeded);
}
