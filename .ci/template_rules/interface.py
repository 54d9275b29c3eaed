"""What operators set and read: parameters, conditions, outputs."""

from .resources import arn, only, ref, sub

def switch(default, other):
    """A parameter with two values."""
    return {"Type": "String", "Default": default, "AllowedValues": [default, other]}


def choice(default, values, kind="String"):
    return {"Type": kind, "Default": default, "AllowedValues": values}


def number(default, least, most):
    return {"Type": "Number", "Default": default, "MinValue": least, "MaxValue": most}


def optional(pattern):
    """A text of this pattern, or none."""
    return {"Type": "String", "Default": "", "AllowedPattern": f"^({pattern})?$"}


NAME = "[a-zA-Z0-9_.-]{3,255}"
STREAM = f"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{{12}}:table/{NAME}/stream/[0-9T:.-]+"
TOPIC = "arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,256}"
# What CloudWatch Logs accepts.
DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
# Each parameter, all but its description.
PARAMETERS = {
    # The defaults of those that can add a fixed cost do not.
    "PollQueues": switch("false", "true"),
    "AccessLogs": switch("false", "true"),
    "Tracing": switch("Disabled", "Active"),
    "Alarms": switch("false", "true"),
    "AlarmTopic": optional(TOPIC),
    "Dashboard": switch("false", "true"),
    # Documents and clients rely on the defaults of the others.
    "Architecture": switch("arm64", "x86_64"),
    "RateLimit": number(120, 0, 1000),
    "McpRateLimit": number(300, 0, 1000),
    # The pattern has to match each origin of the list.
    "AllowedOrigins": {
        "Type": "CommaDelimitedList", "Default": "*", "AllowedPattern": r"^(\*|https?://[^/,*\s]+)$",
    },
    "EventDetail": switch("names", "contact"),
    "LogLevel": choice("INFO", ["DEBUG", "INFO", "WARN", "ERROR"]),
    "SystemLogLevel": choice("WARN", ["DEBUG", "INFO", "WARN"]),
    "LogRetentionDays": choice(30, DAYS, "Number"),
    # The most are the default quotas of an account, and of a table.
    "ApiRequestsPerSecond": number(1000, 1, 10_000),
    "ApiBurst": number(2000, 1, 5000),
    "MaxReadUnitsPerSecond": number(12_000, 100, 40_000),
    "MaxWriteUnitsPerSecond": number(4000, 100, 40_000),
    "ImportFileDays": number(7, 1, 365),
    "ExistingContactsTable": optional(NAME),
    "ExistingContactsTableStream": optional(STREAM),
    "ExistingAccessTable": optional(NAME),
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
    **{f"{name}DeadLetters": ref(f"{name}DeadLetters") for name in ("Invocation", "Stream", "Import")},
    "ImportBucket": ref("ImportBucket"),
    "ImportStateMachine": arn("ImportStateMachine"),
}


def interface_problems(template):
    """Parameters, conditions and outputs are as documented; the parameters have descriptions and are shown in groups."""
    parameters = template["Parameters"]
    for name in sorted(parameters.keys() ^ PARAMETERS.keys()):
        state = "is not in .ci/template_rules/interface.py" if name in parameters else "is missing"
        yield f"Parameters: {name} {state}"
    for name in parameters.keys() & PARAMETERS.keys():
        described = {"Description": parameters[name].get("Description") or "what it does"}
        yield from only(f"Parameters: {name}", parameters[name], {**PARAMETERS[name], **described})
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
