"""Shows for each mutation of the expanded template that a check of `.ci/run` fails.

The checks are tried in the order of what they cost: Carnet's own rules (milliseconds), cfn-lint (seconds), and a
deployment, which is driven like the real one. `unseen` names those that nothing on this machine can see. A mutation that
is not among them and that no check sees has slipped through: a rule is missing.
"""

import copy
import multiprocessing
import zipfile
from collections import defaultdict
from io import BytesIO

import drive
import stack
import template_check
import unseen
from mutations import mutations
from report import Failed, Report


def rules(template):
    """The first problem that Carnet's own rules find in a template, or None."""
    return first_problem(template_check.carnet_problems, template)


def linter(template):
    """The first problem that cfn-lint finds in a template, or None."""
    return first_problem(template_check.lint_problems, template)


def first_problem(find, template):
    """The first problem that `find` yields, or that it cannot read the template, which fails the check too; or None."""
    try:
        return next(iter(find(template)), None)
    except Exception as failure:
        return f"{find.__name__} fails: {failure!r}"


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


def judge(template, deploy):
    """Tries all mutations, and prints which check sees how many, and each that slips through: how many, and how many seen.

    `deploy` makes a `Deployment` of the template. It is called only if something is left for it to try.
    """
    for check in (rules, linter):
        if problem := check(template):
            raise SystemExit(f"the template itself does not pass: {problem}")
    everything = list(mutations(template))
    print(f"{len(everything)} mutations of the template", flush=True)
    with multiprocessing.Pool() as pool:
        problems = pool.map(rules, (each.template for each in everything), chunksize=20)
        todo = remaining("Carnet's rules see", everything, problems)
        # Only what the rules accept: a missing value may be a problem where another value is none.
        nothing_sees = defaultdict(list)
        for each in todo:
            nothing_sees[unseen.reason(each)].append(each)
        todo = nothing_sees.pop(None, [])
        total = len(everything) - sum(map(len, nothing_sees.values()))
        print(f"  {len(everything) - total} cannot be seen without AWS, or change nothing:")
        for reason, several in nothing_sees.items():
            print(f"    {len(several):4} {reason}, such as {'/'.join(map(str, several[0].path))}")
        problems = pool.map(linter, (each.template for each in todo), chunksize=1)
        todo = remaining("cfn-lint sees", todo, problems)
    if not todo:
        return total, total
    deployment = deploy()
    if problem := deployment.problem(template):
        raise SystemExit(f"the deployment of the unchanged template does not pass: {problem}")
    todo = remaining("a deployment sees", todo, [deployment.problem(each.template) for each in todo])
    for each in todo:
        print(f"  NOT SEEN: {each.name}", flush=True)
    return total, total - len(todo)


def remaining(who, several, problems):
    """Says how many mutations a check has found a problem with, and returns the others."""
    left = [each for each, problem in zip(several, problems, strict=True) if not problem]
    print(f"  {who} {len(several) - len(left)} of {len(several)}", flush=True)
    return left
