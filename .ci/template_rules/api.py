"""The HTTP API: its routes are those of the OpenAPI document, and API Gateway may invoke each route's function."""

from functools import cache

import yaml

from .resources import functions_by_binary, of_type, only, ref, sub

INTEGRATION = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${%s.Arn}/invocations"
CALLER = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}/"
# The value of the parameter AllowedOrigins in this check. SAM puts a parameter's value here, and not a reference to it.
ORIGINS = ["https://app.example.com", "https://www.example.com"]
# Answers requests that match no route, and serves the documents.
DEFAULT = "openapi"

# The headers that pages may send and read (CORS) are those of the OpenAPI document, which the tests hold against every
# answer, and these: the document states tokens and media types in other ways, MCP and tracing libraries send headers of
# their own, and conditional, repeated and paged requests have standard names.
ALSO_SENT = {
    *("authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id"),
    *("mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id", "traceparent", "tracestate"),
}
ALSO_ANSWERED = {"etag", "idempotency-replayed", "link", "www-authenticate", "x-next-cursor"}
# The variables of an access log line. Those that contain addresses, queries or headers are personal data.
LOGGED = [
    *("requestId", "requestTimeEpoch", "routeKey", "status", "error.responseType", "responseLatency"),
    *("integrationStatus", "integrationErrorMessage", "integrationLatency", "responseLength"),
]


@cache
def routes(root):
    """The method, path and binary of each route, from the OpenAPI document."""
    return tuple(documented_routes(root))


def documented_routes(root):
    document = yaml.safe_load((root / "functions/src/http/openapi.yaml").read_text())
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield method, path, operation["x-function"]


@cache
def documented_headers(root):
    """The headers of requests and those of answers in the OpenAPI document, in lower case."""
    document = yaml.safe_load((root / "functions/src/http/openapi.yaml").read_text())

    def resolve(node):
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = document["components"][kind][name]
        return node

    sent, answered = set(), set()
    for item in document["paths"].values():
        operations = [each for method, each in item.items() if method != "parameters"]
        for operation in operations:
            parameters = map(resolve, [*item.get("parameters", []), *operation.get("parameters", [])])
            sent |= {each["name"].lower() for each in parameters if each["in"] == "header"}
            for response in map(resolve, operation["responses"].values()):
                answered |= {name.lower() for name in response.get("headers", {})}
    return frozenset(sent), frozenset(answered)


def cors_problems(settings, root):
    """Pages of the allowed origins may send every header that the API reads, and read every one that it sends."""
    sent, answered = documented_headers(root)
    for name, headers in (("allowHeaders", sent | ALSO_SENT), ("exposeHeaders", answered | ALSO_ANSWERED)):
        found = settings.get(name, [])
        for header in sorted(headers ^ set(found)):
            yield f"Api: CORS: {name}: {header} is {'not needed' if header in found else 'missing'}"
        if sorted(set(found)) != sorted(found):
            yield f"Api: CORS: {name} names a header twice: {found}"
    rest = {"allowOrigins": ORIGINS, "allowMethods": ["GET", "POST"], "maxAge": 7200}
    lists = {name: settings.get(name) for name in ("allowHeaders", "exposeHeaders")}
    yield from only("Api: CORS", settings, {**rest, **lists})


