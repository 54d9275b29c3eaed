//! The streams of the embedded engine: what has changed, and who has been told.
//!
//! The engine notes each change of a table that has a stream, and keeps the notes for ever; to number the next one it
//! looks through all of them, so every write would take longer than the one before. A second connection to its
//! database puts that right: an index finds the last number at once, and what every mapping has delivered goes. What
//! is not delivered within a day goes at the next start, as in DynamoDB. The same database remembers how far each
//! mapping has come.

use std::sync::Mutex;
use std::time::Duration;

use dynoxide::Database;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::encode_shard_iterator;
use dynoxide::streams::shard_id;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::aws::{ACCOUNT, region};
use super::lock;
use crate::template::StreamMapping;

/// Whatever went wrong in the engine; the user is shown its text.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long one connection waits for the other to finish its write.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a change is kept that is not delivered.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const SCHEMA: &str = "
    CREATE INDEX IF NOT EXISTS _carnet_stream_order
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE TABLE IF NOT EXISTS _carnet_positions
        (mapping TEXT PRIMARY KEY, table_name TEXT NOT NULL, position INTEGER NOT NULL);
    PRAGMA synchronous = NORMAL;";

/// A change, as a function is told of it.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Its place in the stream.
    pub(super) position: i64,
    /// The record, as Lambda sends it.
    pub(super) record: Value,
}

impl Change {
    /// The number a function knows it by.
    pub(super) fn sequence_number(&self) -> &str {
        self.record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
    }

    /// When it was made, in seconds since 1970.
    pub(super) fn made_at(&self) -> i64 {
        self.record["dynamodb"]["ApproximateCreationDateTime"].as_i64().unwrap_or_default()
    }
}

/// Where a new mapping begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Where the template says.
    AsWanted,
    /// With the next change.
    Now,
}

/// The streams of all tables of an engine.
pub(super) struct Streams {
    engine: Database,
    positions: Mutex<Connection>,
}

