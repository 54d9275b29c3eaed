"""What operators set and read: parameters, conditions, outputs."""

from .resources import arn, ref, sub

# For each parameter that can add a fixed cost: the default that does not.
FREE = {
    "PollQueues": "false",
    "AccessLogs": "false",
    "Tracing": "Disabled",
    "Alarms": "false",
    "AlarmTopic": "",
    "Dashboard": "false",
}
# Other defaults on which documents and clients rely.
DEFAULTS = {
    "Architecture": "arm64",
    "RateLimit": 120,
    "AllowedOrigins": "*",
    "EventDetail": "names",
    "LogLevel": "INFO",
    "SystemLogLevel": "WARN",
    "LogRetentionDays": 30,
    "ApiRequestsPerSecond": 1000,
    "ApiBurst": 2000,
    "MaxReadUnitsPerSecond": 12000,
    "MaxWriteUnitsPerSecond": 4000,
    "ExistingContactsTable": "",
    "ExistingContactsTableStream": "",
    "ExistingAccessTable": "",
}


def equals(parameter, value):
    return {"Fn::Equals": [ref(parameter), value]}


CONDITIONS = {
    "QueuesArePolled": equals("PollQueues", "true"),
    "OwnsContactsTable": equals("ExistingContactsTable", ""),
    "OwnsAccessTable": equals("ExistingAccessTable", ""),
    "AccessLogsOn": equals("AccessLogs", "true"),
    "AlarmsOn": equals("Alarms", "true"),
    "HasAlarmTopic": {"Fn::Not": [equals("AlarmTopic", "")]},
    "DashboardOn": equals("Dashboard", "true"),
}
OUTPUTS = {
    "ApiUrl": {"Fn::GetAtt": ["Api", "ApiEndpoint"]},
    "FunctionPrefix": sub("${AWS::StackName}-"),
    "ContactsTable": ref("ContactsTable"),
    "AccessTable": ref("AccessTable"),
    "Bus": ref("Bus"),
    "BusArn": arn("Bus"),
    **{name: ref(name) for name in ("MessageQueue", "ConsentQueue", "StateQueue")},
    **{f"{name}Arn": arn(name) for name in ("MessageQueue", "ConsentQueue", "StateQueue")},
    **{f"{name}DeadLetters": ref(f"{name}DeadLetters") for name in ("Message", "Consent", "State", "Bus")},
    **{f"{name}DeadLetters": ref(f"{name}DeadLetters") for name in ("Invocation", "Stream")},
}


def interface_problems(template):
    """Parameters have defaults that cost nothing and descriptions; conditions and outputs are as documented."""
    parameters = template["Parameters"]
    defaults = {name: parameter.get("Default") for name, parameter in parameters.items()}
    for name in sorted(defaults.keys() | FREE.keys() | DEFAULTS.keys()):
        expected = (FREE | DEFAULTS).get(name, "in .ci/template_rules/interface.py")
        if defaults.get(name) != expected:
            yield f"Parameters: the default of {name} has to be {expected!r}, not {defaults.get(name)!r}"
    for name, parameter in parameters.items():
        if not parameter.get("Description"):
            yield f"Parameters: {name} has no Description"
        limits = {"AllowedValues", "AllowedPattern", "MinValue"} & parameter.keys()
        if not limits and parameter["Type"] != "CommaDelimitedList":
            yield f"Parameters: {name} accepts every value"
        if parameter["Type"] == "Number" and not {"MaxValue", "AllowedValues"} & parameter.keys():
            yield f"Parameters: {name} has no MaxValue"
    groups = template.get("Metadata", {}).get("AWS::CloudFormation::Interface", {}).get("ParameterGroups", [])
    grouped = [name for group in groups for name in group["Parameters"]]
    if sorted(grouped) != sorted(parameters):
        yield "Metadata: ParameterGroups have to contain each parameter once"
    conditions = template["Conditions"]
    for name in sorted(conditions.keys() | CONDITIONS.keys()):
        if conditions.get(name) != CONDITIONS.get(name):
            yield f"Conditions: {name} has to be {CONDITIONS.get(name)}, not {conditions.get(name)}"


def output_problems(template):
    """The outputs name what the stack really uses."""
    outputs = template["Outputs"]
    for name in sorted(outputs.keys() | OUTPUTS.keys()):
        value = outputs.get(name, {}).get("Value")
        if value != OUTPUTS.get(name):
            yield f"Outputs: {name} has to be {OUTPUTS.get(name)}, not {value}"
