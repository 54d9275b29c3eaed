//! Partial batch responses: which records of a batch failed.

use aws_lambda_events::streams::DynamoDbBatchItemFailure;
use serde::Deserialize;

/// The answer of a function with `ReportBatchItemFailures`. Queues and streams share the shape. Lambda accepts `null`
/// for the answer and for the list, and takes both for success.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchResponse {
    batch_item_failures: Option<Vec<DynamoDbBatchItemFailure>>,
}

/// The identifiers in a partial batch response: message ids of a queue, sequence numbers of a stream. Empty if every
/// record was processed; an identifier is `None` if the function left it out.
///
/// # Errors
/// When the answer is not a partial batch response, which Lambda takes for a failure of the whole batch.
pub fn failed_items(answer: &[u8]) -> Result<Vec<Option<String>>, serde_json::Error> {
    if answer.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let response: Option<BatchResponse> = serde_json::from_slice(answer)?;
    let failures = response.unwrap_or_default().batch_item_failures.unwrap_or_default();
    Ok(failures.into_iter().map(|failure| failure.item_identifier).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_success_is_known() {
        for answer in ["", " \n", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert!(failed_items(answer.as_bytes()).unwrap().is_empty(), "{answer}");
        }
        let failed = failed_items(br#"{"batchItemFailures":[{"itemIdentifier":"a"},{},{"itemIdentifier":null}]}"#);
        assert_eq!(failed.unwrap(), [Some("a".to_owned()), None, None]);
        for answer in ["{", "1", r#"{"batchItemFailures":{}}"#, r#"{"batchItemFailures":[{"itemIdentifier":1}]}"#] {
            assert!(failed_items(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
