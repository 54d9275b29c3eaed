//! What DynamoDB bills for writes that it refuses. The embedded engine reports nothing for them.
//!
//! A conditional write whose condition is false consumes the write units of the larger of the stored and the new item,
//! and a cancelled transaction those of all its writes, twice as many as outside of a transaction. Source: DynamoDB
//! developer guide, "DynamoDB read and write operations" and "Amazon DynamoDB Transactions: How it works".

use serde_json::Value;

/// The write units of a refused request: 0 if the refusal is neither a failed condition nor a cancelled transaction.
pub fn refused_units(request: &Value, refusal: &Value) -> f64 {
    let code = refusal["__type"].as_str().and_then(|code| code.rsplit('#').next());
    match code {
        Some("ConditionalCheckFailedException") => units(&request["Item"], &refusal["Item"]),
        Some("TransactionCanceledException") => {
            let writes = request["TransactItems"].as_array().into_iter().flatten();
            let reasons = refusal["CancellationReasons"].as_array().into_iter().flatten();
            let write_units = |(write, reason): (&Value, &Value)| units(&write["Put"]["Item"], &reason["Item"]);
            2.0 * writes.zip(reasons).map(write_units).sum::<f64>()
        }
        _ => 0.0,
    }
}

/// The write units of the larger item: 1 per started KB, at least 1.
fn units(new: &Value, stored: &Value) -> f64 {
    let bytes = item_bytes(new).max(item_bytes(stored));
    bytes.div_ceil(1024).max(1) as f64
}

/// The size of an item or of a map in DynamoDB's JSON.
fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// The size of an attribute value, such as `{"S":"text"}`. Source: DynamoDB developer guide, "DynamoDB item sizes and
/// formats".
fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else { return 0 };
    let text = value.as_str().map_or(0, str::len);
    match kind.as_str() {
        "S" => text,
        "N" => text.div_ceil(2) + 1,
        "B" => text * 3 / 4,
        "L" => 3 + value.as_array().into_iter().flatten().map(|element| 1 + value_bytes(element)).sum::<usize>(),
        "M" => 3 + value.as_object().map_or(0, serde_json::Map::len) + item_bytes(value),
        "SS" | "NS" => value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::len).sum(),
        _ => 1,
    }
}
