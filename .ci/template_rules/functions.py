"""Functions: executables, names, environment, limits, logs."""

from collections import Counter

from .resources import binary_of, differences, of_type, ref, sub

# The environment variables of every function.
ENVIRONMENT = {
    "CONTACTS_TABLE": ref("ContactsTable"),
    "ACCESS_TABLE": ref("AccessTable"),
    "RATE_LIMIT": ref("RateLimit"),
}
# Those of single functions.
MORE_ENVIRONMENT = {
    "mcp": {"RATE_LIMIT": ref("McpRateLimit")},
    "publish-changes": {"EVENT_BUS": ref("Bus"), "EVENT_DETAIL": ref("EventDetail")},
}
# Megabytes and seconds; template.yaml has the reasons.
LIMITS = (256, 10)
LIMITS_OF = {
    "batch-upsert-contacts": (256, 29),
    "import-contacts": (256, 30),
    "mcp": (256, 29),
    "openapi": (128, 3),
    "publish-changes": (256, 60),
    "search-contacts": (256, 29),
}


def binary_problems(template, binaries):
    """Each binary belongs to exactly one function, and the function is named after it."""
    built = Counter()
    for name, properties in of_type(template, "AWS::Lambda::Function").items():
        binary = binary_of(template, name)
        built[binary] += 1
        if binary not in binaries:
            yield f"{name}: functions/Cargo.toml has no binary {binary!r}"
        if properties.get("FunctionName") != sub(f"${{AWS::StackName}}-{binary}"):
            yield f"{name}: FunctionName has to be the stack's name, a hyphen and {binary}"
    for binary in binaries:
        if built[binary] != 1:
            yield f"{binary}: {built[binary]} functions build this binary; exactly one has to"


def function_problems(template):
    """Each function knows its tables, has its limits, and logs to a group of its own that expires."""
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, properties in of_type(template, "AWS::Lambda::Function").items():
        binary = binary_of(template, name)
        memory, timeout = LIMITS_OF.get(binary, LIMITS)
        group = properties.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref")
        expected = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Architectures": [ref("Architecture")],
            "MemorySize": memory,
            "Timeout": timeout,
            "LoggingConfig": {
                "LogFormat": "JSON",
                "ApplicationLogLevel": ref("LogLevel"),
                "SystemLogLevel": ref("SystemLogLevel"),
                "LogGroup": ref(group),
            },
            "Environment": {"Variables": ENVIRONMENT | MORE_ENVIRONMENT.get(binary, {})},
        }
        # Concurrency that is reserved is taken from all other functions of the account.
        yield from differences(name, properties, expected, ["ReservedConcurrentExecutions", "VpcConfig", "Layers"])
        # The name that Lambda itself would choose. As function names are unique, no two functions share a group.
        named = sub("/aws/lambda/" + properties.get("FunctionName", {}).get("Fn::Sub", ""))
        if groups.get(group, {}).get("LogGroupName") != named:
            yield f"{name}: its log group has to be named {named}"
    for name, properties in groups.items():
        yield from differences(name, properties, {"RetentionInDays": ref("LogRetentionDays")})
