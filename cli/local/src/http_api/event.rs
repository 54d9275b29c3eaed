//! Payload format 2.0 of HTTP APIs: the event for a request, and the response for an answer.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, TRANSFER_ENCODING, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::routes::RouteMatch;
use crate::aws::ACCOUNT;

/// The event for a request that came at `now` and was matched by `route`.
pub(super) fn from_request(request: &Parts, body: &[u8], route: &RouteMatch<'_>, id: &str, now: Timestamp) -> Value {
    let host = request.headers.get(HOST).map_or_else(|| "localhost".to_owned(), text);
    let domain = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
    // HTTP APIs pass on the decoded path.
    let path = percent_decode_str(request.uri.path()).decode_utf8_lossy();
    let query = request.uri.query().unwrap_or_default();

    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&request.headers),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", request.version),
                // The gateway listens on no other address.
                "sourceIp": "127.0.0.1",
                "userAgent": request.headers.get(USER_AGENT).map(text).unwrap_or_default(),
            },
            "requestId": id,
            "routeKey": route.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies: Vec<String> = request.headers.get_all(COOKIE).iter().flat_map(cookies).collect();
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if !query.is_empty() {
        let pairs = form_urlencoded::parse(query.as_bytes());
        event["queryStringParameters"] = joined(pairs).into();
    }
    if !route.parameters.is_empty() {
        event["pathParameters"] = route.parameters.clone().into();
    }
    if !body.is_empty() {
        match std::str::from_utf8(body).ok().filter(|_| is_text(&request.headers)) {
            Some(body) => event["body"] = body.into(),
            None => {
                event["body"] = STANDARD.encode(body).into();
                event["isBase64Encoded"] = true.into();
            }
        }
    }
    event
}

/// A header as text; bytes that are not UTF-8 are replaced.
fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    // Cookies are in a field of their own.
    let headers = headers.iter().filter(|(name, _)| *name != COOKIE);
    let mut headers = joined(headers.map(|(name, value)| (name.as_str(), text(value))));
    // Set by API Gateway, whatever the client sent.
    headers.insert("x-forwarded-for".to_owned(), "127.0.0.1".into());
    headers.insert("x-forwarded-proto".to_owned(), "http".into());
    headers
}

fn cookies(header: &HeaderValue) -> Vec<String> {
    text(header).split(';').map(|cookie| cookie.trim().to_owned()).filter(|cookie| !cookie.is_empty()).collect()
}

/// Pairs as a map; a repeated name has its values joined with commas.
fn joined<N: AsRef<str>, V: AsRef<str>>(pairs: impl Iterator<Item = (N, V)>) -> Map<String, Value> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        match map.get_mut(name.as_ref()) {
            Some(values) => {
                values.push(',');
                values.push_str(value.as_ref());
            }
            None => drop(map.insert(name.as_ref().to_owned(), value.as_ref().to_owned())),
        }
    }
    map.into_iter().map(|(name, value)| (name, value.into())).collect()
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(text).unwrap_or_default().to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    matches!(
        essence,
        "" | "application/json" | "application/javascript" | "application/xml" | "application/x-www-form-urlencoded"
    ) || essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

/// The answer of a function that sets the response's status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    headers: Option<BTreeMap<String, Value>>,
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The response for a function's answer; `None` if the answer cannot be a response, which API Gateway answers with 500.
pub(super) fn to_response(payload: &Bytes) -> Option<Response> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    if value.get("statusCode").is_none() {
        // Without a status, the answer is the JSON body of a 200.
        return Some(([(CONTENT_TYPE, "application/json")], payload.clone()).into_response());
    }
    let answer: FunctionResponse = serde_json::from_value(value).ok()?;
    let body = answer.body.unwrap_or_default();
    let body = match answer.is_base64_encoded {
        Some(true) => STANDARD.decode(body).ok()?,
        _ => body.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    // A status below 200 cannot end an exchange.
    *response.status_mut() =
        StatusCode::from_u16(answer.status_code).ok().filter(|status| !status.is_informational())?;

    let headers = response.headers_mut();
    for (name, value) in answer.headers.unwrap_or_default() {
        headers.insert(header_name(&name)?, header_value(&value)?);
    }
    for (name, values) in answer.multi_value_headers.unwrap_or_default() {
        let name = header_name(&name)?;
        // A header that is in both maps is complete here.
        headers.remove(&name);
        for value in &values {
            headers.append(&name, header_value(value)?);
        }
    }
    for cookie in answer.cookies.unwrap_or_default() {
        headers.append(SET_COOKIE, cookie.parse().ok()?);
    }
    // Both follow from the body that is sent, whatever the function set.
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    Some(response)
}

fn header_name(name: &str) -> Option<HeaderName> {
    name.parse().ok()
}

fn header_value(value: &Value) -> Option<HeaderValue> {
    match value {
        Value::String(text) => HeaderValue::from_bytes(text.as_bytes()).ok(),
        Value::Number(_) | Value::Bool(_) => value.to_string().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
