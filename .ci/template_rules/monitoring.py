"""Alarms and the dashboard: they watch what exists, all of it, and cost nothing by default."""

import json
import re

from .events import DEAD_LETTERS, DEAD_LETTERS_OF_QUEUES
from .resources import arn, as_list, differences, functions_by_binary, of_type, only, ref, sub
from .tables import INDEXES

SUM = "SUM(FILL(METRICS(), 0))"
MOST_ALARMS = 10
# The most metrics that an alarm on an expression can have.
MOST_METRICS = 10


def metric(namespace, name, stat, period, **dimensions):
    """One metric of an alarm, in a form that can be compared."""
    return namespace, name, stat, period, tuple(sorted((key, str(value)) for key, value in dimensions.items()))


def watched(template):
    """For each alarm: its metrics, its periods and those of them that have to breach, and the threshold."""
    functions = functions_by_binary(template)
    rules = of_type(template, "AWS::Events::Rule")
    api = {"ApiId": ref("Api")}
    throttles = [
        metric("AWS/DynamoDB", f"{kind}ThrottleEvents", "Sum", 60, TableName=ref(table), **index)
        for kind in ("Read", "Write")
        # With the indexes: if one cannot keep up, the table is throttled.
        for table, index in (
            ("ContactsTable", {}),
            *(("ContactsTable", {"GlobalSecondaryIndexName": index}) for index in INDEXES["ContactsTable"]),
            ("AccessTable", {}),
        )
    ]
    letters = [
        metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 300, QueueName=attribute(queue, "QueueName"))
        for queue in DEAD_LETTERS
    ]
    failed = [
        metric("AWS/Events", "FailedInvocations", "Sum", 300, **rule_dimensions(name, rule))
        for name, rule in rules.items()
    ]
    imports = {"StateMachineArn": arn("ImportStateMachine")}
    publisher = {"FunctionName": ref(functions.get("publish-changes"))}
    return {
        "ApiErrorsAlarm": ([metric("AWS/ApiGateway", "5xx", "Sum", 300, **api)], (1, None), 5),
        "ApiLatencyAlarm": ([metric("AWS/ApiGateway", "Latency", "p99", 300, **api)], (3, None), 1000),
        # Without a dimension they are those of all functions of the account.
        "FunctionErrorsAlarm": ([metric("AWS/Lambda", "Errors", "Sum", 300)], (1, None), 20),
        "FunctionThrottlesAlarm": ([metric("AWS/Lambda", "Throttles", "Sum", 300)], (1, None), 1),
        "TableThrottlesAlarm": (throttles, (10, 5), 1),
        "StreamLagAlarm": ([metric("AWS/Lambda", "IteratorAge", "Maximum", 60, **publisher)], (10, 5), 300_000),
        "DeadLettersAlarm": (letters, (2, 1), 1),
        "FailedInvocationsAlarm": (failed, (2, 1), 1),
        "FailedImportsAlarm": (
            [metric("AWS/States", f"Executions{end}", "Sum", 300, **imports) for end in ("Failed", "TimedOut")],
            (1, None),
            1,
        ),
    }


def rule_dimensions(name, rule):
    """The dimensions of the metrics of a rule. Those of a rule on the default bus do not name the bus."""
    if "EventBusName" not in rule:
        return {"RuleName": ref(name)}
    # The Ref of a rule on a bus is the bus's name, a bar and the rule's name.
    return {"EventBusName": ref("Bus"), "RuleName": {"Fn::Select": [1, {"Fn::Split": ["|", ref(name)]}]}}


def attribute(name, of):
    return {"Fn::GetAtt": [name, of]}


def metrics_of(alarm):
    """The metrics of an alarm, and its expression if it has one."""
    if "Metrics" not in alarm:
        stat = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
        return [as_metric(alarm, stat, alarm.get("Period"))], SUM
    expressions = [each for each in alarm["Metrics"] if "Expression" in each]
    # Without ReturnData a metric is returned beside the expression, and an alarm can be about one only.
    stats = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each and each.get("ReturnData") is False]
    found = [as_metric(each["Metric"], each["Stat"], each["Period"]) for each in stats]
    returned = [each["Expression"] for each in expressions if each.get("ReturnData")]
    return found, returned[0] if len(returned) == len(expressions) == 1 else None


