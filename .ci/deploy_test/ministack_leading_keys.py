"""Starts MiniStack with one addition: the condition key `dynamodb:LeadingKeys`, which it does not know.

Without it, every grant of the template that is limited to keys would refuse. This program runs in the environment that
MiniStack is installed in.
"""

import json

from ministack.app import main
from ministack.core import iam_actions
from ministack.services import dynamodb

own_context = iam_actions.dynamodb_service_context


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


if __name__ == "__main__":
    iam_actions.dynamodb_service_context = with_leading_keys
    main()
