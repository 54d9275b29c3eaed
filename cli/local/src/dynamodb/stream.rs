//! The streams of the embedded engine, and how far each event source mapping has read them.
//!
//! The engine keeps the records of a stream for ever, and to number the next one it looks at all of them, so each write
//! would take longer than the one before. A second connection to its database corrects both: an index finds the last
//! number at once, and records that every mapping has processed are deleted. Records that were not processed within a
//! day are deleted at the next start; DynamoDB does so too. The same database keeps the position of each mapping.

use std::sync::Mutex;
use std::time::Duration;

use dynoxide::Database;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::encode_shard_iterator;
use dynoxide::streams::shard_id;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::aws::{ACCOUNT, region};
use crate::error::BoxError;
use crate::lock::lock;
use crate::seed::StreamStart;
use crate::template::{StartingPosition, StreamMapping};

/// How long one connection waits for the other to finish its write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a record is kept that was not processed.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

const SCHEMA: &str = "
    CREATE INDEX IF NOT EXISTS _carnet_stream_order
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE TABLE IF NOT EXISTS _carnet_positions
        (mapping TEXT PRIMARY KEY, table_name TEXT NOT NULL, position INTEGER NOT NULL);
    PRAGMA synchronous = NORMAL;";

/// A record of a stream.
#[derive(Debug, Clone)]
pub(crate) struct StreamRecord {
    /// Its sequence number, as a number.
    pub(crate) position: i64,
    /// The record as Lambda sends it to a function.
    pub(crate) event: Value,
}

impl StreamRecord {
    /// Its sequence number, as a function sees it.
    pub(crate) fn sequence_number(&self) -> &str {
        self.event["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
    }

    /// When the change was made, in seconds since 1970.
    pub(crate) fn made_at(&self) -> i64 {
        self.event["dynamodb"]["ApproximateCreationDateTime"].as_i64().unwrap_or_default()
    }
}

/// The streams of all tables of an engine, with the positions of the mappings that read them.
pub(crate) struct Streams {
    engine: Database,
    positions: Mutex<Connection>,
}

impl Streams {
    /// Opens the engine's database, a path or a URI, a second time.
    pub(crate) fn open(engine: Database, database: &str) -> Result<Self, BoxError> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch(SCHEMA)?;
        // The engine's numbers begin as microseconds since 1970.
        let retention = i64::try_from(RETENTION.as_micros())?;
        connection.execute(
            "DELETE FROM _stream_records WHERE CAST(sequence_number AS INTEGER) < ?1",
            params![jiff::Timestamp::now().as_microsecond() - retention],
        )?;
        Ok(Self { engine, positions: Mutex::new(connection) })
    }

