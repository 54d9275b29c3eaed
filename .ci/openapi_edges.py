"""Compares the schemas of the OpenAPI document with a running stack, with values at the limits of what is valid.

schemathesis generates few such values, because it does not know the limits inside a pattern. For each value here, the
document and the stack must agree whether it is valid, except for those that the stack accepts in place of an object and
the document mentions in words only, so that clients have simple types. The values of create-contact are sent in batches too.
"""

import itertools
import json
import random
import sys
import urllib.error
import urllib.request
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

UUID = "8C1D5F5E-3b0a-5c8e-9d5a-0a1b2c3d4e5f"
QYVO, FLOWIQ = "/api/v1/actions/", "/contact?tenantId=demo"
BATCH = QYVO + "batch-upsert-contacts"
PHONE = {"phone": "+14155550123"}
# What counts as left out, or as `{}`, in fields whose documented type is another one.
EMPTY_METADATA = [None, [], "", " "]
TOLERATED = {"metadata": EMPTY_METADATA, "limit": ["", " "]}

# Path, schema, field, the other fields of the body, values at the limits.
FIELDS = [
    (QYVO + "create-contact", "CreateContactRequest", "phone", {}, [
        "+14155550123", "0014155550123", "0-0 1/415.555 (0123)", "00+14155550123", "14155550123", "+0155550123", "++1",
        "+123456", "+1234567", "+123456789012345", "+1234567890123456", "+1" + " " * 243 + "4155550123",
        "+1" + " " * 244 + "4155550123", "+1415555o123", "+١٤١٥٥٥٥٠١٢٣", "",
    ]),
    (QYVO + "create-contact", "CreateContactRequest", "email", PHONE, [
        "a@b", "a.b+c@d.e", "a" * 64 + "@b", "a" * 65 + "@b", "a@" + "b" * 63, "a@" + "b" * 64,
        "é" * 21 + "@b", "é" * 33 + "@b",
        "a@" + ".".join(["b" * 62] * 4) + ".c", "a@" + ".".join(["b" * 62] * 4) + ".cc", "zoë@exämple.de", "a..b@c", ".a@c",
        "a.@c", "a@.c", "a@c.", "a@-c", "a@c-", "a@b_c", "a@b@c", "a b@c", '"a b"@c', '"a@b"@c', '"a\\"b"@c', '"a"b"@c',
        '"a <b"@c', '""@c', '"@c', "a@[1.2.3.4]", "a@[]", "a@[[]", "Jane <a@b>", "<a@b>", "@b", "a@", "a", "",
        "!#$%&'*+-/=?^_`{|}~@b", "(a)@b", "a,b@c", "a:b@c", "a\\b@c",
    ]),
    (QYVO + "create-contact", "CreateContactRequest", "name", PHONE, [
        "a", "é" * 255, "é" * 256, "😀" * 255, " " + "a" * 255 + "\n", "", "a\u2028b", "a\u0085b", "\ufeff",
    ]),
    (QYVO + "create-contact", "CreateContactRequest", "tags", PHONE, [
        "a, b", ",".join(map(str, range(45))), ",".join(map(str, range(46))), "é" * 100 + ", a", "a," + "é" * 101, "a,\nb",
        " , ,", "a\nb", "",
    ]),
    (QYVO + "create-contact", "CreateContactRequest", "metadata", PHONE, [{}, {"": None}, *EMPTY_METADATA, [1], "{}", True, 1]),
    (BATCH, "BatchUpsertContactsRequest", "contacts", {}, [
        [PHONE], [PHONE] * 100, [PHONE] * 101, [], [{}], [[]], [None], [1], ["+14155550123"], [PHONE, {}], [PHONE, []],
        [{**PHONE, "unknown": 1}], PHONE, {"0": PHONE}, None, True, 1, "", " ", "[]",
    ]),
    (QYVO + "get-contact", "GetContactRequest", "contact_id", {}, [
        UUID, UUID.lower(), UUID.replace("-", ""), "{" + UUID[:-2] + "}", "urn:uuid:" + UUID, UUID[:-1] + "g", "",
    ]),
    # remove-tag instead of add-tag, which rejects valid tags once a contact has 45.
    (QYVO + "remove-tag", "TagRequest", "tag", PHONE, ["a", "é" * 100, "é" * 101, "a,b", "", "a\tb", "\ufeff"]),
    (QYVO + "search-contacts", "SearchContactsRequest", "query", {}, ["a" * 300, "%_\\", "a\nb", ""]),
    (QYVO + "search-contacts", "SearchContactsRequest", "tag", {}, ["a" * 300, "a,b", "a\nb", ""]),
    (QYVO + "search-contacts", "SearchContactsRequest", "limit", {}, [1, 100, 7.0, 1e1, 0, 101, -1, 1.5, "50", "", None]),
    (QYVO + "list-tags", "ListTagsRequest", "limit", {}, [1, 1000, 0, 1001, "50", "", None]),
    (QYVO + "list-tags", "ListTagsRequest", "name", {}, ["a" * 300, "a,b", "a\nb", ""]),
    (FLOWIQ, "FlowiqCreateContactRequest", "phone_number", {}, [
        "27123456789", "+27 (12) 345-6789", "0027123456789", "271234567", "2712345678", "271234567890123",
        "2712345678901234", "0271234567", "++27123456789", "",
    ]),
]  # fmt: skip
# Values of other JSON types, and white space and similar characters, which are put around and into the values.
NOT_TEXT = [None, True, 1, 1.5, {}, {"a": 1}, [], ["a"]]
SPACES = "\t\n\v\f\r \x1c\x1f\x7f\x80\x85\x9f\xa0\xad\u1680\u180e\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\0"