impl Streams {
    /// Opens the engine's database, a path or a URI, a second time.
    pub(super) fn open(engine: Database, database: &str) -> Result<Self, Failure> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(SCHEMA)?;
        // The engine's numbers begin as microseconds since 1970.
        let day = i64::try_from(DAY.as_micros())?;
        connection.execute(
            "DELETE FROM _stream_records WHERE CAST(sequence_number AS INTEGER) < ?1",
            params![jiff::Timestamp::now().as_microsecond() - day],
        )?;
        Ok(Self { engine, positions: Mutex::new(connection) })
    }

    /// From now on these mappings are there, by their names, and no others.
    pub(super) fn subscribe(&self, mappings: &[(&str, &StreamMapping)], beginning: Beginning) -> Result<(), Failure> {
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
            let start = if mapping.from_oldest && beginning == Beginning::AsWanted { 0 } else { newest.unwrap_or(0) };
            transaction.execute(
                "INSERT INTO _carnet_positions VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![name, mapping.table, start],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// How far a mapping has come.
    pub(super) fn position(&self, mapping: &str) -> Result<i64, Failure> {
        let position = "SELECT position FROM _carnet_positions WHERE mapping = ?1";
        let position = lock(&self.positions).query_row(position, params![mapping], |row| row.get(0));
        Ok(position.optional()?.unwrap_or(0))
    }

    /// A mapping has come this far. What all mappings of the table have behind them goes, except the last change of
    /// all: the next one is numbered after it, whatever the clock says then.
    pub(super) fn advance(&self, mapping: &str, table: &str, position: i64) -> Result<(), Failure> {
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

    /// The changes of a table after a position, oldest first: a page of them.
    pub(super) fn read(&self, table: &str, after: i64) -> Result<Vec<Change>, Failure> {
        let shard_iterator = encode_shard_iterator(table, &shard_id(table), after);
        let page = self.engine.get_records(GetRecordsRequest { shard_iterator, limit: None })?;
        if page.records.is_empty() {
            return Ok(Vec::new());
        }
        let arn = self.arn(table)?;
        page.records.into_iter().map(|record| change(record, &arn)).collect()
    }

    /// The full name of a table's stream.
    pub(super) fn arn(&self, table: &str) -> Result<String, Failure> {
        let metadata = self.engine.get_table_metadata(table)?;
        let label = metadata.and_then(|table| table.stream_label).unwrap_or_default();
        Ok(format!("arn:aws:dynamodb:{}:{ACCOUNT}:table/{table}/stream/{label}", region()))
    }
}

/// A record of the engine's with the names AWS would give.
fn change(record: Record, arn: &str) -> Result<Change, Failure> {
    // 21 digits, of which the first only keeps them that many.
    let position = record.dynamodb.sequence_number.get(1..).unwrap_or_default().parse()?;
    let seconds = record.dynamodb.approximate_creation_date_time as i64;
    let mut record = serde_json::to_value(record)?;
    record["dynamodb"]["ApproximateCreationDateTime"] = seconds.into();
    record["awsRegion"] = region().into();
    record["eventSourceARN"] = arn.into();
    Ok(Change { position, record })
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

    fn mapping(from_oldest: bool) -> StreamMapping {
        StreamMapping {
            name: "Changes".into(),
            table: "notes".into(),
            from_oldest,
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
    fn a_change_looks_as_lambda_sends_it() {
        let (engine, file) = engine();
        put(&engine, 1);
        put(&engine, 2);
        let changes = Streams::open(engine, &file).unwrap().read("notes", 0).unwrap();
        let [first, second] = &changes[..] else { panic!("two changes") };
        assert!(first.position < second.position && first.sequence_number() < second.sequence_number());
        assert!(first.record["dynamodb"].get("OldImage").is_none());
        let mut record = second.record.clone();
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
    fn what_all_have_seen_goes() {
        let (engine, file) = engine();
        put(&engine, 1);
        let streams = Streams::open(engine.clone(), &file).unwrap();
        let (oldest, newest) = (mapping(true), mapping(false));
        streams.subscribe(&[("a", &oldest), ("b", &newest), ("gone", &oldest)], Beginning::AsWanted).unwrap();
        streams.subscribe(&[("a", &newest), ("b", &oldest), ("late", &oldest)], Beginning::Now).unwrap();
        assert!(streams.read("notes", streams.position("late").unwrap()).unwrap().is_empty());
        streams.subscribe(&[("a", &newest), ("b", &oldest)], Beginning::AsWanted).unwrap();
        for n in 2..=4 {
            put(&engine, n);
        }
        let read = |name| streams.read("notes", streams.position(name).unwrap()).unwrap();
        assert_eq!((read("a").len(), read("b").len()), (4, 3), "each begins where it first wanted to");

        let last = read("b").last().unwrap().position;
        streams.advance("b", "notes", last).unwrap();
        assert_eq!((kept(&streams), read("a").len(), read("b").len()), (4, 4, 0), "not all have seen them");
        streams.advance("a", "notes", last).unwrap();
        assert_eq!((kept(&streams), read("a").len(), read("b").len()), (1, 0, 0), "the last one numbers the next");
        put(&engine, 5);
        assert_eq!((read("a").len(), read("b").len()), (1, 1));
    }

    #[test]
    fn the_last_number_is_found_without_looking_at_all() {
        let (engine, file) = engine();
        let streams = Streams::open(engine, &file).unwrap();
        let connection = lock(&streams.positions);
        // As the engine asks for each write.
        let question = "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
                        FROM _stream_records WHERE table_name = 'notes'";
        let plan: String = connection.query_row(question, [], |row| row.get(3)).unwrap();
        assert!(plan.starts_with("SEARCH _stream_records USING COVERING INDEX _carnet_stream_order"), "{plan}");
    }
}
