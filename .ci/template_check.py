"""Checks template.yaml further than `sam validate` does.

SAM's translator expands the template, so that roles and permissions become visible, and cfn-lint reads the
expansion. Then the rules of `template_rules` are applied, to a stack with tables of its own and to one with existing
tables. They find mistakes that deploy without an error and would only show in production, such as a missing grant, a
table without retention, or a lost event. The same is done for the template with gradual deployments switched on.
"""

import json
import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

import boto3
from cfnlint.api import ManualArgs, lint
from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from template_rules.api import ORIGINS, api_problems
from template_rules.asyncapi import asyncapi_problems
from template_rules.events import event_problems
from template_rules.functions import binary_problems, function_problems
from template_rules.imports import import_problems
from template_rules.interface import interface_problems, output_problems
from template_rules.monitoring import alarm_problems, dashboard_problems
from template_rules.permissions import permission_problems
from template_rules.resources import of_type
from template_rules.shapes import rule_problems, shapes
from template_rules.tables import table_problems

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
GRADUAL = re.compile(r"^    # (?=(?:AutoPublish\w+|DeploymentPreference|  \w+):)", re.MULTILINE)


def expand(text, **parameters):
    """The template as CloudFormation gets it, with SAM's resources replaced by plain ones, from its text."""
    template = yaml_parse(text)
    template["Globals"]["Function"]["CodeUri"] = "s3://some-bucket/code.zip"
    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), boto_session=session).translate(template, {"AllowedOrigins": ORIGINS, **parameters})


def lint_problems(template):
    """What cfn-lint finds in an expanded template."""
    # The template silences one warning everywhere, because `sam validate` cannot silence it in one place.
    metadata = {name: value for name, value in template.get("Metadata", {}).items() if name != "cfn-lint"}
    for match in lint(json.dumps({**template, "Metadata": metadata}), config=ManualArgs(regions=[REGION])):
        # Its default is empty, and cfn-lint does not see that it is used only when it is not.
        if match.rule.id == "W1030" and "ExistingContactsTableStream" in match.message:
            continue
        # SAM has replaced the references to these parameters by their values.
        if match.rule.id == "W2001" and match.path[1] in ("AllowedOrigins", "Tracing"):
            continue
        yield f"{match.rule.id} {match.message[:160]} ({'/'.join(map(str, match.path or []))})"


def carnet_problems(template):
    """What Carnet's own rules find in an expanded template."""
    cargo = tomllib.loads((ROOT / "functions/Cargo.toml").read_text())
    binaries = [binary["name"] for binary in cargo["bin"]]
    reported = set()
    # Generators all the way down: a caller that only wants to know whether there is a problem stops at the first.
    for problem in chain(rule_problems(template), interface_problems(template)):
        reported.add(problem)
        yield problem
    for name, shape, shape_problems in shapes(template):
        for problem in chain(
            shape_problems,
            binary_problems(shape, binaries),
            function_problems(shape),
            permission_problems(shape),
            output_problems(shape),
            table_problems(shape),
            api_problems(shape, ROOT),
            event_problems(shape, ROOT),
            asyncapi_problems(shape, ROOT),
            import_problems(shape),
            alarm_problems(shape),
            dashboard_problems(shape),
        ):
            # What is wrong with the stack's own tables is not repeated for existing ones.
            if problem not in reported:
                reported.add(problem)
                yield f"{problem} ({name})" if name else problem


def gradual_problems(text):
    """What is wrong with the template after the lines for gradual deployments are uncommented."""
    text, lines = GRADUAL.subn("    ", text)
    if lines != 5:
        yield f"gradual deployments: {lines} lines can be switched on instead of 5"
        return
    template = expand(text)
    yield from (f"gradual deployments: {problem}" for problem in lint_problems(template))
    functions, aliases = (len(of_type(template, f"AWS::Lambda::{kind}")) for kind in ("Function", "Alias"))
    groups = len(of_type(template, "AWS::CodeDeploy::DeploymentGroup"))
    if not functions == aliases == groups:
        yield f"gradual deployments: {functions} functions, {aliases} aliases, {groups} deployment groups"


def tracing_problems(text):
    """With the parameter Tracing, each function is traced and may send its traces, and without it none is."""
    for mode, config in (("Active", {"Mode": {"Ref": "Tracing"}}), ("Disabled", None)):
        template = expand(text, Tracing=mode)
        for name, function in of_type(template, "AWS::Lambda::Function").items():
            role = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
            grants = sum("XRay" in str(policy) or "Xray" in str(policy) for policy in role["ManagedPolicyArns"])
            if function.get("TracingConfig") != config or grants != bool(config):
                yield f"{name}: with Tracing={mode}, TracingConfig is {function.get('TracingConfig')}, {grants} grants"


def main(path):
    text = path.read_text()
    try:
        template = expand(text)
        problems = [*lint_problems(template), *carnet_problems(template)]
        problems += [*tracing_problems(text), *gradual_problems(text)]
    except InvalidDocumentException as refusal:
        print(*(cause.message for cause in refusal.causes), sep="\n")
        return True
    for problem in problems:
        print(problem)
    functions = len(of_type(template, "AWS::Lambda::Function"))
    print(f"{path.name}: {functions} functions, {len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "template.yaml"))
