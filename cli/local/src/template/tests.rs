use std::time::Duration;

use serde_json::json;

use super::super::*;
use super::*;

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Days: { Type: Number, Default: 30 }
  Secret: { Type: String }
  Level: { Type: String, Default: WARN }
Globals:
  Function:
    Timeout: 10
    LoggingConfig: { LogFormat: JSON, ApplicationLogLevel: !Ref Level }
    Environment:
      Variables:
        CONTACTS_TABLE: !Ref ContactsTable
        ACCESS_TABLE:
          Ref: AccessTable
        LEVEL: info
Resources:
  ContactsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: tenant_id, AttributeType: S }
        - { AttributeName: item, AttributeType: S }
        - { AttributeName: tag, AttributeType: S }
        - { AttributeName: id, AttributeType: S }
      KeySchema:
        - { AttributeName: tenant_id, KeyType: HASH }
        - { AttributeName: item, KeyType: RANGE }
      GlobalSecondaryIndexes:
        - IndexName: tag
          KeySchema:
            - { AttributeName: tenant_id, KeyType: HASH }
            - { AttributeName: tag, KeyType: HASH }
            - { AttributeName: id, KeyType: RANGE }
          Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [name, phone] }
      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
  AccessTable:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: access
      AttributeDefinitions: [{ AttributeName: key, AttributeType: S }]
      KeySchema: [{ AttributeName: key, KeyType: HASH }]
  Logs:
    Type: AWS::Logs::LogGroup
  CreateContactFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: create-contact } }
    Properties:
      MemorySize: !Ref Days
      LoggingConfig: { LogGroup: !Ref Logs }
      Environment:
        Variables:
          LEVEL: !Sub "${ContactsTable}-${Days}-${!x}"
      Events:
        Http:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: post, Path: /contacts }
        Rest:
          Type: HttpApi
"#;

#[test]
fn tables_have_the_keys_and_indexes_of_the_template() {
    let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
    let [access, contacts] = &template.tables[..] else {
        panic!("two tables");
    };
    assert_eq!((&*access.logical_id, &*access.name), ("AccessTable", "access"));
    assert_eq!((&*contacts.logical_id, &*contacts.name), ("ContactsTable", "ContactsTable"));
    let keys = |keys: &[KeyElement]| -> Vec<String> {
        keys.iter().map(|key| format!("{} {}", key.attribute_name, key.key_type)).collect()
    };
    assert_eq!(keys(&contacts.key_schema), ["tenant_id HASH", "item RANGE"]);
    let tag = &contacts.global_secondary_indexes[0];
    assert_eq!(tag.index_name, "tag");
    assert_eq!(keys(&tag.key_schema), ["tenant_id HASH", "tag HASH", "id RANGE"]);
    assert_eq!(tag.projection.projection_type, "INCLUDE");
    assert_eq!(tag.projection.non_key_attributes, ["name", "phone"]);
    let ttl = contacts.time_to_live_specification.as_ref().unwrap();
    assert_eq!((&*ttl.attribute_name, ttl.enabled), ("expires_at", true));
}

#[test]
fn own_properties_of_a_function_override_the_globals() {
    let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
    let function = &template.functions[0];
    assert_eq!(function.logical_id, "CreateContactFunction");
    assert_eq!(function.binary, "create-contact");
    assert_eq!(function.timeout, Duration::from_secs(10));
    assert_eq!(function.memory_mb, 30);
    assert_eq!(function.log_level.as_deref(), Some("WARN"));
    let environment: Vec<_> = function.environment.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        environment,
        [("ACCESS_TABLE", "access"), ("CONTACTS_TABLE", "ContactsTable"), ("LEVEL", "ContactsTable-30-${x}")]
    );
    let routes: Vec<String> = function.routes.iter().map(Route::key).collect();
    assert_eq!(routes, ["POST /contacts", "$default"]);
}

#[test]
fn unsupported_properties_are_refused_with_their_place() {
    let second = "
  OtherFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: other } }
    Properties:
      Events:
        Again: { Type: HttpApi, Properties: { Method: POST, Path: /contacts } }
