"""Imports: the bucket, the state machine that imports its files, and who may do what for it.

The definition is held here state by state, because a deployment accepts nearly every mistake in it.
"""

from .resources import arn, functions_by_binary, of_type, only, ref, sub

NAME = "${AWS::StackName}-import-contacts"
STATES = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:"
# Retried: what import-contacts documents as temporary, and what Lambda itself reports.
TEMPORARY = ["Throttled", "Unavailable", "Conflict", "TimedOut"]
OF_LAMBDA = ["ServiceException", "AWSLambdaException", "SdkClientException", "TooManyRequestsException"]
OF_LAMBDA += ["ClientExecutionTimeoutException", "Unknown"]
RETRIED = [*TEMPORARY, "Sandbox.Timedout", *(f"Lambda.{error}" for error in OF_LAMBDA), "States.Timeout"]
# Not retried: the file, or its place in the bucket, is wrong.
REFUSED = ["ValidationFailed", "UnknownTenant", "UnknownEvent"]
# A batch and what becomes of it stay below the 256 KB that Step Functions passes on.
MOST_ROWS, MOST_BYTES = 100, 128 * 1024
COUNTS = {"c": "created", "u": "updated", "n": "unchanged", "d": "duplicates", "f": "failed"}
KEY = "$states.input.detail.object.key"


def jsonata(expression):
    return f"{{% {expression} %}}"


def retry(errors):
    limits = {"IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 5, "MaxDelaySeconds": 20}
    return [{"ErrorEquals": errors, **limits, "JitterStrategy": "FULL"}]


def rows(start, states, batcher, **reader):
    """A Distributed Map over the rows of the file, which carry their line."""
    return {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "Arguments": {"Bucket": "${Bucket}", "Key": jsonata("$key")},
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", **reader},
        },
        "ItemSelector": {
            "line": jsonata("$states.context.Map.Item.Index + 2"),
            "cells": jsonata("$states.context.Map.Item.Value"),
        },
        "ItemBatcher": batcher,
        # Express executions have no history, so it cannot contain the rows.
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": start,
            "States": states,
        },
    }


def invoke(options, **more):
    """A task that invokes import-contacts with the rows of a batch."""
    of_batch = {name: jsonata(f"$states.input.BatchInput.{name}") for name in ("columns", "country")}
    payload = {
        "tenant_id": jsonata("$states.input.BatchInput.tenant_id"),
        "input": {**of_batch, **options, "rows": jsonata("$states.input.Items[]")},
    }
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "${Function}", "Payload": payload},
        # Longer than the function's timeout.
        "TimeoutSeconds": 35,
        "Retry": retry(RETRIED),
        **more,
    }


def put(key, body, **more):
    """A task that writes an object to the bucket."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
        "Arguments": {
            "Bucket": "${Bucket}", "Key": jsonata(key), "ContentType": "application/json", "Body": jsonata(body),
        },
        "Retry": retry(["States.TaskFailed"]),
        "Output": jsonata("$states.input"),
        **more,
    }


def choice(condition, then, otherwise):
    return {"Type": "Choice", "Choices": [{"Condition": jsonata(condition), "Next": then}], "Default": otherwise}


def options():
    tenant = f"$split({KEY}, '/')[1]"
    given = "$exists($states.input.options.{0}) ? $states.input.options.{0} : {1}"
    return {
        "Type": "Pass",
        "Assign": {
            "key": jsonata(KEY),
            "results": jsonata(f"'results/' & {tenant} & '/' & $states.context.Execution.Name & '/'"),
            "options": {
                "tenant_id": jsonata(tenant),
                "columns": jsonata(given.format("columns", "{}")),
                "country": jsonata(f"$count($split({KEY}, '/')) > 3 ? $split({KEY}, '/')[2] : null"),
                "dry_run": jsonata(given.format("dry_run", "false")),
            },
        },
        "Next": "CheckFile",
    }


def check_file():
    refused = {
        "ErrorEquals": REFUSED,
        "Output": {
            "error": jsonata("$states.errorOutput.Error"),
            "cause": jsonata("$parse($states.errorOutput.Cause).errorMessage"),
        },
        "Next": "Refused",
    }
    ignored = {"ignored": jsonata("$states.result.Payload.ignored")}
    states = {
        "CheckHeader": invoke({"check": True}, Catch=[refused], Output=ignored, End=True),
        "Refused": {"Type": "Pass", "End": True},
    }
    empty = "{ 'error': 'EmptyFile', 'cause': 'The file has no row after its header.' }"
    return {
        **rows("CheckHeader", states, {"MaxItemsPerBatch": 1, "BatchInput": jsonata("$options")}, MaxItems=1),
        "Label": "CheckFile",
        "Output": jsonata(f"$count($states.result) = 0 ? {empty} : $states.result[0]"),
        "Next": "IsRefused",
    }


def import_rows():
    key = "'report-' & $formatNumber($states.input.Items[0].line, '00000000') & '.json'"
    outcome = {
        "key": jsonata(f"$states.input.BatchInput.results & {key}"),
        "report": jsonata("$states.result.Payload.report"),
        "counts": {short: jsonata(f"$states.result.Payload.{count}") for short, count in COUNTS.items()},
    }
    dry_run = {"dry_run": jsonata("$states.input.BatchInput.dry_run")}
    reported = choice("$states.input.counts.d + $states.input.counts.f > 0", "WriteReport", "BatchDone")
    states = {
        "ImportBatch": invoke(dry_run, Output=outcome, Next="HasReport"),
        "HasReport": reported,
        "WriteReport": put("$states.input.key", "$states.input.report", Next="BatchDone"),
        "BatchDone": {"Type": "Pass", "Output": jsonata("$states.input.counts"), "End": True},
    }
    batches = {
        "MaxItemsPerBatch": MOST_ROWS,
        "MaxInputBytesPerBatch": MOST_BYTES,
        "BatchInput": jsonata("$merge([$options, { 'results': $results }])"),
    }
    summary = {
        "key": jsonata("$key"),
        "dry_run": jsonata("$options.dry_run"),
        "ignored_columns": jsonata("$states.input.ignored[]"),
        **{count: jsonata(f"$sum([$states.result.{short}])") for short, count in COUNTS.items()},
    }
    return {
        **rows("ImportBatch", states, batches),
        "Label": "ImportRows",
        "MaxConcurrency": 2,
        # An import that succeeds has applied every row, or has written it to the results.
        "ToleratedFailurePercentage": 0,
        "Output": summary,
        "Next": "WriteSummary",
    }


def definition():
    refuse = {"Type": "Fail", "Error": jsonata("$states.input.error"), "Cause": jsonata("$states.input.cause")}
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": 86_400,
        "StartAt": "Options",
        "States": {
            "Options": options(),
            "CheckFile": check_file(),
            "IsRefused": choice("$exists($states.input.error)", "Refuse", "ImportRows"),
            "Refuse": refuse,
            "ImportRows": import_rows(),
            "WriteSummary": put("$results & 'summary.json'", "$states.input", End=True),
        },
    }


def allow(action, resource):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def role(service, name, *statements, **condition):
    """A role that only a service of AWS assumes, with one inline policy."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **condition}
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [
            {"PolicyName": name, "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}},
        ],
    }


