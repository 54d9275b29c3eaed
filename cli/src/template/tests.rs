use std::time::Duration;

use super::*;

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Days: { Type: Number, Default: 30 }
  Secret: { Type: String }
Globals:
  Function:
    Timeout: 10
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
fn tables_keep_their_layout() {
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
fn a_function_has_the_globals_under_its_own_properties() {
    let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
    let function = &template.functions[0];
    assert_eq!(function.logical_id, "CreateContactFunction");
    assert_eq!(function.binary, "create-contact");
    assert_eq!(function.timeout, Duration::from_secs(10));
    assert_eq!(function.memory_mb, 30);
    let environment: Vec<_> = function.environment.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        environment,
        [("ACCESS_TABLE", "access"), ("CONTACTS_TABLE", "ContactsTable"), ("LEVEL", "ContactsTable-30-${x}")]
    );
    let routes: Vec<String> = function.routes.iter().map(Route::key).collect();
    assert_eq!(routes, ["POST /contacts", "$default"]);
}

#[test]
fn what_cannot_run_is_refused_by_name() {
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
            TEMPLATE.replace("LEVEL: info", "LEVEL: !Ref Nobody"),
            "template: CreateContactFunction: environment variable LEVEL: `Nobody` is neither a table nor a parameter",
        ),
        (
            TEMPLATE.replace("LEVEL: info", "LEVEL: !GetAtt AccessTable.Arn"),
            r#"template: CreateContactFunction: environment variable LEVEL: the local stack can't work out {"Fn::GetAtt":"AccessTable.Arn"}"#,
        ),
        (
            TEMPLATE.replace("{ Binary: create-contact }", "{}"),
            "template: CreateContactFunction: Metadata.BuildProperties.Binary has to name its executable",
        ),
        (
            TEMPLATE.replace("        Rest:\n          Type: HttpApi", "        Rest:\n          Type: Kinesis"),
            "template: CreateContactFunction: event Rest: the local stack doesn't deliver `Kinesis` events",
        ),
        (
            TEMPLATE.replace("MemorySize: !Ref Days", "MemorySize: much"),
            "template: CreateContactFunction: MemorySize: `much` is no whole number",
        ),
        (
            TEMPLATE.replace("Path: /contacts", "Path: contacts"),
            "template: CreateContactFunction: event Http: the path `contacts` has to start with a slash",
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
