//! Functions and their event sources as the template describes them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::event_source::{DestinationConfig, EventSource, StreamMapping, whole};
use super::resolve::Names;
use super::resource::{Resource, properties};
use super::rule::Rule;

/// A function, `Globals` merged in and references resolved.
#[derive(Debug)]
pub struct Function {
    /// The resource's name within the template.
    pub logical_id: String,
    /// The executable: `Metadata.BuildProperties.Binary`. It is also the function's local name.
    pub binary: String,
    /// `Environment.Variables`.
    pub environment: BTreeMap<String, String>,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// `MemorySize`, in MB.
    pub memory_mb: u32,
    /// `LoggingConfig.ApplicationLogLevel`.
    pub log_level: Option<String>,
    /// Its events of type `HttpApi`.
    pub routes: Vec<Route>,
    /// The event source mappings of tables' streams that invoke it and are enabled.
    pub streams: Vec<StreamMapping>,
    /// Its events of type `EventBridgeRule` that are enabled.
    pub rules: Vec<Rule>,
    /// The queues whose event source mappings invoke it, by their local names.
    pub queues: Vec<String>,
    /// How often a failed asynchronous invocation is retried: `EventInvokeConfig.MaximumRetryAttempts`, else 2.
    pub retries: u32,
    /// The ARN of the destination of asynchronous invocations that failed after all retries.
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
    /// The route key: `POST /contacts`, or `$default`.
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
            (None, Some(_)) => return Err("it has a Method but no Path".into()),
        };
        if path != "$default" && !path.starts_with('/') {
            return Err(format!("the path `{path}` has to start with a slash"));
        }
        if path.contains("+}") {
            return Err(format!("the local stack doesn't support the greedy parameter in the path `{path}`"));
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
    logging_config: LoggingConfig,
    #[serde(default)]
    environment: Environment,
    event_invoke_config: Option<Value>,
    dead_letter_queue: Option<Value>,
    #[serde(default)]
    events: BTreeMap<String, FunctionEvent>,
}

/// How asynchronous invocations are retried, and where they go when that fails.
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

/// Where a function logs to, and what. Only the level matters here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    application_log_level: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionEvent {
    r#type: String,
    #[serde(default)]
    properties: Value,
}

/// Properties of an event of type `HttpApi`. Without either it is the `$default` route.
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
            .ok_or("Metadata.BuildProperties.Binary has to name the executable")?;

        let mut environment = BTreeMap::new();
        // The function's own variables come later and replace the global ones.
        for (name, value) in globals.environment.variables.iter().chain(&own.environment.variables) {
            let text = names.text(value).map_err(|reason| format!("environment variable {name}: {reason}"))?;
            environment.insert(name.clone(), text);
        }
        // SAM's defaults: 3 seconds, 128 MB.
        let number = |name: &str, own: &Option<Value>, global: &Option<Value>, default: u32| {
            let Some(value) = own.as_ref().or(global.as_ref()) else {
                return Ok(default);
            };
            let text = names.text(value).map_err(|reason| format!("{name}: {reason}"))?;
            text.parse().map_err(|_| format!("{name}: `{text}` is not a whole number"))
        };
        let timeout = number("Timeout", &own.timeout, &globals.timeout, 3)?;
        let memory_mb = number("MemorySize", &own.memory_size, &globals.memory_size, 128)?;
        let log_level = own.logging_config.application_log_level.as_ref();
        let log_level = log_level.or(globals.logging_config.application_log_level.as_ref());
        let log_level = log_level.map(|level| names.text(level)).transpose();
        let log_level = log_level.map_err(|reason| format!("ApplicationLogLevel: {reason}"))?;

        let mut function = Self {
            logical_id: id.to_owned(),
            binary: binary.to_owned(),
            environment,
            timeout: Duration::from_secs(timeout.into()),
            memory_mb,
            log_level,
            routes: Vec::new(),
            streams: Vec::new(),
            rules: Vec::new(),
            queues: Vec::new(),
            // Lambda's default.
            retries: 2,
            on_failure: None,
        };
        let async_invoke = own.event_invoke_config.as_ref().or(globals.event_invoke_config.as_ref());
        let dead_letters = own.dead_letter_queue.as_ref().or(globals.dead_letter_queue.as_ref());
        function.on_failure(async_invoke, dead_letters, names)?;
        for (name, event) in &own.events {
            function.add(name, event, names).map_err(|reason| format!("event {name}: {reason}"))?;
        }
        Ok(function)
    }

    /// Adds an event source mapping.
    pub(super) fn add_source(&mut self, source: EventSource) {
        match source {
            EventSource::Stream(mapping) => self.streams.push(mapping),
            EventSource::Queue(name) => self.queues.push(name),
        }
    }

    fn add(&mut self, name: &str, event: &FunctionEvent, names: &Names<'_>) -> Result<(), String> {
        let FunctionEvent { r#type, properties } = event;
        match r#type.as_str() {
            "HttpApi" => self.routes.push(Route::from_event(properties)?),
            "EventBridgeRule" => self.rules.extend(Rule::from_event(name, properties, names)?),
            other => return Err(format!("the local stack doesn't deliver `{other}` events")),
        }
        Ok(())
    }

    fn on_failure(
        &mut self,
        async_invoke: Option<&Value>,
        dead_letters: Option<&Value>,
        names: &Names<'_>,
    ) -> Result<(), String> {
        if let Some(queue) = dead_letters {
            let queue: DeadLetterQueue = properties(&names.resolved(queue)?)?;
            self.on_failure = Some(queue.target_arn);
        }
        if let Some(config) = async_invoke {
            let config: EventInvokeConfig = properties(&names.resolved(config)?)?;
            let retries = whole("MaximumRetryAttempts", config.maximum_retry_attempts.as_ref())?;
            self.retries = retries.unwrap_or(self.retries);
            self.on_failure = config.destination_config.into_text().or(self.on_failure.take());
        }
        Ok(())
    }
}