    /// Registers the mappings by their names. Positions of other mappings are deleted; known ones keep theirs.
    pub(crate) fn register(&self, mappings: &[(&str, &StreamMapping)], start: StreamStart) -> Result<(), BoxError> {
        let mut connection = lock(&self.positions);
        let transaction = connection.transaction()?;
        let known: Vec<String> = {
            let mut names = transaction.prepare("SELECT mapping FROM _carnet_positions")?;
            let names = names.query_map([], |row| row.get(0))?;
            names.collect::<Result<_, _>>()?
        };
        for name in known.iter().filter(|known| !mappings.iter().any(|(name, _)| name == known)) {
            transaction.execute("DELETE FROM _carnet_positions WHERE mapping = ?1", params![name])?;
        }
        for (name, mapping) in mappings {
            let newest = "SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?1";
            let newest: Option<i64> = transaction.query_row(newest, params![mapping.table], |row| row.get(0))?;
            let position = match (start, mapping.starting_position) {
                (StreamStart::AsConfigured, StartingPosition::TrimHorizon) => 0,
                _ => newest.unwrap_or(0),
            };
            transaction.execute(
                "INSERT INTO _carnet_positions VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![name, mapping.table, position],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// The position of a mapping: the last record it has processed.
    pub(crate) fn position(&self, mapping: &str) -> Result<i64, BoxError> {
        let position = "SELECT position FROM _carnet_positions WHERE mapping = ?1";
        let position = lock(&self.positions).query_row(position, params![mapping], |row| row.get(0));
        Ok(position.optional()?.unwrap_or(0))
    }

    /// Moves a mapping to a position. Records that all mappings of the table are past are deleted, except the last one
    /// of the stream: the engine numbers the next record after it, whatever the clock says then.
    pub(crate) fn advance(&self, mapping: &str, table: &str, position: i64) -> Result<(), BoxError> {
        let mut connection = lock(&self.positions);
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached("UPDATE _carnet_positions SET position = ?2 WHERE mapping = ?1")?
            .execute(params![mapping, position])?;
        transaction
            .prepare_cached(
                "DELETE FROM _stream_records WHERE table_name = ?1
                 AND CAST(sequence_number AS INTEGER) <=
                     (SELECT MIN(position) FROM _carnet_positions WHERE table_name = ?1)
                 AND CAST(sequence_number AS INTEGER) <
                     (SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?1)",
            )?
            .execute(params![table])?;
        Ok(transaction.commit()?)
    }

    /// The records of a table after a position, oldest first: one page.
    pub(crate) fn read(&self, table: &str, after: i64) -> Result<Vec<StreamRecord>, BoxError> {
        let shard_iterator = encode_shard_iterator(table, &shard_id(table), after);
        let page = self.engine.get_records(GetRecordsRequest { shard_iterator, limit: None })?;
        if page.records.is_empty() {
            return Ok(Vec::new());
        }
        let arn = self.arn(table)?;
        page.records.into_iter().map(|record| stream_record(record, &arn)).collect()
    }

    /// The ARN of a table's stream.
    pub(crate) fn arn(&self, table: &str) -> Result<String, BoxError> {
        let metadata = self.engine.get_table_metadata(table)?;
        let label = metadata.and_then(|table| table.stream_label).unwrap_or_default();
        Ok(format!("arn:aws:dynamodb:{}:{ACCOUNT}:table/{table}/stream/{label}", region()))
    }
}

/// Makes the engine's record what Lambda sends.
fn stream_record(record: Record, arn: &str) -> Result<StreamRecord, BoxError> {
    // 21 digits; the first is padding.
    let position = record.dynamodb.sequence_number.get(1..).unwrap_or_default().parse()?;
    let seconds = record.dynamodb.approximate_creation_date_time as i64;
    let mut event = serde_json::to_value(record)?;
    event["dynamodb"]["ApproximateCreationDateTime"] = seconds.into();
    event["awsRegion"] = region().into();
    event["eventSourceARN"] = arn.into();
    Ok(StreamRecord { position, event })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An engine in memory with a table that has a stream.
    fn engine() -> (Database, String) {
        let file = format!("file:/test-{}?vfs=memdb", uuid::Uuid::new_v4());
        let engine = Database::new(&file).unwrap();
        let table = json!({
            "TableName": "notes", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        });
        engine.create_table(serde_json::from_value(table).unwrap()).unwrap();
        (engine, file)
    }

    fn put(engine: &Database, n: u32) {
        let item = json!({ "TableName": "notes", "Item": { "id": { "S": "1" }, "n": { "N": n.to_string() } } });
        engine.put_item(serde_json::from_value(item).unwrap()).unwrap();
    }

    fn mapping(starting_position: StartingPosition) -> StreamMapping {
        StreamMapping {
            name: "Changes".into(),
            table: "notes".into(),
            starting_position,
            batch_size: 100,
            retries: None,
            max_age: None,
            bisect: false,
            reports_failures: false,
            filters: Vec::new(),
            on_failure: None,
        }
    }

    fn kept(streams: &Streams) -> u32 {
        lock(&streams.positions).query_row("SELECT COUNT(*) FROM _stream_records", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_record_has_the_shape_that_lambda_sends() {
        let (engine, file) = engine();
        put(&engine, 1);
        put(&engine, 2);
        let records = Streams::open(engine, &file).unwrap().read("notes", 0).unwrap();
        let [first, second] = &records[..] else { panic!("expected two records") };
        assert!(first.position < second.position && first.sequence_number() < second.sequence_number());
        assert!(first.event["dynamodb"].get("OldImage").is_none());
        let mut record = second.event.clone();
        for name in ["eventID", "eventSourceARN"] {
            assert!(record.as_object_mut().unwrap().remove(name).unwrap().is_string());
        }
        let change = record["dynamodb"].as_object_mut().unwrap();
        assert!(change.remove("SequenceNumber").unwrap().as_str().is_some_and(|number| number.len() == 21));
        for name in ["ApproximateCreationDateTime", "SizeBytes"] {
            assert!(change.remove(name).unwrap().is_i64());
        }
        assert_eq!(
            record,
            json!({
                "eventName": "MODIFY", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": region(),
                "dynamodb": {
                    "Keys": { "id": { "S": "1" } },
                    "OldImage": { "id": { "S": "1" }, "n": { "N": "1" } },
                    "NewImage": { "id": { "S": "1" }, "n": { "N": "2" } },
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
            })
        );
    }

    #[test]
    fn records_that_all_mappings_have_processed_are_deleted() {
        let (engine, file) = engine();
        put(&engine, 1);
        let streams = Streams::open(engine.clone(), &file).unwrap();
        let (oldest, newest) = (mapping(StartingPosition::TrimHorizon), mapping(StartingPosition::Latest));
        streams.register(&[("a", &oldest), ("b", &newest), ("gone", &oldest)], StreamStart::AsConfigured).unwrap();
        streams.register(&[("a", &newest), ("b", &oldest), ("late", &oldest)], StreamStart::NextChange).unwrap();
        assert!(streams.read("notes", streams.position("late").unwrap()).unwrap().is_empty());
        streams.register(&[("a", &newest), ("b", &oldest)], StreamStart::AsConfigured).unwrap();
        for n in 2..=4 {
            put(&engine, n);
        }
        let read = |name| streams.read("notes", streams.position(name).unwrap()).unwrap();
        assert_eq!((read("a").len(), read("b").len()), (4, 3), "each begins at its first starting position");

        let last = read("b").last().unwrap().position;
        streams.advance("b", "notes", last).unwrap();
        assert_eq!(
            (kept(&streams), read("a").len(), read("b").len()),
            (4, 4, 0),
            "the other mapping has not processed them"
        );
        streams.advance("a", "notes", last).unwrap();
        assert_eq!(
            (kept(&streams), read("a").len(), read("b").len()),
            (1, 0, 0),
            "the last record stays, because the next one is numbered after it"
        );
        put(&engine, 5);
        assert_eq!((read("a").len(), read("b").len()), (1, 1));
    }

    #[test]
    fn the_last_sequence_number_is_found_through_the_index() {
        let (engine, file) = engine();
        let streams = Streams::open(engine, &file).unwrap();
        let connection = lock(&streams.positions);
        // The query that the engine makes for each write.
        let question = "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
                        FROM _stream_records WHERE table_name = 'notes'";
        let plan: String = connection.query_row(question, [], |row| row.get(3)).unwrap();
        assert!(plan.starts_with("SEARCH _stream_records USING COVERING INDEX _carnet_stream_order"), "{plan}");
    }
}
