//! Signature Version 4 with a signing key that is kept for a day.
//!
//! The SDK derives the key anew for each request, which is half of the hashing of a signature, and a signature is a
//! quarter of the instructions of a warm call. The key depends only on the credentials, the day, the region and the
//! service. [`KeptKey`] signs what the SDK sends in the normal case, a POST to `/`, with the signature that the SDK
//! would compute; it leaves every other request to the SDK's own signer. Keys and signatures are computed by `aws-sigv4`.

use std::fmt::{self, Debug, Formatter, Write};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4Signer};
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::{ConfigBag, Credentials, RuntimeComponents};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign};
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::runtime_components::GetIdentityResolver;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use hyper::header::HeaderValue;
use jiff::Timestamp;
use jiff::tz::Offset;
use sha2::{Digest, Sha256};

/// Headers that the SDK does not sign, because proxies may change them.
const UNSIGNED: [&str; 4] = ["authorization", "user-agent", "x-amzn-trace-id", "transfer-encoding"];

/// What an endpoint may say about its signatures. Only DynamoDB on this machine (the region `local`) does.
const SCOPE_OF_ENDPOINT: [&str; 2] = ["signingRegion", "signingName"];

/// The authentication scheme `sigv4`, in place of the SDK's.
#[derive(Debug, Default)]
pub(crate) struct KeptKey(Signer);

impl AuthScheme for KeptKey {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME_ID)
    }

    fn signer(&self) -> &dyn Sign {
        &self.0
    }
}

#[derive(Debug, Default)]
struct Signer {
    kept: Mutex<Option<Key>>,
}

/// A signing key and what it was derived from.
struct Key {
    secret: String,
    scope: String,
    key: Vec<u8>,
}

impl Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Sign for Signer {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        endpoint: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        let credentials = identity.data::<Credentials>();
        let (region, name) = (config.load::<SigningRegion>(), config.load::<SigningName>());
        if let (Some(credentials), Some(region), Some(name)) = (credentials, region, name)
            && SCOPE_OF_ENDPOINT.iter().all(|name| endpoint.get(name).is_none())
            && is_first_attempt(request)
        {
            let now = components.time_source().unwrap_or_default().now();
            let scope = Scope { now, region: region.as_ref(), name: name.as_ref() };
            if self.sign(request, credentials, scope).is_some() {
                return Ok(());
            }
        }
        SigV4Signer::new().sign_http_request(request, identity, endpoint, components, config)
    }
}

/// Where and when a signature is valid.
#[derive(Clone, Copy)]
struct Scope<'a> {
    now: SystemTime,
    region: &'a str,
    name: &'a str,
}

impl Signer {
    /// Adds the headers of the signature. `None`, with the request as it was, if the request is not of the normal kind.
    fn sign(&self, request: &mut HttpRequest, credentials: &Credentials, scope: Scope<'_>) -> Option<()> {
        let time = date_time(scope.now)?;
        let host = host(request)?;
        let payload = request.body().bytes().map(hex_sha256)?;
        let token = credentials.session_token();
        let mut headers: Vec<(&str, &str)> =
            request.headers().iter().filter(|(name, _)| !UNSIGNED.contains(name)).collect();
        headers.extend([("host", host), ("x-amz-date", &time)]);
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers.sort_unstable();
        let is_repeated = headers.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if is_repeated || headers.iter().any(|(_, value)| has_odd_spaces(value)) {
            return None;
        }

        let mut names = String::with_capacity(256);
        let mut canonical = String::with_capacity(1024);
        canonical.push_str("POST\n/\n\n");
        for (name, value) in &headers {
            canonical.extend([name, ":", value, "\n"]);
            names.extend([if names.is_empty() { "" } else { ";" }, name]);
        }
        canonical.extend(["\n", &names, "\n", &payload]);

        let day = time.get(..8)?;
        let Scope { now, region, name } = scope;
        let scope = [day, region, name, "aws4_request"].join("/");
        let text = ["AWS4-HMAC-SHA256", &time, &scope, &hex_sha256(canonical.as_bytes())].join("\n");
        let secret = credentials.secret_access_key();
        let signature = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let key = match kept.take() {
                Some(key) if key.scope == scope && key.secret == secret => key,
                _ => {
                    let key = generate_signing_key(secret, now, region, name).as_ref().to_vec();
                    Key { secret: secret.to_owned(), scope: scope.clone(), key }
                }
            };
            calculate_signature(&kept.insert(key).key, text.as_bytes())
        };
        let id = credentials.access_key_id();
        let authorization =
            ["AWS4-HMAC-SHA256 Credential=", id, "/", &scope, ", SignedHeaders=", &names, ", Signature=", &signature]
                .concat();

        let date = HeaderValue::try_from(time).ok()?;
        let authorization = HeaderValue::try_from(authorization).ok()?;
        let token = token.map(HeaderValue::try_from).transpose().ok()?;
        let headers = request.headers_mut();
        headers.insert("x-amz-date", date);
        headers.insert("authorization", authorization);
        if let Some(mut token) = token {
            token.set_sensitive(true);
            headers.insert("x-amz-security-token", token);
        }
        Some(())
    }
}

/// Whether this is not a retry. For those, the SDK's signer corrects the time if an answer has shown that this clock is
/// wrong.
fn is_first_attempt(request: &HttpRequest) -> bool {
    request.headers().get("amz-sdk-request").is_none_or(|info| info.starts_with("attempt=1;"))
}

/// The value of the header Host that the request will have, if it is a POST to `/` of a host.
fn host(request: &HttpRequest) -> Option<&str> {
    let (scheme, rest) = request.uri().split_once("://")?;
    let host = rest.strip_suffix('/')?;
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let is_plain = !host.contains(['/', '?', '#', '@']) && !host.ends_with(default_port);
    (is_plain && request.method() == "POST").then_some(host)
}

/// Whether the value has spaces that a signature leaves out.
fn has_odd_spaces(value: &str) -> bool {
    value.starts_with(' ') || value.ends_with(' ') || value.contains("  ")
}

/// For example `20261121T195900Z`.
fn date_time(time: SystemTime) -> Option<String> {
    let time = Offset::UTC.to_datetime(Timestamp::try_from(time).ok()?);
    let (date, time) = (time.date(), time.time());
    let mut text = String::with_capacity(16);
    write!(text, "{:04}{:02}{:02}T", date.year(), date.month(), date.day()).ok()?;
    write!(text, "{:02}{:02}{:02}Z", time.hour(), time.minute(), time.second()).ok()?;
    Some(text)
}

fn hex_sha256(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests;
