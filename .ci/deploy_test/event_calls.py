"""The functions as consumers of events: direct invocations, queues, the bus, the stream, and what fails for good."""

import json
import re
import time
import uuid

import access
from http_calls import ID, TIME

# For each function that takes only events: an input, and the fields of the contact that it changes.
INPUTS = {
    "record-message": ({"direction": "in"}, {"total_messages": lambda count: count >= 1, "last_message_at": TIME}),
    "record-consent": ({"consent": "opt_in", "method": "web"}, {"opted_in_at": TIME}),
    "set-contact-state": ({"locale": "pt-BR", "bot_status": "paused"}, {"locale": "pt-BR"}),
}
SECONDS = 40


class Events:
    """Sends events for one tenant, and observes the contacts, the bus and the dead-letter queues."""

    def __init__(self, stack, report, who):
        self.stack, self.report, self.who = stack, report, who
        emulator = stack.emulator
        self.sqs, self.events = emulator.client("sqs"), emulator.client("events")
        self.table = stack.outputs["ContactsTable"]
        self.numbers = iter(range(10_000, 99_999))
        self.observed, self.dead = [], {}

    def envelope(self, binary, phone, **more):
        event = {"phone": phone, "occurred_at": access.now(), **INPUTS[binary][0], **more}
        if binary == "record-message":
            event.setdefault("message_id", f"wamid.{uuid.uuid4()}")
        return {"tenant_id": self.who.tenant, "input": event}

    def unknown(self, binary, note):
        """An event of a tenant that does not exist. The note, which the function ignores, is to find it again."""
        event = self.envelope(binary, "+27820000000", note=note)
        return {**event, "tenant_id": str(uuid.uuid4())}

    def new_contact(self, tags=""):
        """Creates a contact by direct invocation, and returns its phone number."""
        phone = f"+27821{next(self.numbers):06}"
        body = {"tenant_id": self.who.tenant, "input": {"phone": phone, "tags": tags}}
        self.report.expect("create-contact invoked", self.stack.invoke("create-contact", body), {"phone": phone, ...: 0})
        return phone

    def contact(self, phone):
        return self.stack.invoke("get-contact", {"tenant_id": self.who.tenant, "input": {"phone": phone}})

    def changed(self, name, binary, phone):
        """Expects that an event of this function has changed the contact."""
        wanted = {**INPUTS[binary][1], ...: 0}
        self.report.eventually(f"{binary} by {name}", SECONDS, lambda: self.contact(phone), wanted)

    def queue_arn(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def url(self, arn):
        return self.sqs.get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]

    def received(self, url):
        """All messages of a queue, which are deleted there."""
        bodies = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def dead_letter(self, name, arn, text, seconds=SECONDS):
        """Expects a message with this text in a dead-letter queue."""
        def read():
            self.dead.setdefault(arn, []).extend(self.received(self.url(arn)))
            return any(text in body for body in self.dead[arn])
        self.report.eventually(f"{name} in {arn.rsplit(':', 1)[-1]}", seconds, read, True)

    def observe(self):
        """A queue of this test, which receives every change event from now on."""
        url = self.sqs.create_queue(QueueName=f"{self.stack.name}-observed")["QueueUrl"]
        bus = self.stack.outputs["Bus"]
        self.events.put_rule(Name="observe", EventBusName=bus, EventPattern=json.dumps({"source": ["carnet"]}))
        target = {"Id": "observed", "Arn": self.queue_arn(url)}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                           "Action": "sqs:SendMessage", "Resource": target["Arn"]}],
        })})
        self.events.put_targets(Rule="observe", EventBusName=bus, Targets=[target])
        self.observed_url = url

    def kinds(self, contact_id):
        """The detail types of the change events of a contact so far."""
        self.observed += map(json.loads, self.received(self.observed_url))
        return {each["detail-type"] for each in self.observed if each["detail"].get("contact_id") == contact_id}