def as_metric(source, stat, period):
    dimensions = {each["Name"]: each["Value"] for each in source.get("Dimensions", [])}
    return metric(source.get("Namespace"), source.get("MetricName"), stat, period, **dimensions)


def alarm_problems(template):
    """The alarms watch everything that can fail, at most ten of them, and notify the topic."""
    expected = watched(template)
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    if len(alarms) > MOST_ALARMS:
        yield f"{len(alarms)} alarms, of which {MOST_ALARMS} are free"
    for name in sorted(alarms.keys() ^ expected.keys()):
        yield f"{name}: {'.ci/template_rules/monitoring.py does not know it' if name in alarms else 'is missing'}"
    notify = {"Fn::If": ["HasAlarmTopic", [ref("AlarmTopic")], ref("AWS::NoValue")]}
    for name in sorted(alarms.keys() & expected.keys()):
        alarm, (metrics, periods, threshold) = alarms[name], expected[name]
        if template["Resources"][name].get("Condition") != "AlarmsOn":
            yield f"{name}: its Condition has to be AlarmsOn, as alarms cost money"
        found, expression = metrics_of(alarm)
        if sorted(found, key=str) != sorted(metrics, key=str) or len(found) > MOST_METRICS:
            yield f"{name}: has to watch {metrics}, not {found}"
        if expression != SUM:
            yield f"{name}: has to be about {SUM}, not {expression}"
        evaluated, breaching = periods
        rest = {
            "EvaluationPeriods": evaluated,
            **({"DatapointsToAlarm": breaching} if breaching else {}),
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            # No data means no calls.
            "TreatMissingData": "notBreaching",
            "AlarmActions": notify,
            "OKActions": notify,
        }
        if "ExtendedStatistic" in alarm:
            # The p99 of a few calls is that of the slowest one, such as a cold start.
            rest["EvaluateLowSampleCountPercentile"] = "ignore"
        ids = [each.get("Id") for each in alarm.get("Metrics", [])]
        if None in ids or len(set(ids)) < len(ids):
            yield f"{name}: its metrics have to have different ids, not {ids}"
        about = {"AlarmDescription", "Metrics", "Namespace", "MetricName", "Dimensions", "Period"}
        about |= {"Statistic", "ExtendedStatistic"}
        yield from only(name, {key: value for key, value in alarm.items() if key not in about}, rest)


def dashboard_problems(template):
    """The dashboard is valid, shows all queues, and exists only when it is asked for."""
    dashboards = of_type(template, "AWS::CloudWatch::Dashboard")
    for name, dashboard in dashboards.items():
        if template["Resources"][name].get("Condition") != "DashboardOn":
            yield f"{name}: its Condition has to be DashboardOn, as dashboards cost money"
        yield from differences(name, dashboard, {"DashboardName": sub("${AWS::StackName}-${AWS::Region}")})
        text, names = as_list(dashboard.get("DashboardBody", {}).get("Fn::Sub", ["{}", {}]))
        if names != {"Contacts": ref("ContactsTable"), "Access": ref("AccessTable")}:
            yield f"{name}: it has to show the tables of the stack, not {names}"
        try:
            widgets = json.loads(text).get("widgets", [])
        except ValueError as error:
            yield f"{name}: DashboardBody is not JSON: {error}"
            continue
        shown = set(re.findall(r"\$\{(\w+)\.QueueName\}", text))
        if shown != {*DEAD_LETTERS_OF_QUEUES, *DEAD_LETTERS}:
            yield f"{name}: it has to show all queues, not only {sorted(shown)}"
        places = [(widget["x"], widget["y"]) for widget in widgets]
        if len(places) != 12 or len(set(places)) != len(places):
            yield f"{name}: its twelve widgets have to have different places, not {places}"
    if len(dashboards) != 1:
        yield f"there has to be one dashboard, not {list(dashboards)}"
