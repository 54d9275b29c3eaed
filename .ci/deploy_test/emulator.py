"""MiniStack, an emulator of AWS, as a process of this test that enforces each role's policies (`AUTH=true`)."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

REGION = "us-east-1"
# The account and the credentials of the operator. MiniStack takes an access key of twelve digits for the root user of
# that account.
ACCOUNT = "123456789012"
SECONDS_TO_START = 60
# Starts MiniStack, with what it lacks for this test.
START = Path(__file__).with_name("ministack_additions.py")


class Emulator:
    """A running MiniStack. `url` is its endpoint, for every service."""

    def __init__(self, programs, work):
        """Starts MiniStack, which is installed in `programs`, and waits until it answers. `work` is for its files."""
        self.work = Path(work)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.work / "ministack.log"
        self.environment = {
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        # Nothing of this shell's environment: MiniStack passes its own on to the functions, and a variable that the
        # template does not set must not reach them.
        environment = self.environment | {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.work),
            "TMPDIR": str(self.work),
            "MINISTACK_REGION": REGION,
            # Requests without a signature, such as those to the HTTP API, are for this account.
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            # It would listen on a port of its own, on every interface.
            "IOT_MTLS_ENABLED": "0",
            # Retries of asynchronous invocations: AWS waits for one minute, then two.
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [f"{programs}/python", START], env=environment, cwd=self.work, stdout=log, stderr=log, start_new_session=True
            )
        self.clients = {}
        self.wait()

    def wait(self):
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2).close()
                return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise SystemExit(f"MiniStack did not start:\n{self.log.read_text()[-3000:]}")

    def client(self, service):
        """A boto3 client with the operator's credentials."""
        if service not in self.clients:
            session = boto3.Session(
                aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION
            )
            # Invocations that fail are part of the test: nothing is retried behind its back.
            config = Config(retries={"total_max_attempts": 1}, read_timeout=120)
            self.clients[service] = session.client(service, endpoint_url=self.url, config=config)
        return self.clients[service]

    def stop(self):
        """Ends MiniStack and the functions that it has started, which are in its process group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