def direct(events):
    """Every function by direct invocation, and the error types of bad events."""
    stack, report = events.stack, events.report
    phone = events.new_contact("vip")
    tenant = events.who.tenant
    for binary, payload, expected in (
        ("update-contact", {"phone": phone, "name": "Ana"}, {"name": "Ana", ...: 0}),
        ("add-tag", {"phone": phone, "tag": "a"}, {"tag_added": "a", "tags": ["vip", "a"], ...: 0}),
        ("remove-tag", {"phone": phone, "tag": "a"}, {"tag_removed": "a", "tags": ["vip"], ...: 0}),
        ("list-tags", {}, list),
        ("search-contacts", {"query": phone}, [{"phone": phone, ...: 0}]),
        ("flowiq-get-contact", {"phone_number": phone}, {"success": True, "contact": {"phone_number": phone, ...: 0}}),
        ("flowiq-create-contact", {"phone_number": phone}, {"error": "ContactExists", "message": str}),
        ("get-contact", {"phone": "+19999999999"}, {"error": "ContactNotFound", "message": str}),
        ("get-contact", {}, {"error": "ValidationFailed", "message": str}),
    ):
        report.expect(f"{binary} invoked", stack.invoke(binary, {"tenant_id": tenant, "input": payload}), expected)
    for binary in INPUTS:
        report.expect(f"{binary} invoked", stack.invoke(binary, events.envelope(binary, phone)), {"id": ID, "phone": phone, ...: 0})
        report.expect(f"{binary} changed", events.contact(phone), {**INPUTS[binary][1], ...: 0})
        report.expect(f"{binary} of an unknown tenant", stack.invoke(binary, events.unknown(binary, "")), {"error": "UnknownTenant", "message": str})
        report.expect(f"{binary} without an envelope", stack.invoke(binary, {}), {"error": "UnknownEvent", "message": str})
    # A contact that a message creates: its items are written in one transaction.
    fresh = f"+27829{next(events.numbers):06}"
    report.expect("record-message of a new contact", stack.invoke("record-message", events.envelope("record-message", fresh)),
        {"phone": fresh, "total_messages": 1, ...: 0})


def queues(events):
    """Good and bad messages of each queue in one batch: the good are applied once, the bad end as dead letters."""
    sent = []
    for name, resource in events.stack.of_type("AWS::Lambda::EventSourceMapping").items():
        mapping = events.stack.emulator.client("lambda").get_event_source_mapping(UUID=events.stack.resources[name])
        if ":sqs:" not in mapping["EventSourceArn"]:
            continue
        binary = binary_of(events.stack, mapping["FunctionArn"])
        url = events.url(mapping["EventSourceArn"])
        attributes = events.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        dead = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]
        # A minute on AWS, so that ten receives take ten minutes.
        events.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
        phone, bad = events.new_contact("vip"), f"bad-{uuid.uuid4()}"
        good = json.dumps(events.envelope(binary, phone))
        bodies = [good, bad, good, json.dumps(events.unknown(binary, bad))]
        answer = events.sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
        )
        events.report.expect(f"{len(bodies)} messages for {binary}", len(answer["Successful"]), len(bodies))
        sent.append((binary, phone, dead, bad))
    events.report.expect("queues that are read", sorted(binary for binary, *_ in sent), sorted(INPUTS))
    for binary, phone, dead, bad in sent:
        events.changed("queue", binary, phone)
        events.dead_letter(f"a bad message of {binary}", dead, bad)
        if binary == "record-message":
            events.report.expect("a message is counted once", events.contact(phone), {"total_messages": 1, ...: 0})
            events.dead_letter("a message of an unknown tenant", dead, f'"note": "{bad}"')


def bus(events):
    """Events on the bus reach their function; those that fail for good end as dead letters."""
    name = events.stack.outputs["Bus"]
    phones = {binary: events.new_contact("vip") for binary in INPUTS}
    note = f"nobody-{uuid.uuid4()}"
    entries = [(binary, events.envelope(binary, phone)) for binary, phone in phones.items()]
    entries += [(binary, events.unknown(binary, f"{note}-{binary}")) for binary in INPUTS]
    entries.append(("unknown-function", {"note": note}))
    answer = events.events.put_events(Entries=[
        {"Source": "deploy-test", "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": name}
        for kind, detail in entries
    ])
    events.report.expect("events on the bus", answer["FailedEntryCount"], 0)
    for binary, phone in phones.items():
        events.changed("bus", binary, phone)
    for binary, target in on_failure(events.stack).items():
        events.dead_letter(f"an event that {binary} fails", target, f"{note}-{binary}")


