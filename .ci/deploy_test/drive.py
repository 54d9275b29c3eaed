"""The end-to-end core: every route, function, queue, event and dead letter of a deployed stack."""

import access
import event_calls
import http_calls
import import_calls


def drive(stack, report, who):
    """Calls everything that the stack offers, as the tenant `who`."""
    for problem in stack.problems:
        report.expect("deployment", problem, None)
    table = stack.outputs["AccessTable"]
    api = http_calls.Api(stack, report)
    events = event_calls.Events(stack, report, who)
    events.observe()
    http_calls.qyvo(api, who)
    http_calls.flowiq(api, who)
    http_calls.agents(api, who)
    http_calls.documents_and_paths(api, who)
    http_calls.authentication(api, who, table)
    http_calls.rate_limit(api, who, table)
    http_calls.cross_origin(api)
    event_calls.direct(events)
    event_calls.queues(events)
    event_calls.bus(events)
    event_calls.asynchronous(events)
    event_calls.stream(events)
    import_calls.imports(events)


def tenant(stack):
    return access.make(stack.emulator, stack.outputs["AccessTable"], "me")
