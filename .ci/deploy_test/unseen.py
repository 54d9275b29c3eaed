"""The mutations that no check on this machine can see, with the reason for each kind.

Each entry is a pattern for the whole path of the mutated value, its parts separated by `/`. It is only asked about what
Carnet's own rules accept: a value that is missing may be a problem where another value is none.
"""

import re

UNSEEN = {
    r"(Parameters|Resources|Outputs)/.*/Description|.*/AssertDescription|.*/Definition/Comment":
        "a text for people",
    r"Resources/\w+/Properties/AlarmDescription|Resources/\w+/Properties/Metrics/\d+/Label":
        "the text that an alarm shows to people",
    r"Resources/\w+/Properties/Metrics/\d+/Id":
        "the name of a metric within an alarm, whose expression is about all of them",
    r"Resources/\w+/Properties/Policies/\d+/PolicyName":
        "the name of a policy within a role",
    r"Resources/\w+/Properties/Targets/\d+/Id":
        "the name of a target within a rule",
    r"Resources/\w+/Properties/Tags(/.*)?":
        "a tag of SAM, which only says that SAM made the resource",
    r"Resources/\w+/Metadata(/BuildMethod|/SamResourceId)?|Resources/\w+EventInvokeConfig/Metadata/.*":
        "read by `sam build`, not by CloudFormation: the build of this test proves it",
    r"Resources/\w+/Properties/Code(/.*)?":
        "the place of the package, which `sam deploy` writes: the deployment of this test proves it",
    r"Resources/\w+/Properties/Body/paths/.*/responses":
        "the empty list of answers that SAM writes for each route, which API Gateway does not use",
    r"Resources/\w+/Properties/Body/(info|openapi|tags)(/.*)?":
        "the title and version of the API's document, which API Gateway only shows",
}
PATTERNS = [(re.compile(pattern), reason) for pattern, reason in UNSEEN.items()]


def reason(mutation):
    """Why nothing can see this mutation, or None."""
    path = "/".join(map(str, mutation.path))
    return next((reason for pattern, reason in PATTERNS if pattern.fullmatch(path)), None)
