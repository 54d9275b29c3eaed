"""What an OpenAPI document cannot express, or what generators of clients cannot read."""

import functools
import json
import re
import tomllib
import uuid
from pathlib import Path

import requests
import schemathesis
import yaml
from jsonschema import Draft202012Validator
from schemathesis.generation.meta import TestPhase

CONFIGURATION = tomllib.loads(Path(__file__).with_name("schemathesis.toml").read_text())
TOKEN = CONFIGURATION["auth"]["openapi"]["qyvo"]["bearer"]
PHONES = CONFIGURATION["dictionaries"]["phones"]["values"]
NUMBERS = set(CONFIGURATION["dictionaries"]["numbers"]["values"])

# Patterns of the document by field, compiled when it is loaded.
PATTERNS = {}
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
    """Adds the links, and shortens what takes long to generate."""
    created = raw_schema["paths"]["/api/v1/actions/create-contact"]["post"]["responses"]["201"]
    created["links"] = {name: {"operationId": name, "requestBody": body} for name, body in LINKS.items()}
    # Hypothesis goes through a range character by character, again and again. 512 of the letters that an address can have
    # stand for all 32,000.
    address = raw_schema["components"]["schemas"]["EmailInput"]
    address["pattern"] = address["pattern"].replace(r"\u4E00-\u9FFF\uAC00-\uD7A3", r"\u4E00-\u4EFF\uAC00-\uACFF")
    PATTERNS["email"] = re.compile(address["pattern"])


@functools.lru_cache(maxsize=1)
def parsed(content):
    return yaml.safe_load(content)


# By default, schemathesis takes a third of a second to parse the document, for each answer. It finds the deserializer for
# a kind of YAML by the first name of YAML.
@schemathesis.deserializer("text/yaml", "application/yaml")
def deserialize_yaml(context, response):
    return parsed(response.content)


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
    url = case.operation.schema.get_base_url()
    is_linked = case.meta.phase.name == TestPhase.STATEFUL
    if operation in FINDS and not is_linked and isinstance(case.body, dict) and case.body.get("phone") in PHONES:
        # An id would take precedence, and no contact has a generated one.
        case.body.pop("contact_id", None)
        create(url, case.body["phone"])
    if operation == "flowiq-get-contact":
        # It requires one of two parameters, which the document can only describe as optional.
        if not any(is_given(case.query.get(name)) for name in ("phone_number", "whatsapp_id")):
            case.query["phone_number"] = "27123456789"
        for number in {case.query.get("phone_number"), case.query.get("whatsapp_id")} & NUMBERS:
            create(url, "+" + re.sub(r"\D", "", number))
    elif operation in ("search-contacts", "list-tags"):
        # A cursor is valid only if an answer has returned it.
        for place in (case.query, case.body):
            if isinstance(place, dict):
                place.pop("cursor", None)
    elif operation == "get-contact" and isinstance(case.body, dict):
        # Its fields have to be one contact's, so only the first that is given stays.
        given = [name for name in ("contact_id", "phone", "email") if is_given(case.body.get(name))]
        case.body = {name: value for name, value in case.body.items() if name not in given[1:]}


@schemathesis.check
def repetition_is_answered_alike(context, response, case):
    """A request with an `Idempotency-Key` that succeeded is answered in the same way again, and with another body refused."""
    sent, parameters = response.request, case.operation.definition.raw.get("parameters", [])
    writes = any(parameter.get("$ref", "").endswith("/IdempotencyKey") for parameter in parameters)
    if not writes or "Idempotency-Key" not in sent.headers or response.status_code >= 300:
        return
    headers = {name: value for name, value in sent.headers.items() if name != "Content-Length"}
    again = requests.request(sent.method, sent.url, data=sent.body, headers=headers, timeout=30)
    assert (again.status_code, again.content) == (response.status_code, response.content), again.text
    assert again.headers.get("Idempotency-Replayed") == "true", "Idempotency-Replayed is missing"
    other = requests.request(sent.method, sent.url, data=(sent.body or b"") + b" ", headers=headers, timeout=30)
    assert other.status_code == 422 and "another body" in other.text, other.text


@schemathesis.check
def each_contact_of_a_batch_has_its_result(context, response, case):
    """Valid contacts of a batch succeed, and each of the others has errors of its own fields."""
    if case.operation.definition.raw.get("operationId") != "batch-upsert-contacts" or response.status_code != 200:
        return
    document = case.operation.schema.raw_schema
    is_strict = "preference-applied" in response.headers
    contacts = json.loads(response.request.body)["contacts"]
    for n, (contact, result) in enumerate(zip(contacts, response.json()["results"], strict=True)):
        expected = 201 if is_contact(contact, document, is_strict) else 422
        assert result["status"] == expected, f"contacts.{n} is answered with {result} instead of {expected}"
        assert all(re.match(rf"contacts\.{n}(\.|$)", place) for place in result.get("errors", ())), result


def is_contact(value, document, is_strict):
    """Whether a value is valid as a contact of a batch."""
    if isinstance(value, dict):
        if is_strict and not value.keys() <= document["components"]["schemas"]["CreateContactRequest"]["properties"].keys():
            return False
        # What the document says in words only.
        if "metadata" in value and EMPTY["metadata"](value["metadata"]):
            value = {**value, "metadata": {}}
        if is_unlisted_address(value.get("email")):
            value = {**value, "email": None}
    schema = {"$ref": "#/components/schemas/CreateContactRequest", "components": document["components"]}
    return Draft202012Validator(schema).is_valid(value)


# What succeeds only if there is the contact.
FINDS = ("get-contact", "update-contact", "add-tag", "remove-tag", "delete-contact")


def create(url, phone):
    """Creates the contact that a request is about to find. It has one tag, so that it never has as many as it can."""
    created = requests.post(
        f"{url}/api/v1/actions/create-contact",
        json={"phone": phone, "tags": "vip"},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=30,
    )
    created.raise_for_status()


def spoil(case):
    """Replaces values that the document does not list, so that clients have simple types, and that are accepted."""
    if case.body == []:
        case.body = [1]
    if isinstance(case.body, dict):
        # The cursor of the query takes the place of the one in the body, which is not looked at.
        if "cursor" in case.body:
            (case.query or {}).pop("cursor", None)
        if is_unlisted_address(case.body.get("email")):
            case.body = {**case.body, "email": True}
        for field, empty in EMPTY.items():
            if field in case.body and empty(case.body[field]):
                case.body = {**case.body, field: True}


def is_given(value):
    """Whether a value is a text with a letter or digit, as numbers, ids and addresses have."""
    return isinstance(value, str) and any(character.isalnum() for character in value)


def is_unlisted_address(value):
    """Whether a value is an email address that the pattern does not list: letters of all scripts are valid in it."""
    pattern = PATTERNS["email"]
    return isinstance(value, str) and not pattern.search(value) and pattern.search(re.sub(r"[^\W\d_]", "a", value))


def is_blank(value):
    """Whether a value is a text that is trimmed to nothing."""
    return isinstance(value, str) and not any(character.isprintable() and character != " " for character in value)


# What counts as left out, or as `{}`, in fields whose documented type is another one.
EMPTY = {"metadata": lambda value: value in (None, []) or is_blank(value), "limit": is_blank}