";
    let cases = [
        (
            TEMPLATE.replace("LEVEL: info", "LEVEL: !Ref Secret"),
            "template: CreateContactFunction: environment variable LEVEL: the parameter `Secret` has no Default",
        ),
        (
            TEMPLATE.replace("LEVEL: info", "LEVEL: !Ref Unknown"),
            "template: CreateContactFunction: environment variable LEVEL: `Unknown` is not a parameter, table, event bus or queue",
        ),
        (
            TEMPLATE.replace("LEVEL: info", "LEVEL: !GetAtt AccessTable.Colour"),
            r#"template: CreateContactFunction: environment variable LEVEL: the local stack can't work out {"Fn::GetAtt":"AccessTable.Colour"}"#,
        ),
        (
            TEMPLATE.replace("{ Binary: create-contact }", "{}"),
            "template: CreateContactFunction: Metadata.BuildProperties.Binary has to name the executable",
        ),
        (
            TEMPLATE.replace("        Rest:\n          Type: HttpApi", "        Rest:\n          Type: Kinesis"),
            "template: CreateContactFunction: event Rest: the local stack doesn't deliver `Kinesis` events",
        ),
        (
            TEMPLATE.replace("MemorySize: !Ref Days", "MemorySize: much"),
            "template: CreateContactFunction: MemorySize: `much` is not a whole number",
        ),
        (
            TEMPLATE.replace("Path: /contacts", "Path: contacts"),
            "template: CreateContactFunction: event Http: the path `contacts` has to start with a slash",
        ),
        (
            TEMPLATE.replace("Path: /contacts", "Path: '/contacts/{id+}'"),
            "template: CreateContactFunction: event Http: the local stack doesn't support the greedy parameter in the path `/contacts/{id+}`",
        ),
        (TEMPLATE.replace("KeySchema: [", "Keys: ["), "template: AccessTable: missing field `KeySchema`"),
        (format!("{TEMPLATE}{second}"), "template: OtherFunction: the route `POST /contacts` exists twice"),
        (
            format!("{TEMPLATE}{}", second.replace("other", "create-contact")),
            "template: OtherFunction: another function has the executable `create-contact` already",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(Template::parse(&text, &BTreeMap::new()).unwrap_err().to_string(), message);
    }
}

const EVENTS: &str = r#"
Parameters:
  Publish: { Type: String, Default: "yes" }
  Size: { Type: Number, Default: 25 }
Conditions:
  Publishes: !Equals [!Ref Publish, "yes"]
  Silent: !Not [!Equals [!Ref Publish, "yes"]]
  Missing: !Equals [!Ref Publish, "never"]
  Elsewhere: !Equals [!FindInMap [A, B, C], x]
Resources:
  Notes:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: key, AttributeType: S }]
      KeySchema: [{ AttributeName: key, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_IMAGE }
  Bus: { Type: AWS::Events::EventBus, Condition: Publishes, Properties: { Name: !Sub "${AWS::StackName}-bus" } }
  Jobs: { Type: AWS::SQS::Queue, Properties: { QueueName: jobs.fifo, FifoQueue: true } }
  Dead: { Type: AWS::SQS::Queue }
  Alarm: { Type: AWS::CloudWatch::Alarm, Condition: Elsewhere }
  Broken: { Type: AWS::DynamoDB::Table, Condition: Missing }
  WorkFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: work } }
    Properties:
      Environment:
        Variables:
          BUS: !If [Publishes, !Ref Bus, ""]
          BUS_NAME: !GetAtt Bus.Name
          BUS_ARN: !GetAtt [Bus, Arn]
          QUEUE: !Ref Jobs
          QUEUE_NAME: !GetAtt Jobs.QueueName
          QUEUE_ARN: !Sub "${Jobs.Arn}"
          ABSENT: !If [Silent, "here", !Ref AWS::NoValue]
      DeadLetterQueue: { Type: SQS, TargetArn: !GetAtt Dead.Arn }
      EventInvokeConfig: { MaximumRetryAttempts: 1 }
      Events:
        Rule:
          Type: EventBridgeRule
          Properties:
            EventBusName: !Ref Bus
            Pattern: { source: [!Ref Publish], detail-type: [{ prefix: Contact }] }
            RetryPolicy: { MaximumRetryAttempts: 5 }
            DeadLetterConfig: { Arn: !GetAtt Dead.Arn }
        Default:
          Type: EventBridgeRule
          Properties: { Pattern: { source: [orders] } }
        Asleep:
          Type: EventBridgeRule
          Properties: { Pattern: { source: [orders] }, State: DISABLED }
  Changes:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref WorkFunction
      EventSourceArn: !GetAtt Notes.StreamArn
      StartingPosition: TRIM_HORIZON
      BatchSize: !Ref Size
      MaximumBatchingWindowInSeconds: 1
      MaximumRetryAttempts: 3
      BisectBatchOnFunctionError: true
      FunctionResponseTypes: [ReportBatchItemFailures]
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] }
      DestinationConfig: { OnFailure: { Destination: !GetAtt Dead.Arn } }
      Enabled: !If [Publishes, true, false]
  Bare:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { FunctionName: !Ref WorkFunction, EventSourceArn: !GetAtt Notes.StreamArn, StartingPosition: LATEST }
  "Off":
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref WorkFunction
      EventSourceArn: !GetAtt Notes.StreamArn
      StartingPosition: LATEST
      Enabled: !If [Silent, true, false]
  JobsMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref WorkFunction
      EventSourceArn: !GetAtt Jobs.Arn
      BatchSize: 10
      FunctionResponseTypes: [ReportBatchItemFailures]
