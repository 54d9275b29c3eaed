"""What an OpenAPI document cannot express, or what generators of clients cannot read."""

import uuid

import schemathesis
from schemathesis.generation.meta import TestPhase

# What schemathesis can do with the contact that create-contact answers with. They are not in the document, because
# openapi-generator refuses links that have a body.
ID = {"contact_id": "$response.body#/id"}
LINKS = {
    "get-contact": ID,
    "update-contact": ID,
    "add-tag": {**ID, "tag": "vip"},
    "remove-tag": {**ID, "tag": "vip"},
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Adds the links."""
    created = raw_schema["paths"]["/api/v1/actions/create-contact"]["post"]["responses"]["201"]
    created["links"] = {name: {"operationId": name, "requestBody": body} for name, body in LINKS.items()}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Changes what is generated as valid and is not, or as invalid and is accepted."""
    if not case.meta:
        return
    if case.meta.generation.mode.is_positive:
        complete(case)
    else:
        spoil(case)


def complete(case):
    """Changes requests that are generated as valid and break a rule between values."""
    # The schemas allow unknown fields, and strict handling does not. The document's examples have none.
    if case.meta.phase.name != TestPhase.EXAMPLES and case.headers:
        case.headers.pop("Prefer", None)
    # Whether a condition is met depends on the contact's version.
    for header in ("If-Match", "If-None-Match"):
        if case.headers:
            case.headers.pop(header, None)
    # A key belongs to one body.
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    operation = case.operation.definition.raw.get("operationId")
    if operation == "flowiq-get-contact":
        # It requires one of two parameters, which the document can only describe as optional.
        if not any(is_given(case.query.get(name)) for name in ("phone_number", "whatsapp_id")):
            case.query["phone_number"] = "27123456789"
    elif operation in ("search-contacts", "list-tags"):
        # A cursor is valid only if an answer has returned it.
        for place in (case.query, case.body):
            if isinstance(place, dict):
                place.pop("cursor", None)
    elif operation == "get-contact" and isinstance(case.body, dict):
        # Its fields have to be one contact's, so only the first that is given stays.
        given = [name for name in ("contact_id", "phone", "email") if is_given(case.body.get(name))]
        case.body = {name: value for name, value in case.body.items() if name not in given[1:]}


def spoil(case):
    """Replaces values that the document does not list, so that clients have simple types, and that are accepted."""
    if case.body == []:
        case.body = [1]
    if isinstance(case.body, dict):
        # Contacts that are invalid have results of their own.
        contacts = case.body.get("contacts")
        if isinstance(contacts, list) and 1 <= len(contacts) <= 100:
            case.body = {**case.body, "contacts": True}
        # The cursor of the query takes the place of the one in the body, which is not looked at.
        if "cursor" in case.body:
            (case.query or {}).pop("cursor", None)
        for field, empty in EMPTY.items():
            if field in case.body and empty(case.body[field]):
                case.body = {**case.body, field: True}


def is_given(value):
    """Whether a value is a text with a letter or digit, as numbers, ids and addresses have."""
    return isinstance(value, str) and any(character.isalnum() for character in value)


def is_blank(value):
    """Whether a value is a text that is trimmed to nothing."""
    return isinstance(value, str) and not any(character.isprintable() and character != " " for character in value)


# What counts as left out, or as `{}`, in fields whose documented type is another one.
EMPTY = {"metadata": lambda value: value in (None, []) or is_blank(value), "limit": is_blank}
