//! Functions and what they are called for, as a template describes them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::mapping::{self, DestinationConfig, Rule, StreamMapping, whole};
use super::resolve::Names;
use super::{Resource, properties};

/// A function, `Globals` merged in and references resolved.
#[derive(Debug)]
pub struct Function {
    /// The resource's name within the template.
    pub logical_id: String,
    /// The executable: `Metadata.BuildProperties.Binary`. It is also the function's local name.
    pub binary: String,
    /// `Environment.Variables`.
    pub environment: BTreeMap<String, String>,
    /// How long a call may take.
    pub timeout: Duration,
    /// `MemorySize`, in MB.
    pub memory_mb: u32,
    /// Its events of type `HttpApi`.
    pub routes: Vec<Route>,
    /// Its events of type `DynamoDB`, without those switched off.
    pub streams: Vec<StreamMapping>,
    /// Its events of type `EventBridgeRule`, without those switched off.
    pub rules: Vec<Rule>,
    /// The queues of its events of type `SQS`, by their local names.
    pub queues: Vec<String>,
    /// How often a call is made again that failed and that nobody waits for.
    pub retries: u32,
    /// Where such a call is reported when it is given up.
    pub on_failure: Option<String>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, … or `ANY`.
    pub method: String,
    /// `/contacts/{id}`, or `$default`.
    pub path: String,
}

impl Route {
    /// What API Gateway calls it: `POST /contacts`, or `$default`.
    pub fn key(&self) -> String {
        if self.path == "$default" {
            return self.path.clone();
        }
        format!("{} {}", self.method, self.path)
    }

    fn from_event(event: &Value) -> Result<Self, String> {
        let HttpApi { method, path } = properties::<Option<_>>(event)?.unwrap_or_default();
        let path = match (path, &method) {
            (Some(path), _) => path,
            (None, None) => "$default".to_owned(),
            (None, Some(_)) => return Err("a Method without a Path".into()),
        };
        if path != "$default" && !path.starts_with('/') {
            return Err(format!("the path `{path}` has to start with a slash"));
        }
        let method = method.map_or_else(|| "ANY".to_owned(), |method| method.to_uppercase());
        // SAM's other spelling of ANY.
        Ok(Self { method: method.replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY"), path })
    }
}

/// Properties of a function, in a resource or in `Globals`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FunctionProperties {
    timeout: Option<Value>,
    memory_size: Option<Value>,
    #[serde(default)]
    environment: Environment,
    event_invoke_config: Option<Value>,
    dead_letter_queue: Option<Value>,
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

/// What becomes of a call that nobody waits for.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventInvokeConfig {
    maximum_retry_attempts: Option<Value>,
    #[serde(default)]
    destination_config: DestinationConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterQueue {
    target_arn: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    r#type: String,
    #[serde(default)]
    properties: Value,
}

/// What an event of type `HttpApi` says; without either, it takes whatever no other route does.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HttpApi {
    method: Option<String>,
    path: Option<String>,
}

impl Function {
    pub(super) fn from_resource(
        id: &str,
        resource: &Resource,
        globals: &FunctionProperties,
        names: &Names<'_>,
    ) -> Result<Self, String> {
        let own: FunctionProperties = properties(&resource.properties)?;
        let binary = resource.metadata["BuildProperties"]["Binary"]
            .as_str()
            .ok_or("Metadata.BuildProperties.Binary has to name its executable")?;

        let mut environment = BTreeMap::new();
        // The function's own variables come second and replace the global ones.
        for (name, value) in globals.environment.variables.iter().chain(&own.environment.variables) {
            let text = names.text(value).map_err(|reason| format!("environment variable {name}: {reason}"))?;
            environment.insert(name.clone(), text);
        }
        // What SAM takes when nothing is said: 3 seconds, 128 MB.
        let number = |name: &str, own: &Option<Value>, global: &Option<Value>, default: u32| {
            let Some(value) = own.as_ref().or(global.as_ref()) else {
                return Ok(default);
            };
            let text = names.text(value).map_err(|reason| format!("{name}: {reason}"))?;
            text.parse().map_err(|_| format!("{name}: `{text}` is no whole number"))
        };
        let timeout = number("Timeout", &own.timeout, &globals.timeout, 3)?;
        let memory_mb = number("MemorySize", &own.memory_size, &globals.memory_size, 128)?;

        let mut function = Self {
            logical_id: id.to_owned(),
            binary: binary.to_owned(),
            environment,
            timeout: Duration::from_secs(timeout.into()),
            memory_mb,
            routes: Vec::new(),
            streams: Vec::new(),
            rules: Vec::new(),
            queues: Vec::new(),
            // What Lambda does when nothing is said.
            retries: 2,
            on_failure: None,
        };
        let unattended = own.event_invoke_config.as_ref().or(globals.event_invoke_config.as_ref());
        let dead_letters = own.dead_letter_queue.as_ref().or(globals.dead_letter_queue.as_ref());
        function.on_failure(unattended, dead_letters, names)?;
        for (name, event) in &own.events {
            function.add(name, event, names).map_err(|reason| format!("event {name}: {reason}"))?;
        }
        Ok(function)
    }

    fn add(&mut self, name: &str, event: &Event, names: &Names<'_>) -> Result<(), String> {
        let Event { r#type, properties } = event;
        match r#type.as_str() {
            "HttpApi" => self.routes.push(Route::from_event(properties)?),
            "DynamoDB" => self.streams.extend(StreamMapping::from_event(name, properties, names)?),
            "EventBridgeRule" => self.rules.extend(Rule::from_event(name, properties, names)?),
            "SQS" => self.queues.push(mapping::queue(properties, names)?),
            other => return Err(format!("the local stack doesn't deliver `{other}` events")),
        }
        Ok(())
    }

    fn on_failure(
        &mut self,
        unattended: Option<&Value>,
        dead_letters: Option<&Value>,
        names: &Names<'_>,
    ) -> Result<(), String> {
        if let Some(queue) = dead_letters {
            let queue: DeadLetterQueue = properties(&names.resolved(queue)?)?;
            self.on_failure = Some(queue.target_arn);
        }
        if let Some(config) = unattended {
            let config: EventInvokeConfig = properties(&names.resolved(config)?)?;
            let retries = whole("MaximumRetryAttempts", config.maximum_retry_attempts.as_ref())?;
            self.retries = retries.unwrap_or(self.retries);
            self.on_failure = config.destination_config.into_text().or(self.on_failure.take());
        }
        Ok(())
    }
}
