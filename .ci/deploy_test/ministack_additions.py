"""Starts MiniStack with these changes. This program runs in the environment that MiniStack is installed in.

- The condition key `dynamodb:LeadingKeys`, without which every grant that is limited to keys would refuse.
- Rules invoke functions asynchronously, as EventBridge does: with retries and a destination for failures. MiniStack
  invokes them once and forgets the result.
- The ARN of a stream that CloudFormation creates ends with its time, as on AWS. MiniStack appends a `Z`, which the
  template's parameter for such an ARN refuses.
- StartMessageMoveTask and ListMessageMoveTasks of SQS, which MiniStack does not have. The messages are moved at once.
- Distributed Maps: JSONata in the reader and the selector, and batches (`ItemBatcher`). MiniStack reads the file, runs the
  child executions and their states, and invokes the function itself. What a state passes on is limited to 256 KB, and
  child executions do not see the variables of their parent, as on AWS.
- PutObject as a task of a state machine. AWS writes the body as JSON, also if it is a text.
"""

import copy
import json
import time
from types import FunctionType

from ministack.app import main
from ministack.core import iam_actions
from ministack.services import dynamodb, eventbridge, lambda_svc, s3, sqs, stepfunctions
from ministack.services.cloudformation import provisioners

# The last task of each dead-letter queue that has moved messages, by ARN.
MOVED = {}

own_context = iam_actions.dynamodb_service_context
own_map = stepfunctions._run_distributed_map
own_task = stepfunctions._invoke_resource
own_integration = stepfunctions._invoke_aws_sdk_integration
# What Step Functions passes on between states at most.
MOST_BYTES = 256 * 1024


def with_leading_keys(body):
    """MiniStack's condition keys of a request, and the partition keys that it names."""
    context = own_context(body)
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return context
    if keys := list(leading_keys(request)):
        context["dynamodb:LeadingKeys"] = keys
    return context


def leading_keys(request):
    """The partition keys of a request for single items, or of a transaction or batch of them."""
    requests = [request]
    for item in request.get("TransactItems", []):
        requests += item.values()
    for table, batch in request.get("RequestItems", {}).items():
        several = batch.get("Keys", []) if isinstance(batch, dict) else []
        requests += [{"TableName": table, "Key": key} for key in several]
    for each in requests:
        table = dynamodb._tables.get(each.get("TableName", "").rsplit("/", 1)[-1])
        if not table:
            continue
        (name,) = (key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH")
        value = (each.get("Key") or each.get("Item") or {}).get(name)
        if value:
            yield next(iter(value.values()))


def invoke_asynchronously(arn, payload):
    """Invokes the function that is a rule's target."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if function and config:
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def with_stream_label(create):
    """The function that creates a table for CloudFormation, with a stream's label in the place of a time."""
    names = {**vars(provisioners), "now_iso": dynamodb._stream_label}
    return FunctionType(create.__code__, names, create.__name__, create.__defaults__)


def start_message_move_task(data, url):
    """Moves the messages of a dead-letter queue back to the queues that they come from."""
    dead_letters = sqs._queue_by_arn(data["SourceArn"])
    left, before = [], len(dead_letters["messages"])
    for message in dead_letters["messages"]:
        origin = sqs._queue_by_arn(message["sys"].pop("DeadLetterQueueSourceArn", ""))
        if origin is None:
            left.append(message)
            continue
        again = {"receipt_handle": None, "visible_at": time.time(), "receive_count": 0, "first_receive_at": None}
        origin["messages"].append({**message, **again})
    dead_letters["messages"] = left
    sqs.esm_wake.set()
    MOVED[data["SourceArn"]] = {
        "TaskHandle": "moved", "Status": "COMPLETED", "SourceArn": data["SourceArn"],
        "ApproximateNumberOfMessagesMoved": before - len(left), "StartedTimestamp": int(time.time() * 1000),
    }
    return {"TaskHandle": "moved"}


def list_message_move_tasks(data, url):
    """The last task of a queue, which has ended."""
    return {"Results": [MOVED[data["SourceArn"]]] if data["SourceArn"] in MOVED else []}


def run_distributed_map(state, given, effective, iterator, execution, ctx):
    """Runs a Distributed Map whose expressions are JSONata, with or without batches."""
    def evaluated(value, of=ctx):
        return stepfunctions._apply_jsonata_template(value, given, of)

    reader, batcher = state["ItemReader"], state["ItemBatcher"]
    place = evaluated(reader["Arguments"])
    text = stepfunctions._s3_object_text(place["Bucket"], place["Key"])
    rows = stepfunctions._parse_reader_items(text, reader["ReaderConfig"])
    items = []
    for index, row in enumerate(rows[: reader["ReaderConfig"].get("MaxItems")]):
        of_row = {**ctx, "Map": {"Item": {"Index": index, "Value": row}}}
        items.append(evaluated(state["ItemSelector"], of_row))
    batches = list(batched(items, evaluated(batcher["BatchInput"]), batcher))
    # What is left to MiniStack: to run a child execution for each batch.
    plain = {key: state[key] for key in state.keys() - {"ItemReader", "ItemSelector", "ItemBatcher", "Output"}}
    child_ctx = {**copy.deepcopy(ctx), "variables": {}}
    results, following = own_map(plain, given, batches, iterator, execution, child_ctx) if batches else ([], state["Next"])
    output = stepfunctions._apply_jsonata_output(state, given, ctx, result=within_limit(results), default=results)
    return within_limit(output), following


def batched(items, input, batcher):
    """The inputs of the child executions, within the limits of the batcher."""
    def batch(several):
        return {"BatchInput": input, "Items": several}

    several = []
    for item in items:
        longer = size(batch([*several, item])) > batcher.get("MaxInputBytesPerBatch", MOST_BYTES)
        if several and (longer or len(several) == batcher["MaxItemsPerBatch"]):
            yield within_limit(batch(several))
            several = []
        several.append(item)
    if several:
        yield within_limit(batch(several))


def size(value):
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def within_limit(value):
    if size(value) > MOST_BYTES:
        raise stepfunctions._ExecutionError("States.DataLimitExceeded", f"{size(value)} bytes")
    return value


def run_task(resource, given):
    """Runs a task, whose input and result have to be small enough."""
    return within_limit(own_task(resource, within_limit(given)))


def run_integration(resource, given):
    """Runs a task that calls a service of AWS."""
    if not resource.endswith(":aws-sdk:s3:putObject"):
        return own_integration(resource, given)
    body = json.dumps(given["Body"], ensure_ascii=False, separators=(",", ":")).encode()
    status, _, answer = s3._put_object(given["Bucket"], given["Key"], body, {"content-type": given["ContentType"]})[:3]
    if status >= 400:
        raise stepfunctions._ExecutionError("S3.S3Exception", str(answer))
    return {}


if __name__ == "__main__":
    iam_actions.dynamodb_service_context = with_leading_keys
    table = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    table["create"] = with_stream_label(table["create"])
    eventbridge._dispatch_to_lambda = invoke_asynchronously
    stepfunctions._run_distributed_map = run_distributed_map
    stepfunctions._invoke_resource = run_task
    stepfunctions._invoke_aws_sdk_integration = run_integration
    sqs._HANDLERS["StartMessageMoveTask"] = start_message_move_task
    sqs._HANDLERS["ListMessageMoveTasks"] = list_message_move_tasks
    main()