def values(given):
    yield from given
    if all(isinstance(value, str) for value in given):
        yield from NOT_TEXT
        for space in SPACES:
            yield space
            for value in given[:3]:
                at = random.randrange(len(value))
                yield from (space + value, value + space, value[:at] + space + value[at:])


def post(url, body):
    token = "fiq_demo" if FLOWIQ in url else "demo-token"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Authorization": f"Bearer {token}"})
    return urllib.request.urlopen(request)


def accepted(url, body):
    """Whether the stack considers the body valid, with whatever result."""
    try:
        answer = json.load(post(url, body))
    except urllib.error.HTTPError as error:
        if error.code in (404, 409):
            return True
        if error.code in (400, 422):
            return False
        raise
    # Each contact of a batch has a result of its own.
    return all(result["status"] == 201 for result in answer["results"]) if url.endswith(BATCH) else True


def accepted_in_batches(url, bodies, field):
    """Whether the stack considers each contact of batches valid. A contact that is not has an error of this field only."""
    for start in range(0, len(bodies), 100):
        contacts = bodies[start : start + 100]
        results = json.load(post(url + BATCH, {"contacts": contacts}))["results"]
        for n, result in enumerate(results):
            if result["status"] != 201 and (result["status"], *result.get("errors", ())) != (422, f"contacts.{n}.{field}"):
                raise RuntimeError(f"contact {n} of a batch, with {contacts[n]!a:.120}: {result}")
        yield from (result["status"] == 201 for result in results)


def main(document, url):
    components = yaml.safe_load(Path(document).read_text())["components"]
    asked = disagreed = 0
    for path, schema, field, rest, given in FIELDS:
        validator = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components})
        tried = list(values(given))
        bodies = [{**rest, field: value} for value in tried]
        answers = [(schema, accepted(url + path, body)) for body in bodies]
        if schema == "CreateContactRequest":
            answers += [("BatchUpsertContactsRequest", taken) for taken in accepted_in_batches(url, bodies, field)]
        for value, body, (asked_of, taken) in zip(itertools.cycle(tried), itertools.cycle(bodies), answers):
            fits = validator.is_valid(body) or value in TOLERATED.get(field, [])
            asked += 1
            if fits != taken:
                disagreed += 1
                verdicts = "the document accepts it" if fits else "the document rejects it"
                verdicts += ", the stack accepts it" if taken else ", the stack rejects it"
                print(f"{asked_of}.{field}: {verdicts}: {value!a:.120}")
    # The contact has collected tags, up to the limit, which would make valid requests fail afterwards.
    accepted(f"{url}{QYVO}delete-contact", PHONE)
    print(f"{asked} values at the limits, {disagreed} disagreements")
    return bool(disagreed)


if __name__ == "__main__":
    random.seed(1)
    sys.exit(main(*sys.argv[1:]))
