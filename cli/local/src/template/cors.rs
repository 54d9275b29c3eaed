//! The CORS settings of an HTTP API.

use serde::Deserialize;
use serde_json::Value;

use super::resolve::Names;
use super::resource::{Resource, properties};

/// `CorsConfiguration` of an `AWS::Serverless::HttpApi`: which web pages may call the API from a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// The origins of those pages, or `*`, `http://*` or `https://*`.
    pub allow_origins: Vec<String>,
    /// The methods that they may call.
    pub allow_methods: Vec<String>,
    /// The headers that they may send.
    pub allow_headers: Vec<String>,
    /// The headers of answers that they may read.
    pub expose_headers: Vec<String>,
    /// How many seconds a browser may keep the answer to a preflight request.
    pub max_age: Option<u32>,
    /// Whether the browser may send cookies.
    pub allow_credentials: bool,
}

/// The property as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CorsConfiguration {
    allow_origins: Option<Value>,
    allow_methods: Option<Value>,
    allow_headers: Option<Value>,
    expose_headers: Option<Value>,
    max_age: Option<Value>,
    #[serde(default)]
    allow_credentials: bool,
}

impl Cors {
    /// The settings of an HTTP API; `None` if it has none.
    pub(super) fn from_resource(api: &Resource, names: &Names<'_>) -> Result<Option<Self>, String> {
        let configuration = &api.properties["CorsConfiguration"];
        if configuration.is_null() {
            return Ok(None);
        }
        Self::read(configuration, names).map(Some).map_err(|reason| format!("CorsConfiguration: {reason}"))
    }

    fn read(configuration: &Value, names: &Names<'_>) -> Result<Self, String> {
        let CorsConfiguration {
            allow_origins,
            allow_methods,
            allow_headers,
            expose_headers,
            max_age,
            allow_credentials,
        } = properties(configuration)?;
        let allow_origins = texts("AllowOrigins", allow_origins.as_ref(), names)?;
        if let Some(other) = allow_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(format!("`{other}` is not an origin, such as https://app.example.com, or `*`"));
        }
        if allow_credentials && allow_origins.iter().any(|origin| origin == "*") {
            return Err("AllowCredentials is not possible with the origin `*`".into());
        }
        let max_age = max_age.map(|age| {
            let age = names.text(&age)?;
            age.parse().map_err(|_| format!("MaxAge: `{age}` is not a whole number"))
        });
        Ok(Self {
            allow_origins,
            allow_methods: texts("AllowMethods", allow_methods.as_ref(), names)?,
            allow_headers: texts("AllowHeaders", allow_headers.as_ref(), names)?,
            expose_headers: texts("ExposeHeaders", expose_headers.as_ref(), names)?,
            max_age: max_age.transpose()?,
            allow_credentials,
        })
    }
}

/// The texts of a list, or of a parameter that is a `CommaDelimitedList`. They are parts of header values.
fn texts(property: &str, value: Option<&Value>, names: &Names<'_>) -> Result<Vec<String>, String> {
    let texts: Result<Vec<String>, String> = match value {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values.iter().map(|value| names.text(value)).collect(),
        Some(list) => names.text(list).map(|list| list.split(',').map(|text| text.trim().to_owned()).collect()),
    };
    let texts = texts.map_err(|reason| format!("{property}: {reason}"))?;
    let is_visible =
        |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    match texts.iter().find(|text| !is_visible(text)) {
        Some(other) => Err(format!("{property}: `{other}` is not a name")),
        None => Ok(texts),
    }
}

/// Whether the text is an origin (a scheme, a host and perhaps a port) or stands for several.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text == "*" || host.is_some_and(|host| host == "*" || (!host.is_empty() && !host.contains(['/', '*'])))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::template::Template;

    const TEMPLATE: &str = r#"
Parameters:
  Origins: { Type: CommaDelimitedList, Default: "*" }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: !Ref Origins
        AllowMethods: [GET, POST]
        AllowHeaders: [authorization, content-type]
        ExposeHeaders: [x-request-id]
        MaxAge: 600
"#;

    fn parsed(template: &str, origins: &str) -> Result<Option<Cors>, String> {
        let parameters = BTreeMap::from([("Origins".to_owned(), origins.to_owned())]);
        Template::parse(template, &parameters).map(|template| template.cors).map_err(|error| error.to_string())
    }

    #[test]
    fn the_settings_are_read() {
        let all = Cors {
            allow_origins: vec!["*".into()],
            allow_methods: vec!["GET".into(), "POST".into()],
            allow_headers: vec!["authorization".into(), "content-type".into()],
            expose_headers: vec!["x-request-id".into()],
            max_age: Some(600),
            allow_credentials: false,
        };
        assert_eq!(parsed(TEMPLATE, "*"), Ok(Some(all.clone())));
        let listed = parsed(TEMPLATE, "https://app.example.com, http://localhost:8080").unwrap().unwrap();
        assert_eq!(listed.allow_origins, ["https://app.example.com", "http://localhost:8080"]);
        let written =
            TEMPLATE.replace("!Ref Origins", "[https://app.example.com]") + "        AllowCredentials: true\n";
        let credentials =
            Cors { allow_origins: vec!["https://app.example.com".into()], allow_credentials: true, ..all };
        assert_eq!(parsed(&written, "*"), Ok(Some(credentials)));
        let without = &TEMPLATE[..TEMPLATE.find("    Properties:").unwrap()];
        assert_eq!(parsed(without, "*"), Ok(None));
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused() {
        for origins in ["app.example.com", "https://", "https://app.example.com/", "https://*.example.com", "null"] {
            let reason = "is not an origin, such as https://app.example.com, or `*`";
            assert_eq!(
                parsed(TEMPLATE, origins),
                Err(format!("template: Api: CorsConfiguration: `{origins}` {reason}"))
            );
        }
        for (from, to, reason) in [
            ("!Ref Origins", "!Ref Origin", "AllowOrigins: `Origin` is not a parameter, table, event bus or queue"),
            ("[GET, POST]", "[GET, \"PO ST\"]", "AllowMethods: `PO ST` is not a name"),
            ("[x-request-id]", "[\"\"]", "ExposeHeaders: `` is not a name"),
            ("MaxAge: 600", "MaxAge: long", "MaxAge: `long` is not a whole number"),
            ("MaxAge: 600", "AllowCredentials: true", "AllowCredentials is not possible with the origin `*`"),
        ] {
            let refused = parsed(&TEMPLATE.replace(from, to), "*");
            assert_eq!(refused, Err(format!("template: Api: CorsConfiguration: {reason}")));
        }
        assert!(parsed(&TEMPLATE.replace("MaxAge", "MaxAges"), "*").unwrap_err().contains("unknown field `MaxAges`"));
        let second = TEMPLATE.to_owned() + "  Second: { Type: AWS::Serverless::HttpApi }\n";
        assert!(parsed(&second, "*").unwrap_err().contains("the local stack serves one HTTP API"));
    }
}
