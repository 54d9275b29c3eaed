"""A stack on MiniStack, and what AWS would make of its template where MiniStack does less."""

import http.client
import json
import time
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from emulator import ACCOUNT, REGION
from intrinsics import Resolver

SECONDS_TO_DEPLOY = 60
BUCKET = "expanded-templates"


class Stack:
    """A stack that has been deployed. `template` is the expanded template."""

    def __init__(self, emulator, name):
        self.emulator, self.name = emulator, name
        cloudformation = emulator.client("cloudformation")
        (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
        template = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
        self.template = template if isinstance(template, dict) else json.loads(template)
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        self.resources = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
        self.resolver = Resolver(self.template, name, parameters, self.resources)
        self.problems = []
        for api, resource in self.of_type("AWS::ApiGatewayV2::Api").items():
            self.import_body(self.resources[api], resource["Properties"].get("Body", {}))
        self.remove_refused_targets()
        self.address = urlsplit(emulator.url)
        self.connection = None

    def of_type(self, kind):
        """The resources of a type that the stack has created, by logical id."""
        resources = self.template["Resources"].items()
        return {name: each for name, each in resources if each["Type"] == kind and name in self.resources}

    def import_body(self, api, body):
        """Creates the routes of an OpenAPI document, which MiniStack does not read, and its CORS settings.

        API Gateway answers 500 on a route whose function does not permit it to be invoked. MiniStack would invoke it
        all the same, so such a route is not created.
        """
        gateway = self.emulator.client("apigatewayv2")
        for path, methods in body.get("paths", {}).items():
            for method, operation in methods.items():
                integration = operation.get("x-amazon-apigateway-integration")
                if integration is None:
                    continue
                any_method = method == "x-amazon-apigateway-any-method"
                key = "$default" if path == "$default" else f"{'ANY' if any_method else method.upper()} {path}"
                try:
                    uri = self.resolver.value(integration["uri"])
                except KeyError as missing:
                    self.problems.append(f"{key}: its integration refers to {missing}")
                    continue
                function = uri.split("/functions/")[-1].removesuffix("/invocations")
                source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/" + key.replace(" ", "")
                if not self.permits(function, "apigateway.amazonaws.com", source):
                    self.problems.append(f"{key}: {function} does not permit API Gateway to invoke it")
                    continue
                created = gateway.create_integration(
                    ApiId=api,
                    IntegrationType=integration["type"].upper(),
                    IntegrationUri=uri,
                    IntegrationMethod=integration["httpMethod"],
                    PayloadFormatVersion=integration["payloadFormatVersion"],
                )
                gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{created['IntegrationId']}")
        if cors := self.resolver.value(body.get("x-amazon-apigateway-cors", {})):
            settings = {name[0].upper() + name[1:]: each for name, each in cors.items()}
            if isinstance(settings.get("AllowOrigins"), str):
                settings["AllowOrigins"] = settings["AllowOrigins"].split(",")
            gateway.update_api(ApiId=api, CorsConfiguration=settings)

    def remove_refused_targets(self):
        """Removes targets of rules whose function does not permit the rule to invoke it, as EventBridge would fail."""
        events = self.emulator.client("events")
        for name, rule in self.of_type("AWS::Events::Rule").items():
            physical = self.resources[name]
            bus, _, rule_name = physical.rpartition("|")
            options = {"EventBusName": bus} if bus else {}
            source = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/" + (f"{bus}/" if bus else "") + rule_name
            for target in events.list_targets_by_rule(Rule=rule_name, **options)["Targets"]:
                if ":lambda:" in target["Arn"] and not self.permits(target["Arn"], "events.amazonaws.com", source):
                    self.problems.append(f"{name}: {target['Arn']} does not permit the rule to invoke it")
                    events.remove_targets(Rule=rule_name, Ids=[target["Id"]], **options)

    def permits(self, function, service, source):
        """Whether a function's permissions let a service invoke it for this source."""
        options = {"FunctionName": function}
        if function.count(":") == 7:
            options = dict(zip(("FunctionName", "Qualifier"), function.rsplit(":", 1), strict=True))
        try:
            policy = json.loads(self.emulator.client("lambda").get_policy(**options)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return False
            raise
        for statement in policy["Statement"]:
            condition = statement.get("Condition", {})
            allowed = condition.get("ArnLike", condition.get("ArnEquals", {})).get("AWS:SourceArn", "*")
            if (
                statement["Effect"] == "Allow"
                and statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
                and statement["Principal"].get("Service") == service
                and fnmatchcase(source, allowed.replace("[", "[[]"))
            ):
                return True
        return False

    def function(self, binary):
        return f"{self.name}-{binary}"

    def request(self, method, path, body=None, headers=()):
        """Sends a request to the HTTP API: its status, its headers in lower case, and its body, parsed if it is JSON.

        The path is sent as it is given, however odd.
        """
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
            try:
                self.connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
                self.connection.putheader("Host", urlsplit(self.outputs["ApiUrl"]).netloc)
                for name, value in {"Content-Length": str(len(data or b"")), **dict(headers)}.items():
                    self.connection.putheader(name, value)
                self.connection.endheaders(data)
                response = self.connection.getresponse()
                content = response.read().decode()
                break
            except (http.client.HTTPException, OSError):
                self.connection = None
                if attempt == 2:
                    raise
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = content
        return response.status, {name.lower(): value for name, value in response.getheaders()}, parsed

    def invoke(self, binary, payload, kind="RequestResponse"):
        """Invokes a function: its answer, or `{"error": type}` if it failed. Asynchronous ones return None."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        answer = self.emulator.client("lambda").invoke(
            FunctionName=self.function(binary), InvocationType=kind, Payload=data
        )
        content = answer["Payload"].read()
        if kind == "Event":
            return None
        body = json.loads(content)
        return {"error": body.get("errorType"), "message": body.get("errorMessage")} if "FunctionError" in answer else body


def deploy(emulator, name, template, parameters):
    """Deploys an expanded template. Raises ValueError with the first reason if that fails."""
    s3, cloudformation = emulator.client("s3"), emulator.client("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    # By URL, because it is larger than the 51,200 bytes that a request can have.
    s3.put_object(Bucket=BUCKET, Key=f"{name}.json", Body=json.dumps(template).encode())
    try:
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{emulator.url}/{BUCKET}/{name}.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
    except ClientError as refusal:
        raise ValueError(str(refusal)[:300]) from refusal
    status = wait(cloudformation, name)
    if status != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [each.get("ResourceStatusReason", "") for each in events if "FAILED" in each["ResourceStatus"]]
        raise ValueError(f"{status}: {reasons[-1] if reasons else ''}"[:300])


def delete(emulator, name):
    """Deletes a stack and waits until it is gone, or no longer changes. Returns its last status."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    return wait(cloudformation, name)


def wait(cloudformation, name):
    end = time.monotonic() + SECONDS_TO_DEPLOY
    while time.monotonic() < end:
        try:
            status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            if "does not exist" in str(error):
                return "DELETE_COMPLETE"
            raise
        if not status.endswith("IN_PROGRESS"):
            return status
        time.sleep(0.05)
    raise ValueError(f"{name} is still {status} after {SECONDS_TO_DEPLOY} s")
