"""Imports of files: what is put into the bucket becomes contacts, and what cannot is written back."""

import csv
import json
import time
import uuid

import access
from operations import Shell

# Far more than an import needs: it only ends a wait for one that hangs.
SECONDS = 300
HEADER = "Nome,Phone,E-mail,Tags,Notes\n"


class Imports:
    """Puts files into the import bucket, and reads what becomes of them."""

    def __init__(self, events):
        self.events, self.stack, self.report, self.who = events, events.stack, events.report, events.who
        emulator = self.stack.emulator
        self.s3, self.machines = emulator.client("s3"), emulator.client("stepfunctions")
        self.bucket, self.machine = (self.stack.outputs[name] for name in ("ImportBucket", "ImportStateMachine"))

    def executions(self):
        """The executions that the file of this key has had, by the file's key: their names and statuses."""
        found = {}
        for each in self.machines.list_executions(stateMachineArn=self.machine)["executions"]:
            described = self.machines.describe_execution(executionArn=each["executionArn"])
            key = json.loads(described["input"])["detail"]["object"]["key"]
            found.setdefault(key, []).append(described)
        return found

    def put(self, key, content):
        """Puts a file into the bucket, waits until its import has ended, and returns the execution."""
        before = len(self.executions().get(key, []))
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content.encode())
        return self.ended(key, before)

    def ended(self, key, before):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            executions = self.executions().get(key, [])
            if len(executions) > before and all(each["status"] != "RUNNING" for each in executions):
                return max(executions, key=lambda each: each["startDate"])
            time.sleep(0.2)
        return {"status": "it has not ended", "name": "", "error": None, "cause": None}

    def read(self, execution, tenant):
        """The objects that an execution has written, by the last part of their keys."""
        prefix = f"results/{tenant}/{execution['name']}/"
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        bodies = {each["Key"]: self.s3.get_object(Bucket=self.bucket, Key=each["Key"])["Body"] for each in listed}
        return {key.removeprefix(prefix): json.load(body) for key, body in bodies.items()}

    def expect(self, name, key, content, counts, reports=(), **more):
        """Expects that a file is imported, with these counts, and that these reports are written besides the summary."""
        execution = self.put(key, content)
        self.report.expect(f"{name}: the execution", execution["status"], "SUCCEEDED")
        objects = self.read(execution, self.who.tenant)
        names = ("created", "updated", "unchanged", "duplicates", "failed")
        summary = dict(zip(names, counts, strict=True))
        expected = {"key": key, "dry_run": False, "ignored_columns": ["Notes"], **summary, **more}
        self.report.expect(f"{name}: the summary", objects.pop("summary.json", None), expected)
        self.report.expect(f"{name}: the reports", sorted(objects), sorted(reports))
        return objects