"#;

fn events(parameters: &[(&str, &str)]) -> Result<Template, TemplateError> {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Template::parse(EVENTS, &parameters.collect())
}

#[test]
fn event_sources_of_a_function_are_read() {
    let template = events(&[]).unwrap();
    assert_eq!(template.buses, ["Bus"]);
    let function = &template.functions[0];
    let [bare, changes] = &function.streams[..] else { panic!("two mappings") };
    assert_eq!(
        (&*changes.name, &*changes.table, changes.starting_position, changes.batch_size),
        ("Changes", "Notes", StartingPosition::TrimHorizon, 25)
    );
    assert_eq!((changes.retries, changes.bisect, changes.reports_failures), (Some(3), true, true));
    assert_eq!(changes.filters, [Pattern::parse(&json!({ "eventName": ["INSERT"] })).unwrap()]);
    assert!(changes.on_failure.as_deref().is_some_and(|arn| arn.ends_with(":000000000000:Dead")));
    assert_eq!(
        (bare.starting_position, bare.batch_size, bare.retries, bare.bisect),
        (StartingPosition::Latest, 100, None, false)
    );
    assert!(!bare.reports_failures && bare.filters.is_empty() && bare.on_failure.is_none());

    let [default, rule] = &function.rules[..] else { panic!("two rules") };
    assert_eq!((&*default.bus, &*rule.bus), ("default", "Bus"));
    let pattern = json!({ "source": ["yes"], "detail-type": [{ "prefix": "Contact" }] });
    assert_eq!(rule.pattern, Pattern::parse(&pattern).unwrap());
    assert_eq!(function.queues, ["jobs.fifo"]);
    assert_eq!(function.retries, 1);
    assert!(function.on_failure.as_deref().is_some_and(|arn| arn.ends_with(":Dead")));
    assert_eq!(template.tables[0].stream_specification.as_ref().unwrap().stream_view_type, "NEW_IMAGE");
}

#[test]
fn buses_and_queues_have_local_names() {
    let template = events(&[]).unwrap();
    let environment = &template.functions[0].environment;
    let plain = ["BUS", "BUS_NAME", "QUEUE", "QUEUE_NAME"].map(|name| environment[name].as_str());
    assert_eq!(plain, ["Bus", "Bus", "jobs.fifo", "jobs.fifo"]);
    assert!(environment["BUS_ARN"].ends_with(":000000000000:event-bus/Bus"), "{}", environment["BUS_ARN"]);
    assert!(environment["QUEUE_ARN"].ends_with(":000000000000:jobs.fifo"), "{}", environment["QUEUE_ARN"]);
    assert!(!environment.contains_key("ABSENT"));
}

