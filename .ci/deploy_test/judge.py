"""Shows for each mutation of the expanded template that a check of `.ci/run` fails.

The checks are tried in the order of what they cost: Carnet's own rules (milliseconds), cfn-lint (seconds), and a
deployment, which is driven like the real one. A mutation that none of them sees is one that slipped through, unless
`unseen` says why nothing can see it without AWS.
"""

import copy
import multiprocessing
import zipfile
from collections import Counter
from io import BytesIO

import drive
import stack
import template_check
import unseen
from mutations import mutations
from report import Failed, Report


def rules(mutation):
    """The first problem that Carnet's own rules find, or None. A rule that cannot read the template fails the check."""
    try:
        return next(iter(template_check.carnet_problems(mutation.template)), None)
    except Exception as failure:
        return f"a rule fails: {failure!r}"


def linter(mutation):
    """The first problem that cfn-lint finds, or None."""
    try:
        return next(iter(template_check.lint_problems(mutation.template)), None)
    except Exception as failure:
        return f"cfn-lint fails: {failure!r}"


class Deployment:
    """Deploys mutated templates with the executables of the real deployment, and drives each until a call fails."""

    def __init__(self, emulator, template, bootstrap, parameters):
        """`bootstrap` gives the path of a function's executable by the function's logical id."""
        self.emulator, self.parameters, self.count = emulator, parameters, 0
        self.bucket = "mutated-functions"
        s3 = emulator.client("s3")
        s3.create_bucket(Bucket=self.bucket)
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::Lambda::Function":
                s3.put_object(Bucket=self.bucket, Key=name, Body=zipped(bootstrap(name)))

    def problem(self, template):
        """The first problem that a deployment of the template shows, or None."""
        self.count += 1
        name = f"mutated-{self.count}"
        template = copy.deepcopy(template)
        for id, resource in template["Resources"].items():
            if resource.get("Type") == "AWS::Lambda::Function" and "Properties" in resource:
                resource["Properties"]["Code"] = {"S3Bucket": self.bucket, "S3Key": id}
        report = Report(fail_fast=True)
        try:
            stack.deploy(self.emulator, name, template, self.parameters)
            deployed = stack.Stack(self.emulator, name)
            drive.drive(deployed, report, drive.tenant(deployed))
        except Failed as failure:
            return f"a call fails: {failure}"
        except Exception as failure:
            return f"the deployment fails: {failure!r}"[:300]
        finally:
            stack.delete(self.emulator, name)
        return None


def zipped(path):
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 1)
    return content.getvalue()


def judge(template, deployment):
    """Tries all mutations, prints which check sees how many and those that slip through: how many, and how many seen."""
    for check in (rules, linter):
        if problem := check(Unchanged(template)):
            raise SystemExit(f"the template itself does not pass: {problem}")
    everything = list(mutations(template))
    todo = [each for each in everything if not unseen.reason(each)]
    left_out = Counter(unseen.reason(each) for each in everything if unseen.reason(each))
    print(f"{len(everything)} mutations, of which nothing can see {len(everything) - len(todo)} without AWS:")
    for reason, count in left_out.items():
        print(f"  {count:4} {reason}")
    total = len(todo)
    with multiprocessing.Pool() as pool:
        for name, check in (("Carnet's rules", rules), ("cfn-lint", linter)):
            found = pool.map(check, todo, chunksize=4)
            print(f"{name}: {sum(map(bool, found))} of {len(todo)} seen", flush=True)
            todo = [each for each, problem in zip(todo, found, strict=True) if not problem]
    if todo and (problem := deployment.problem(template)):
        raise SystemExit(f"the deployment of the unchanged template does not pass: {problem}")
    slipped = []
    for each in todo:
        if problem := deployment.problem(each.template):
            print(f"  seen by a deployment: {each.name}: {problem}"[:240], flush=True)
        else:
            print(f"  NOT SEEN: {each.name}", flush=True)
            slipped.append(each)
    return total, total - len(slipped)


class Unchanged:
    """The template itself, in the place of a mutation."""

    def __init__(self, template):
        self.template = template