def expected(function):
    """The properties of each resource of the imports, and what its type is."""
    objects = "${ImportBucket.Arn}/"
    bucket = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}],
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"], True
        ),
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        # Of every object: uploads and results are personal data.
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "expire",
                    "Status": "Enabled",
                    "ExpirationInDays": ref("ImportFileDays"),
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
            ],
        },
    }
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn("ImportBucket"), sub(objects + "*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    created = {
        "bucket": {"name": [ref("ImportBucket")]},
        "object": {"key": [{"prefix": "uploads/"}], "size": [{"numeric": [">", 0]}]},
    }
    target = {
        "Id": "Import",
        "Arn": arn("ImportStateMachine"),
        "RoleArn": arn("StartImportsRole"),
        "DeadLetterConfig": {"Arn": arn("ImportDeadLetters")},
    }
    statements = [
        allow("s3:GetObject", [sub(objects + "uploads/*"), sub(objects + "manual/*")]),
        allow("s3:PutObject", sub(objects + "results/*")),
        allow("lambda:InvokeFunction", arn(function)),
        allow("states:StartExecution", sub(f"{STATES}stateMachine:{NAME}")),
        allow(["states:DescribeExecution", "states:StopExecution"], sub(f"{STATES}execution:{NAME}:*")),
        allow("states:RedriveExecution", sub(f"{STATES}execution:{NAME}/*:*")),
    ]
    of_account = {"Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}}
    machine = {
        "StateMachineName": sub(NAME),
        "StateMachineType": "STANDARD",
        "RoleArn": arn("ImportRole"),
        # A log of the child executions would contain the rows.
        "LoggingConfiguration": {"Level": "OFF", "IncludeExecutionData": False},
        "TracingConfiguration": {"Enabled": False},
        "DefinitionSubstitutions": {"Bucket": ref("ImportBucket"), "Function": arn(function)},
        "Definition": definition(),
    }
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": created}
    start = allow("states:StartExecution", arn("ImportStateMachine"))
    return {
        "ImportBucket": ("AWS::S3::Bucket", bucket),
        "ImportBucketPolicy": ("AWS::S3::BucketPolicy", {
            "Bucket": ref("ImportBucket"),
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [tls_only]},
        }),
        "ImportRule": ("AWS::Events::Rule", {"EventPattern": pattern, "Targets": [target]}),
        "StartImportsRole": ("AWS::IAM::Role", role("events.amazonaws.com", "StartImports", start)),
        "ImportRole": ("AWS::IAM::Role", role("states.amazonaws.com", "Import", *statements, **of_account)),
        "ImportStateMachine": ("AWS::StepFunctions::StateMachine", machine),
    }


def import_problems(template):
    """Files in the bucket are private, expire, and are imported by exactly this state machine."""
    function = functions_by_binary(template).get("import-contacts")
    resources = expected(function)
    for kind in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::StepFunctions::StateMachine"):
        for name in of_type(template, kind).keys() - resources.keys():
            yield f"{name}: .ci/template_rules/imports.py does not know it"
    for name, (kind, properties) in resources.items():
        resource = template["Resources"].get(name, {})
        actual = resource.get("Properties", {})
        kept = {}
        if kind == "AWS::S3::Bucket":
            # CloudFormation cannot delete a bucket with files in it.
            kept = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
        attributes = {key: value for key, value in resource.items() if key not in ("Properties", "Metadata")}
        yield from only(name, attributes, {"Type": kind, **kept})
        if name == "ImportStateMachine" and "Definition" in actual:
            yield from definition_problems(actual["Definition"], properties["Definition"])
            actual, properties = ({key: each[key] for key in each if key != "Definition"} for each in (actual, properties))
        yield from only(name, actual, properties)


def definition_problems(actual, wanted, place="ImportStateMachine: Definition"):
    """Where a definition differs from what is expected. The comment is for people."""
    if isinstance(actual, dict) and isinstance(wanted, dict):
        for key in sorted((actual.keys() | wanted.keys()) - {"Comment"}):
            yield from definition_problems(actual.get(key), wanted.get(key), f"{place}/{key}")
    elif actual != wanted:
        yield f"{place} has to be {wanted}, not {actual}"
