//! The rules of event buses: events of type `EventBridgeRule`, whose target is their function, and resources of type
//! `AWS::Events::Rule`, whose targets are queues.

use serde::Deserialize;
use serde_json::Value;

use super::pattern::Pattern;
use super::resolve::{Names, ResourceKind};
use super::resource::properties;
use crate::aws::bus_name;

/// A rule of an event bus.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The event's name within its function, or the resource's name within the template.
    pub name: String,
    /// The bus, by its local name.
    pub bus: String,
    /// The events it lets through.
    pub pattern: Pattern,
}

/// A rule whose targets are queues.
#[derive(Debug, Clone)]
pub struct QueueRule {
    /// The rule.
    pub rule: Rule,
    /// The ARNs of the queues.
    pub queues: Vec<String>,
}

/// Properties of an event of type `EventBridgeRule`. Any other property is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventBridgeRule {
    event_bus_name: Option<String>,
    pattern: Value,
    state: Option<String>,
    // These concern events that EventBridge cannot deliver to Lambda. Here it always can, and failed invocations are
    // retried as the function's `EventInvokeConfig` says.
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Option<Value>,
    #[serde(rename = "DeadLetterConfig")]
    _dead_letters: Option<Value>,
    #[serde(rename = "RuleName")]
    _name: Option<Value>,
    #[serde(rename = "Target")]
    _target: Option<Value>,
}

/// Properties of a resource of type `AWS::Events::Rule`. Any other property, such as a schedule, is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventsRule {
    event_bus_name: Option<Value>,
    event_pattern: Value,
    state: Option<String>,
    targets: Vec<Target>,
    #[serde(rename = "Name")]
    _name: Option<Value>,
    #[serde(rename = "Description")]
    _description: Option<Value>,
}

/// A target of such a rule. The event is delivered as it is: transformed input is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Target {
    arn: Value,
    #[serde(rename = "Id")]
    _id: String,
    // Both concern events that EventBridge cannot deliver to the queue. Here it always can.
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Option<Value>,
    #[serde(rename = "DeadLetterConfig")]
    _dead_letters: Option<Value>,
}

impl Rule {
    /// Reads the event called `name`; `None` if it is disabled.
    pub(super) fn from_event(name: &str, event: &Value, names: &Names<'_>) -> Result<Option<Self>, String> {
        let event: EventBridgeRule = properties(&names.resolved(event)?)?;
        if event.state.as_deref() == Some("DISABLED") {
            return Ok(None);
        }
        let pattern = Pattern::parse(&event.pattern).map_err(|reason| format!("Pattern: {reason}"))?;
        Ok(Some(Self { name: name.to_owned(), bus: bus(event.event_bus_name.as_deref(), names)?, pattern }))
    }
}

impl QueueRule {
    /// Reads the resource called `id`; `None` if it is disabled. `polled` are the queues that functions read, by
    /// their local names.
    pub(super) fn from_resource(
        id: &str,
        rule: &Value,
        names: &Names<'_>,
        polled: &[String],
    ) -> Result<Option<Self>, String> {
        let rule: EventsRule = properties(rule)?;
        if rule.state.as_deref() == Some("DISABLED") {
            return Ok(None);
        }
        let event_bus_name = rule.event_bus_name.map(|name| names.text(&name)).transpose()?;
        let pattern = names.resolved(&rule.event_pattern).and_then(|pattern| Pattern::parse(&pattern));
        let pattern = pattern.map_err(|reason| format!("EventPattern: {reason}"))?;
        let queues = rule.targets.iter().map(|target| {
            let queue = names.owner(&target.arn, ResourceKind::Queue, "Arn")?;
            // The local stack has no queues: a message for a function would not reach it.
            if polled.iter().any(|name| name == queue) {
                return Err(format!("Targets: the local stack doesn't deliver to `{queue}`, which a function reads"));
            }
            names.text(&target.arn)
        });
        let queues = queues.collect::<Result<_, _>>()?;
        let rule = Rule { name: id.to_owned(), bus: bus(event_bus_name.as_deref(), names)?, pattern };
        Ok(Some(Self { rule, queues }))
    }
}

/// The local name of the bus that a rule names.
fn bus(name: Option<&str>, names: &Names<'_>) -> Result<String, String> {
    let bus = name.map_or("default", bus_name);
    if bus != "default" && !names.of(ResourceKind::Bus).any(|name| name == bus) {
        return Err(format!("EventBusName: there is no event bus `{bus}` in this template"));
    }
    Ok(bus.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn read(change: Value) -> Result<Option<QueueRule>, String> {
        let parameters = BTreeMap::from([("Source".to_owned(), json!({ "Default": "notes" }))]);
        let mut names = Names::new(&parameters);
        for (id, kind) in [("Bus", ResourceKind::Bus), ("Dead", ResourceKind::Queue), ("Jobs", ResourceKind::Queue)] {
            names.add(id, kind, &Value::Null);
        }
        let mut rule = json!({
            "EventBusName": { "Ref": "Bus" },
            "EventPattern": { "source": [{ "Ref": "Source" }] },
            "Targets": [{ "Id": "Dead", "Arn": { "Fn::GetAtt": "Dead.Arn" } }],
        });
        rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        QueueRule::from_resource("Lost", &rule, &names, &["Jobs".to_owned()])
    }

    #[test]
    fn a_rule_with_queues_is_read() {
        let QueueRule { rule, queues } = read(json!({ "State": "ENABLED" })).unwrap().unwrap();
        assert_eq!((&*rule.name, &*rule.bus), ("Lost", "Bus"));
        assert_eq!(rule.pattern, Pattern::parse(&json!({ "source": ["notes"] })).unwrap());
        assert_eq!(queues, ["arn:aws:sqs:us-east-1:000000000000:Dead"]);
        assert!(read(json!({ "State": "DISABLED" })).unwrap().is_none());
        assert_eq!(read(json!({ "EventBusName": null })).unwrap().unwrap().rule.bus, "default");
    }

    #[test]
    fn rules_that_cannot_run_locally_are_refused() {
        let target = |target: Value| json!({ "Targets": [target] });
        let cases = [
            (json!({ "EventBusName": "other" }), "EventBusName: there is no event bus `other` in this template"),
            (json!({ "ScheduleExpression": "rate(1 day)" }), "unknown field `ScheduleExpression`"),
            (json!({ "EventPattern": { "source": "a" } }), "EventPattern: `source` has to be a list or an object"),
            (
                target(json!({ "Id": "Bus", "Arn": { "Fn::GetAtt": "Bus.Arn" } })),
                r#"{"Fn::GetAtt":"Bus.Arn"} is not the Arn of a queue in this template"#,
            ),
            (
                target(json!({ "Id": "Jobs", "Arn": { "Fn::GetAtt": "Jobs.Arn" } })),
                "Targets: the local stack doesn't deliver to `Jobs`, which a function reads",
            ),
            (
                target(json!({ "Id": "Dead", "Arn": { "Fn::GetAtt": "Dead.Arn" }, "InputPath": "$.detail" })),
                "unknown field `InputPath`",
            ),
        ];
        for (change, message) in cases {
            let error = read(change).unwrap_err();
            assert!(error.starts_with(message), "{error}\ninstead of\n{message}");
        }
    }
}
