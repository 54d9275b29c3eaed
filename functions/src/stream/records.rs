//! Records of a DynamoDB stream, as Lambda delivers them.

use contacts::store::{self, ChangedItem, ContactChange};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::events::EventError;

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<RawRecord<'a>>,
}

// Not `aws_lambda_events`, whose type parses all images of the event at once: one unreadable image would
// fail the records before it too, and every number would be parsed twice.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRecord<'a> {
    event_source: String,
    #[serde(borrow)]
    event_name: Option<&'a RawValue>,
    #[serde(borrow)]
    dynamodb: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Position {
    sequence_number: String,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum EventName {
    Insert,
    Modify,
    Remove,
}

/// One record of a stream.
pub(super) struct StreamRecord<'a> {
    /// The position in the shard, by which a partial batch response names the record.
    pub(super) sequence_number: String,
    /// What happened to the item; `None` if it is not a name that DynamoDB documents.
    pub(super) event_name: Option<EventName>,
    dynamodb: &'a RawValue,
}

impl StreamRecord<'_> {
    /// The change of a contact that the record describes; `None` for items other than contacts.
    ///
    /// # Errors
    /// [`store::Error::Unreadable`], whose text contains no personal data.
    pub(super) fn change(&self) -> Result<Option<ContactChange>, store::Error> {
        ContactChange::read(self.dynamodb.get())
    }

    /// The item that the record is about, also of a record that cannot be read otherwise.
    pub(super) fn item(&self) -> ChangedItem {
        ChangedItem::read(self.dynamodb.get())
    }
}

/// The records of a stream event.
///
/// # Errors
/// [`EventError::UnknownEvent`] if it is not an event of a DynamoDB stream.
pub(super) fn parse(event: &str) -> Result<Vec<StreamRecord<'_>>, EventError> {
    const UNKNOWN: EventError = EventError::UnknownEvent("the records are not records of a DynamoDB stream");
    let RawEvent { records } = serde_json::from_str(event).map_err(|_| UNKNOWN)?;
    let records = records.into_iter().map(|record| {
        if record.event_source != "aws:dynamodb" {
            return Err(UNKNOWN);
        }
        let Position { sequence_number } = serde_json::from_str(record.dynamodb.get()).map_err(|_| UNKNOWN)?;
        let event_name = record.event_name.and_then(|name| serde_json::from_str(name.get()).ok());
        Ok(StreamRecord { sequence_number, event_name, dynamodb: record.dynamodb })
    });
    records.collect()
}