#[test]
fn a_false_condition_removes_resources_and_values() {
    // The bus is gone, so what still names it is wrong.
    let error = events(&[("Publish", "other")]).unwrap_err().to_string();
    assert!(
        error.contains(r#"environment variable BUS_ARN: the local stack can't work out {"Fn::GetAtt":["Bus","Arn"]}"#),
        "{error}"
    );
}

#[test]
fn a_rule_is_left_out_only_if_it_starts_nothing_but_state_machines() {
    let parse = |targets: &str| {
        let text = format!(
            "Resources:\n  Machine:\n    Type: AWS::StepFunctions::StateMachine\n  Dead:\n    Type: AWS::SQS::Queue\n  \
             Start:\n    Type: AWS::Events::Rule\n    Properties:\n      EventPattern: {{ source: [aws.s3] }}\n      \
             Targets: [{targets}]\n"
        );
        Template::parse(&text, &BTreeMap::new())
            .map(|template| template.queue_rules.len())
            .map_err(|error| error.to_string())
    };
    let machine = "{ Id: Start, Arn: !GetAtt Machine.Arn, RoleArn: !GetAtt Role.Arn }";
    assert_eq!(parse(machine), Ok(0));
    assert_eq!(parse("{ Id: Dead, Arn: !GetAtt Dead.Arn }"), Ok(1));
    let both = parse(&format!("{machine}, {{ Id: Dead, Arn: !GetAtt Dead.Arn }}")).unwrap_err();
    assert!(both.contains("Start: unknown field `RoleArn`"), "{both}");
}

#[test]
fn unsupported_event_sources_are_refused_with_their_place() {
    let cases = [
        (
            "EventSourceArn: !GetAtt Notes.StreamArn\n",
            "EventSourceArn: !GetAtt Dead.QueueName\n",
            r#"Changes: EventSourceArn: {"Fn::GetAtt":"Dead.QueueName"} is not the StreamArn of a table in this template, nor"#,
        ),
        (
            "      StreamSpecification: { StreamViewType: NEW_IMAGE }\n",
            "",
            "Bare: the table `Notes` has no StreamSpecification",
        ),
        ("BatchSize: !Ref Size", "BatchSize: many", "Changes: BatchSize: `many` is not a whole number"),
        (
            "Enabled: !If [Publishes, true, false]",
            "Enabled: perhaps",
            "Changes: Enabled: `perhaps` is neither true nor false",
        ),
        (
            "StartingPosition: TRIM_HORIZON",
            "StartingPosition: AT_TIMESTAMP",
            "Changes: StartingPosition: the local stack doesn't support `AT_TIMESTAMP`",
        ),
        ("      StartingPosition: TRIM_HORIZON\n", "", "Changes: a mapping of a stream needs StartingPosition"),
        ("MaximumRetryAttempts: 3", "TumblingWindowInSeconds: 3", "Changes: unknown field `TumblingWindowInSeconds`"),
        (
            r#"["INSERT"]"#,
            r#"[{"numeric":[">",0]}]"#,
            "Changes: FilterCriteria: the local stack doesn't support the condition",
        ),
        (
            "FunctionName: !Ref WorkFunction\n",
            "FunctionName: work\n",
            "Changes: FunctionName has to be a Ref of a function in this template",
        ),
        (
            "FunctionName: !Ref WorkFunction\n",
            "FunctionName: !Ref Notes\n",
            "Changes: FunctionName: there is no such function",
        ),
        (
            "EventBusName: !Ref Bus",
            "EventBusName: other",
            "WorkFunction: event Rule: EventBusName: there is no event bus `other` in this template",
        ),
        (
            "source: [orders] } }\n",
            "source: orders } }\n",
            r#"WorkFunction: event Default: Pattern: `source` has to be a list or an object, not "orders""#,
        ),
        (
            "          Type: EventBridgeRule\n          Properties: { Pattern: { source: [orders] } }\n",
            "          Type: SQS\n",
            "WorkFunction: event Default: the local stack doesn't deliver `SQS` events",
        ),
        ("!If [Publishes, true, false]", "!If [Nowhere, true, false]", "Changes: there is no condition `Nowhere`"),
        (
            "!If [Publishes, true, false]",
            "!If [Elsewhere, true, false]",
            "Changes: condition Elsewhere: the local stack can't work out",
        ),
    ];
    for (from, to, message) in cases {
        assert!(EVENTS.contains(from), "{from}");
        let error = Template::parse(&EVENTS.replacen(from, to, 1), &BTreeMap::new()).unwrap_err().to_string();
        let message = format!("template: {message}");
        assert!(error.starts_with(&message), "{error}\ninstead of\n{message}");
    }
}