def asynchronous(events):
    """Asynchronous invocations that fail are retried and end as dead letters."""
    for binary, target in on_failure(events.stack).items():
        note = f"async-{uuid.uuid4()}"
        events.stack.invoke(binary, events.unknown(binary, note), "Event")
        events.dead_letter(f"a failed invocation of {binary}", target, note)


def stream(events):
    """Changes of a contact are published; a change that cannot be is reported as a dead letter."""
    stack, report = events.stack, events.report
    phone = events.new_contact()
    contact_id = events.contact(phone)["id"]
    by_id = {"contact_id": contact_id}
    for binary, change in (
        ("update-contact", {"name": "Zoé"}), ("add-tag", {"tag": "vip"}), ("remove-tag", {"tag": "vip"}),
    ):
        report.expect(f"{binary} invoked", stack.invoke(binary, {"tenant_id": events.who.tenant, "input": by_id | change}), {"id": contact_id, ...: 0})
    for consent in ("opt_in", "opt_out"):
        event = events.envelope("record-consent", phone, consent=consent)
        report.expect(f"{consent} invoked", stack.invoke("record-consent", event), {"id": contact_id, ...: 0})
        time.sleep(1.1)  # consents of one second are ordered by their status
    report.expect("delete-contact invoked", stack.invoke("delete-contact", {"tenant_id": events.who.tenant, "input": by_id}),
        {"id": contact_id, "deleted": True})
    published = {"created", "updated", "tagged", "untagged", "opted_in", "opted_out", "deleted"}
    kinds = {f"contact.{kind}" for kind in published}
    report.eventually("change events", SECONDS, lambda: events.kinds(contact_id), kinds)
    # An item that no function would write.
    broken = f"contact#{uuid.uuid4()}"
    access.put(stack.emulator, events.table, {"tenant_id": events.who.tenant, "item": broken, "name": "private"})
    for target in unpublished(stack):
        events.dead_letter("a change that cannot be published", target, broken)
        letters = [body for body in events.dead[target] if broken in body]
        report.expect("without personal data", [body for body in letters if "private" in body], [])
    after = events.new_contact()
    report.eventually("a later change", SECONDS, lambda: events.kinds(events.contact(after)["id"]), {"contact.created"})


def on_failure(stack):
    """For each function with a destination for failed invocations: its queue's ARN."""
    client, found = stack.emulator.client("lambda"), {}
    for binary in INPUTS:
        config = client.get_function_event_invoke_config(FunctionName=stack.function(binary), **qualifier(stack, binary))
        found[binary] = config["DestinationConfig"]["OnFailure"]["Destination"]
    return found


def qualifier(stack, binary):
    """The version or alias that the function's configuration of asynchronous invocations is for."""
    for resource in stack.of_type("AWS::Lambda::EventInvokeConfig").values():
        function, of = resource["Properties"]["FunctionName"], resource["Properties"].get("Qualifier")
        if of and stack.resolver.value(function).endswith(stack.function(binary)):
            return {"Qualifier": stack.resolver.value(of)}
    return {}


def unpublished(stack):
    """The queues to which the rule of unpublished changes sends."""
    rules = stack.of_type("AWS::Events::Rule").values()
    patterns = [(rule, json.dumps(rule["Properties"].get("EventPattern"))) for rule in rules]
    targets = [rule["Properties"]["Targets"] for rule, pattern in patterns if "unpublished" in pattern]
    return [stack.resolver.value(target["Arn"]) for each in targets for target in each]


def binary_of(stack, arn):
    return re.search(rf":function:{re.escape(stack.name)}-([a-z-]+)", arn)[1]
