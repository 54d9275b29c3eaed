"""Rehearses the chapter of docs/operations.md on dead letters, with events of a tenant that does not exist at first."""

import json
import uuid

import access
import event_calls
from operations import Shell

SECONDS = 60


def rehearse(emulator, sam, report, deployed, who, programs):
    """Makes dead letters of every source, removes their cause, and redrives them with the commands of the page."""
    letters = {"queue": "MessageDeadLetters", "invocation": "InvocationDeadLetters", "bus": "BusDeadLetters"}
    tenant = str(uuid.uuid4())
    events = event_calls.Events(deployed, report, access.Access(tenant, "late", who.token, who.key))
    phones = {source: f"+2783{next(events.numbers):07}" for source in ("queue", "invocation", "bus")}
    for queue in letters.values():
        events.received(deployed.outputs[queue])  # what earlier calls have left
    of = {source: events.envelope("record-message", phone) for source, phone in phones.items()}
    events.sqs.send_message(QueueUrl=deployed.outputs["MessageQueue"], MessageBody=json.dumps(of["queue"]))
    deployed.invoke("record-message", of["invocation"], "Event")
    # MiniStack delivers everything, so this one is what EventBridge would have sent to the queue.
    events.sqs.send_message(QueueUrl=deployed.outputs["BusDeadLetters"], MessageBody=json.dumps({
        "version": "0", "id": str(uuid.uuid4()), "detail-type": "record-message", "source": "deploy-test",
        "account": "123456789012", "time": access.now(), "region": "us-east-1", "resources": [], "detail": of["bus"],
    }))
    # An event of a file for which no import was started: the file is where no event of its own starts one.
    file, phones["file"] = f"manual/{tenant}/late.csv", f"+2783{next(events.numbers):07}"
    emulator.client("s3").put_object(
        Bucket=deployed.outputs["ImportBucket"], Key=file, Body=f"Phone\n{phones['file']}\n".encode()
    )
    started = {"source": "aws.s3", "detail": {"object": {"key": file}}}
    events.sqs.send_message(QueueUrl=deployed.outputs["ImportDeadLetters"], MessageBody=json.dumps(started))
    letters["file"] = "ImportDeadLetters"
    for source, queue in letters.items():
        report.eventually(f"dead letters of the {source}", SECONDS, lambda queue=queue: waiting(events, queue), 1)

    access.put(emulator, deployed.outputs["AccessTable"], {
        "key": f"tenant#{tenant}", "tenant_id": tenant, "created_at": access.now(), "name": "Late", "slug": "late",
        "namespace": uuid.uuid4().hex,
    })
    Shell(emulator, sam, programs).run("Dead letters", {})
    for source, phone in phones.items():
        report.eventually(f"{source} after the redrive", SECONDS, lambda phone=phone: events.contact(phone), {
            "phone": phone, "total_messages": 0 if source == "file" else 1, ...: 0,
        })
    for queue in (*letters.values(), "StreamDeadLetters"):
        report.expect(f"{queue} after the redrive", waiting(events, queue), 0)


def waiting(events, queue):
    """How many messages a queue has, hidden ones included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = events.sqs.get_queue_attributes(QueueUrl=events.stack.outputs[queue], AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)
