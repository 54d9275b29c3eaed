"""What the calls of this test answered, compared with what they have to answer."""

import re
import time


class Failed(Exception):
    """A call that is not as expected."""


class Report:
    """Counts the calls, and prints each that is not as expected at once, or raises it with `fail_fast`."""

    def __init__(self, fail_fast=False):
        self.fail_fast = fail_fast
        self.calls = 0
        self.failures = []

    def expect(self, name, actual, expected):
        """Counts a call, whose answer has to be like `expected` (see `differs`). Returns whether it is."""
        self.calls += 1
        if problem := differs(actual, expected):
            self.failures.append(f"{name}: {problem}")
            if self.fail_fast:
                raise Failed(self.failures[-1])
            print(f"  not ok: {self.failures[-1]}", flush=True)
        return not problem

    def eventually(self, name, seconds, read, expected):
        """As `expect`, for what `read` returns within some seconds; it is called until it returns what is expected."""
        end = time.monotonic() + seconds
        while differs(actual := read(), expected) and time.monotonic() < end:
            time.sleep(0.1)
        return self.expect(name, actual, expected)

    @property
    def ok(self):
        return self.calls - len(self.failures)


def differs(actual, expected, place=""):
    """How a value differs from what is expected, as a text; None if it does not.

    A class stands for its instances, a compiled pattern for the texts it matches, a function for the values for which
    it returns true; a dict has to have exactly the expected keys, unless one of them is `...`.
    """
    if isinstance(expected, type):
        found = isinstance(actual, expected)
    elif isinstance(expected, re.Pattern):
        found = isinstance(actual, str) and bool(expected.search(actual))
    elif callable(expected):
        found = bool(expected(actual))
    elif isinstance(expected, dict) and isinstance(actual, dict):
        keys = expected.keys() - {...}
        if missing := keys - actual.keys():
            return f"{place or 'it'} has no {', '.join(sorted(map(str, missing)))}: {text(actual)}"
        if ... not in expected and (extra := actual.keys() - keys):
            return f"{place or 'it'} has {', '.join(sorted(map(str, extra)))}: {text(actual)}"
        problems = (differs(actual[key], expected[key], f"{place}.{key}".lstrip(".")) for key in keys)
        return next((problem for problem in problems if problem), None)
    elif isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        if len(actual) != len(expected):
            return f"{place or 'it'} has {len(actual)} elements instead of {len(expected)}: {text(actual)}"
        pairs = enumerate(zip(actual, expected, strict=True))
        problems = (differs(one, other, f"{place}[{index}]") for index, (one, other) in pairs)
        return next((problem for problem in problems if problem), None)
    else:
        found = actual == expected and isinstance(actual, bool) == isinstance(expected, bool)
    return None if found else f"{place or 'it'} is {text(actual)} instead of {text(expected)}"


def text(value):
    shown = repr(value)
    return shown if len(shown) < 600 else shown[:600] + "…"
