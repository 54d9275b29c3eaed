//! What each action consumes (`--units`): the functions report it in their log lines at the level `DEBUG`, and an
//! invocation returns the end of the log.

use carnet_local::BoxError;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::aws::{Aws, Invoked, Invoker};
use super::report::{CaseReport, Report, Units, Verdict};
use super::run::Sides;
use super::side::Side;
use super::wire::Request;

/// An action that is measured: the function, its method and target, its input, and what it is.
type Measured = (&'static str, &'static str, &'static str, Value, &'static str);

fn measured() -> Vec<Measured> {
    let action =
        |name: &'static str, target: &'static str, body: Value, what: &'static str| (name, "POST", target, body, what);
    let (create, get) = ("/api/v1/actions/create-contact", "/api/v1/actions/get-contact");
    let (update, search) = ("/api/v1/actions/update-contact", "/api/v1/actions/search-contacts");
    let phone = || json!({ "phone": "$phone4" });
    let new = || json!({ "phone": "$phone4", "name": "Carnet Smoke", "email": "$run-4@example.com" });
    vec![
        ("me", "GET", "/api/v1/me", Value::Null, "the user and the tenant"),
        action("create-contact", create, new(), "a new contact with an address"),
        action("create-contact", create, new(), "nothing changes"),
        action("create-contact", create, json!({ "phone": "$phone4", "name": "Renamed" }), "another name"),
        action("get-contact", get, phone(), "by phone number"),
        action("get-contact", get, json!({ "email": "$run-4@example.com" }), "by email address"),
        action("update-contact", update, json!({ "phone": "$phone4", "metadata": { "a": 1 } }), "metadata"),
        action("add-tag", "/api/v1/actions/add-tag", json!({ "phone": "$phone4", "tag": "$run" }), "a tag"),
        action("update-contact", update, json!({ "phone": "$phone4", "name": "Tagged" }), "a name, with one tag"),
        action("search-contacts", search, json!({ "tag": "$run" }), "by tag"),
        action("search-contacts", search, json!({ "query": "$phone4" }), "by number"),
        action("search-contacts", search, json!({ "email": "$run-4@example.com" }), "by email address"),
        action("list-tags", "/api/v1/actions/list-tags", json!({ "name": "$run" }), "the tags of this run"),
        action("remove-tag", "/api/v1/actions/remove-tag", json!({ "phone": "$phone4", "tag": "$run" }), "the tag"),
        ("flowiq-get-contact", "GET", "/contact?tenantId=$slug&phone_number=$digits4", Value::Null, "by number"),
    ]
}

/// Invokes every action once to wake its process and to fill its caches, and once to measure it. Differences from the
/// local stack are shown and not judged, because its DynamoDB is another implementation.
///
/// # Errors
/// When the report cannot be written, or a function cannot be invoked.
pub(super) async fn run(aws: &Aws, sides: &Sides, flowiq: bool, report: &mut Report) -> Result<(), BoxError> {
    for (function, method, target, body, name) in measured() {
        // Without a FlowIQ key the function only refuses the call.
        if !flowiq && function.starts_with("flowiq") {
            continue;
        }
        let mine = measure(&Invoker::Aws(aws), &sides.deployment, function, method, target, &body).await?;
        let mut case = CaseReport::new(&format!("units {function}"), name).took(mine.took);
        case.answer = status(&mine);
        case.units = units(&mine.log);
        if let Some(side) = &sides.local {
            let local = measure(&Invoker::Local(&side.endpoint), side, function, method, target, &body).await?;
            case.local_units = units(&local.log);
        }
        if case.units.is_none() {
            case.verdict = Verdict::Skipped;
            case.note = Some("the log states no units; deploy with the log level DEBUG for them".to_owned());
        }
        report.add(case)?;
    }
    Ok(())
}

async fn measure(
    invoker: &Invoker<'_>,
    side: &Side,
    function: &str,
    method: &'static str,
    target: &str,
    body: &Value,
) -> Result<Invoked, BoxError> {
    let call = |body: String| super::side::Call {
        method,
        target: target.to_owned(),
        bearer: super::side::Bearer::Own,
        headers: Vec::new(),
        body,
    };
    // Malformed JSON reads the token and nothing else; a GET reads what it reads later, too.
    invoker.invoke(function, &http_event(&side.request(&call("{".to_owned())))).await?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    invoker.invoke(function, &http_event(&side.request(&call(body)))).await
}

/// The event that API Gateway makes of a request: payload format 2.0.
fn http_event(request: &Request) -> String {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let route = format!("{} {path}", request.method);
    let headers: serde_json::Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into())).collect();
    json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "smoke", "domainName": "localhost", "domainPrefix": "localhost",
            "http": {
                "method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": "carnet-smoke",
            },
            "requestId": Uuid::new_v4(), "routeKey": route, "stage": "$default",
            "time": Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": Timestamp::now().as_millisecond(),
        },
        "body": String::from_utf8_lossy(&request.body), "isBase64Encoded": false,
    })
    .to_string()
}

fn status(invoked: &Invoked) -> Option<String> {
    let answer: Value = serde_json::from_str(&invoked.payload).ok()?;
    answer["statusCode"].as_u64().map(|status| status.to_string())
}

/// The units in the last line of a log that states them.
fn units(log: &str) -> Option<Units> {
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut units = lines.filter_map(|line| line["read_units"].as_f64().zip(line["write_units"].as_f64()));
    units.next().map(|(read, write)| Units { read, write })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_in_the_last_line_that_has_both() {
        let log = "START RequestId: x\n\
                   {\"message\":\"answered\",\"read_units\":9,\"write_units\":9}\n\
                   {\"message\":\"answered\",\"status\":200,\"read_units\":0.5,\"write_units\":3.0}\n\
                   {\"message\":\"other\",\"read_units\":1}\nEND\n";
        assert_eq!(units(log), Some(Units { read: 0.5, write: 3.0 }));
        assert_eq!(units("{\"message\":\"answered\",\"status\":200}\n"), None);
    }
}