def api_problems(template, root):
    """The API has exactly the documented routes, each with its function, and `$default`."""
    functions = functions_by_binary(template)
    apis = of_type(template, "AWS::ApiGatewayV2::Api")
    if list(apis) != ["Api"]:
        yield f"there has to be one HTTP API, Api, not {list(apis)}"
        return
    documented = {(method, path): binary for method, path, binary in routes(root)}
    documented["x-amazon-apigateway-any-method", "$default"] = DEFAULT
    paths = apis["Api"].get("Body", {}).get("paths", {})
    found = {(method, path): route for path, item in paths.items() for method, route in item.items()}
    for method, path in sorted(found.keys() ^ documented.keys()):
        state = "is not in the template" if (method, path) in documented else "is not documented"
        yield f"Api: the route {method} {path} {state}"
    for (method, path), route in found.items():
        function = functions.get(documented.get((method, path)))
        integration = {
            "type": "aws_proxy",
            "httpMethod": "POST",
            # lambda_http reads both versions, but only 2.0 is tested and documented.
            "payloadFormatVersion": "2.0",
            "uri": sub(INTEGRATION % function),
        }
        yield from only(f"Api: {method} {path}", route.get("x-amazon-apigateway-integration", {}), integration)
        # SAM writes it for API Gateway's import, which otherwise makes a route of that path.
        if (path == "$default") != (route.get("isDefaultRoute") is True):
            yield f"Api: isDefaultRoute of {method} {path} has to be {path == '$default'}"
        # An authorizer would answer with a body of its own.
        if "security" in route:
            yield f"Api: {method} {path} must not have an authorizer"
    yield from caller_problems(template, documented, functions)
    yield from stage_problems(template)
    yield from cors_problems(apis["Api"]["Body"].get("x-amazon-apigateway-cors", {}), root)


def caller_problems(template, documented, functions):
    """API Gateway may invoke the function of each route and no other one; besides it, only EventBridge rules may invoke functions."""
    found = {
        str(permission)
        for permission in of_type(template, "AWS::Lambda::Permission").values()
        if permission.get("Principal") != "events.amazonaws.com"
    }
    needed = {str(permission(functions.get(DEFAULT), "*"))}
    for (method, path), binary in documented.items():
        # What may serve every route needs no permission for each.
        if binary != DEFAULT:
            needed.add(str(permission(functions.get(binary), method.upper() + path)))
    for each in sorted(found ^ needed):
        yield f"Api: the permission {each} is {'not needed' if each in found else 'missing'}"


def permission(function, route):
    return {
        "Action": "lambda:InvokeFunction",
        "FunctionName": ref(function),
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": [CALLER + route, {"__ApiId__": ref("Api"), "__Stage__": "*"}]},
    }


def stage_problems(template):
    """The one stage is at the root, deploys changes at once, is throttled, and logs no personal data."""
    stages = of_type(template, "AWS::ApiGatewayV2::Stage")
    if len(stages) != 1:
        yield f"there has to be one stage, not {list(stages)}"
    for name, stage in stages.items():
        logs = stage.get("AccessLogSettings", {}).get("Fn::If", [None, {}, None])
        expected = {
            "ApiId": ref("Api"),
            "StageName": "$default",
            "AutoDeploy": True,
            "DefaultRouteSettings": {
                "ThrottlingRateLimit": ref("ApiRequestsPerSecond"),
                "ThrottlingBurstLimit": ref("ApiBurst"),
            },
            "AccessLogSettings": {"Fn::If": ["AccessLogsOn", logs[1], ref("AWS::NoValue")]},
            "Tags": {"httpapi:createdBy": "SAM"},
        }
        yield from only(name, stage, expected)
        if logs[1].get("DestinationArn") != {"Fn::GetAtt": ["ApiAccessLogs", "Arn"]}:
            yield f"{name}: the access log has to go to ApiAccessLogs"
        group = {
            "Type": "AWS::Logs::LogGroup",
            "Condition": "AccessLogsOn",
            # Groups with this prefix need no entry in the account's resource policy of CloudWatch Logs.
            "Properties": {
                "LogGroupName": sub("/aws/vendedlogs/apis/${AWS::StackName}"),
                "RetentionInDays": ref("LogRetentionDays"),
            },
        }
        yield from only("ApiAccessLogs", template["Resources"].get("ApiAccessLogs", {}), group)
        variables = yaml.safe_load(logs[1].get("Format") or "{}")
        if sorted(variables.values()) != sorted(f"$context.{name}" for name in LOGGED):
            yield f"{name}: an access log line has to contain {LOGGED}, not {variables}"
