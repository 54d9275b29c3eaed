"""Lambda's Runtime API on loopback, as far as one process needs it, and what it shows about that process: the time
from its start to its first request for an event, its memory then, and the instructions that a call takes."""

import os
import re
import selectors
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 300
VALGRIND = Path("/usr/bin/valgrind")
CHUNK = re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n")


@dataclass
class Run:
    """What one process did."""

    seconds: float  # from just before its start to its first request for an event
    cpu_seconds: float  # user and system time until it was ended
    resident_kib: int  # resident memory when it asked for its first event
    answers: list[bytes]  # the bodies that it posted, one for each call


class RuntimeApi:
    """Serves `event` `calls` times to the one process that it starts, and ends the process when it asks for more."""

    def __init__(self, event, calls):
        self.event, self.left, self.answers = event, calls, []
        self.first = self.resident_kib = self.pid = None
        self.finished = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.received = {}

    def run(self, command, environment):
        environment = environment | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.listener.getsockname()[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "measured",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        }
        null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
        started = time.perf_counter()
        self.pid = os.posix_spawn(command[0], command, environment, file_actions=null)
        try:
            self.serve(started + TIMEOUT_SECONDS, command)
        finally:
            os.kill(self.pid, signal.SIGTERM)
            _, _, usage = os.wait4(self.pid, 0)
            for connection in [self.listener, *self.received]:
                connection.close()
            self.selector.close()
        return Run(self.first - started, usage.ru_utime + usage.ru_stime, self.resident_kib, self.answers)

    def serve(self, deadline, command):
        while not self.finished:
            ready = self.selector.select(1)
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{command} has not finished its calls within {TIMEOUT_SECONDS} s")
            # Not waited for, so that its process id stays its own until the end of `run`.
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                raise RuntimeError(f"{command} ended by itself")
            for key, _ in ready:
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.received[connection] = b""
                    self.selector.register(connection, selectors.EVENT_READ)
                else:
                    self.receive(key.fileobj)

    def receive(self, connection):
        data = connection.recv(65536)
        if not data:
            self.selector.unregister(connection)
            del self.received[connection]
            connection.close()
            return
        self.received[connection] += data
        while not self.finished and (request := split_request(self.received[connection])):
            head, body, self.received[connection] = request
            self.respond(connection, head, body)

    def respond(self, connection, head, body):
        line = head.split(b"\r\n", 1)[0].decode()
        if line.startswith("GET") and "/invocation/next" in line:
            if self.first is None:
                self.first = time.perf_counter()
                status = Path(f"/proc/{self.pid}/status").read_text()
                self.resident_kib = int(re.search(r"VmRSS:\s+(\d+)", status)[1])
            if self.left == 0:
                self.finished = True
                return
            self.left -= 1
            deadline = int(time.time() * 1000) + TIMEOUT_SECONDS * 1000
            headers = (
                f"Lambda-Runtime-Aws-Request-Id: {uuid.uuid4()}\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n"
                "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:measured\r\n"
                "Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(self.event)}\r\n"
            )
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + headers.encode() + b"\r\n" + self.event)
        elif line.startswith("POST") and "/response " in line:
            self.answers.append(body)
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        else:
            raise RuntimeError(f"{line}: {body.decode(errors='replace')}")


def split_request(data):
    """The head, the body and the rest, or None if the request is not complete yet."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    if length := re.search(rb"(?i)\r\ncontent-length:\s*(\d+)", head):
        length = int(length[1])
        return (head, rest[:length], rest[length:]) if len(rest) >= length else None
    if not re.search(rb"(?i)\r\ntransfer-encoding:\s*chunked", head):
        return head, b"", rest
    body = b""
    while size := CHUNK.match(rest):
        length = int(size[1], 16)
        if len(rest) < size.end() + length + 2:
            return None
        body += rest[size.end() : size.end() + length]
        rest = rest[size.end() + length + 2 :]
        if length == 0:
            return head, body, rest
    return None


@dataclass
class Subject:
    """An executable to be measured, with its environment, its event, and text that each of its answers contains."""

    binary: Path
    environment: dict
    event: bytes
    expected: bytes

    def run(self, calls=0, tool=()):
        run = RuntimeApi(self.event, calls).run([*tool, str(self.binary)], self.environment)
        for answer in run.answers:
            if self.expected not in answer:
                raise RuntimeError(f"{self.binary} answered {answer.decode(errors='replace')}")
        return run

    def instructions(self, few=20, many=120):
        """The instructions of the start and of one warm call. The first calls, which fill caches, belong to neither."""
        fewer, more = self.count(few), self.count(many)
        call = (more - fewer) / (many - few)
        return self.count(0), call

    def count(self, calls):
        with tempfile.TemporaryDirectory() as directory:
            out = Path(directory, "callgrind")
            self.run(calls, [str(VALGRIND), "-q", "--tool=callgrind", f"--callgrind-out-file={out}"])
            return int(re.search(r"(?m)^(?:totals|summary): (\d+)", out.read_text())[1])


def need(path, package):
    """Installs the Debian package that a file comes from if the file is missing, which needs root."""
    if not path.exists():
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", package], check=True)
