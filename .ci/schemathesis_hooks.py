"""Rules of the API that an OpenAPI document cannot express."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Adds a phone number to a `GET /contact` that is generated as valid but has none.

    The endpoint requires one of two parameters, which the document can only describe as optional.
    """
    operation = case.operation.definition.raw.get("operationId")
    if operation != "flowiq-get-contact" or not case.meta or not case.meta.generation.mode.is_positive:
        return
    numbers = (case.query.get(name) for name in ("phone_number", "whatsapp_id"))
    if not any(isinstance(number, str) and number.strip() for number in numbers):
        case.query["phone_number"] = "27123456789"