def imports(events):
    """A file of several batches, the same file again, and files that cannot be imported."""
    imported = Imports(events)
    report, tenant = events.report, events.who.tenant
    key = f"uploads/{tenant}/{uuid.uuid4()} ação.csv"
    phones = [f"+2783{next(events.numbers):07}" for _ in range(230)]
    rows = [f'"Zoé, {index}",{phone},z{index}@example.com,"vip,csv",x' for index, phone in enumerate(phones)]
    rows[6] = "No phone,,n@example.com,,x"
    rows[107] = "Wrong phone,12,n@example.com,,x"
    rows[120] = rows[110]
    content = HEADER + "\n".join(rows) + "\n"
    reports = {f"report-{line:08}.json" for line in (2, 102)}
    objects = imported.expect("a file", key, content, (227, 0, 0, 1, 2), reports)
    columns = ["import_line", "import_field", "import_reason", *HEADER.strip().split(",")]
    first, second = (
        {"columns": columns, "rows": [list], "duplicates": []},
        {"columns": columns, "rows": [list], "duplicates": [{"line": 122, "first_line": 112}]},
    )
    report.expect("the reports", [objects.get(name) for name in sorted(reports)], [first, second])
    report.expect("a failed row", objects.get("report-00000102.json", {}).get("rows"), [
        ["109", "phone", str, "Wrong phone", "12", "n@example.com", "", "x"]
    ])
    contact = {"name": "Zoé, 229", "email": "z229@example.com", "tags": ["vip", "csv"], "source": "csv_import", ...: 0}
    report.expect("an imported contact", events.contact(phones[229]), contact)
    # Step Functions keeps the history of an execution for 90 days.
    for execution in imported.executions()[key]:
        history = imported.machines.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)
        kept = json.dumps([execution, history["events"]], default=str, ensure_ascii=False)
        report.expect("cells in the history", [cell for cell in ("Zoé", "2783", "example.com") if cell in kept], [])
    imported.expect("the file again", key, content, (0, 0, 227, 1, 2), reports)

    national = "Nome,Phone,Notes\nAna,(21) 98877-6655,x\n"
    key = f"uploads/{tenant}/BR/{uuid.uuid4()}.csv"
    imported.expect("national numbers", key, national, (1, 0, 0, 0, 0))
    report.expect("a national number", events.contact("+5521988776655"), {"name": "Ana", ...: 0})

    header_only = "The file has no row after its header."
    for name, key, content, error, cause in (
        ("a file without phones", f"uploads/{tenant}/a.csv", "Nome,E-mail\nAna,a@example.com\n", "ValidationFailed", "phone number"),
        ("a file of UTF-16", f"uploads/{tenant}/b.csv", "N\0o\0m\0e\0,\0P\0h\0o\0n\0e\0\nA\0n\0a\0,\0\n", "ValidationFailed", "UTF-8"),
        ("a file of semicolons", f"uploads/{tenant}/c.csv", "Nome;Phone\nAna;+27821234567\n", "ValidationFailed", "commas"),
        ("an empty file", f"uploads/{tenant}/d.csv", HEADER, "EmptyFile", header_only),
        ("a file of an unknown tenant", f"uploads/{uuid.uuid4()}/e.csv", "Phone\n+27821234567\n", "UnknownTenant", "unknown tenant"),
        ("a file outside a folder", "uploads/f.csv", "Phone\n+27821234567\n", "UnknownTenant", "unknown tenant"),
        ("a country", f"uploads/{tenant}/XX/g.csv", "Phone\n+27821234567\n", "ValidationFailed", "country"),
    ):
        execution = imported.put(key, content)
        report.expect(f"{name}: refused", [execution["status"], execution.get("error")], ["FAILED", error])
        report.expect(f"{name}: the cause", execution.get("cause"), lambda text, cause=cause: cause in str(text))

    # A file under manual/ is imported by an execution that an operator starts, with options.
    key = f"manual/{tenant}/{uuid.uuid4()}.csv"
    imported.s3.put_object(Bucket=imported.bucket, Key=key, Body=b"Fone,Cidade\n+27829999999,Recife\n")
    for dry_run, exists in ((True, False), (False, True)):
        before = len(imported.executions().get(key, []))
        options = {"columns": {"Fone": "phone", "Cidade": "metadata.city"}, "dry_run": dry_run}
        given = {"detail": {"object": {"key": key}}, "options": options}
        imported.machines.start_execution(stateMachineArn=imported.machine, input=json.dumps(given))
        execution = imported.ended(key, before)
        summary = imported.read(execution, tenant).get("summary.json")
        report.expect(f"by hand, dry_run {dry_run}", summary, {"created": 1, "dry_run": dry_run, "ignored_columns": [], ...: 0})
        found = events.contact("+27829999999")
        report.expect(f"by hand, dry_run {dry_run}: the contact", "error" not in found, exists)
    report.expect("metadata by hand", found, {"metadata": {"city": "Recife"}, ...: 0})


def rehearse(emulator, sam, report, deployed, who, programs):
    """Imports a file with the commands of docs/operations.md."""
    content = "Nome,Fone,Cidade\n\"Ana, a primeira\",+27827654321,Recife\nRui,,\"O \"\"Porto\"\"\"\n"
    emulator.work.joinpath("contacts.csv").write_text(content.replace("Fone", "Phone"))
    tenant = '$(carnet tenant show acme --json --stack "$STACK" | jq -r .id)'
    Shell(emulator, sam, programs).run("Import a file", {tenant: who.tenant, "sleep 10": "sleep 2", "sleep 5": "sleep 1"})
    failed = list(csv.reader(emulator.work.joinpath("failed.csv").open()))
    report.expect("the CSV file of the failed rows", failed, [
        ["import_line", "import_field", "import_reason", "Nome", "Phone", "Cidade"],
        ["3", "phone", "The phone field is required.", "Rui", "", 'O "Porto"'],
    ])
    summary = json.loads(emulator.work.joinpath("results/summary.json").read_text())
    report.expect("the summary of the page's import", summary, {"created": 1, "failed": 1, "ignored_columns": ["Cidade"], ...: 0})
    machines = emulator.client("stepfunctions")
    listed = machines.list_executions(stateMachineArn=deployed.outputs["ImportStateMachine"])["executions"]
    by_hand = [each for each in listed if each["startDate"] == max(other["startDate"] for other in listed)]
    arn = by_hand[0]["executionArn"]
    report.eventually("the page's import by hand", SECONDS, lambda: machines.describe_execution(executionArn=arn)["status"], "SUCCEEDED")


def access_of(stack):
    """The tenant for whom this test imports when it runs alone."""
    return access.make(stack.emulator, stack.outputs["AccessTable"], "me")
