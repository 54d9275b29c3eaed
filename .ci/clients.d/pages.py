"""Compares the snippets kept here with the pages they come from, where those lie beside the checkout."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGES = HERE.parent.parent.parent / "shared" / "seeds"
OURS = "lambda-invoke"


def problems():
    """Snippets that no page has, and pages with a snippet that isn't kept."""
    pages = {path.name: path.read_text() for path in sorted(PAGES.glob("*.txt"))}
    # The pages' text hides mail addresses.
    pages = {name: re.sub(r"\[email\sprotected\]", "romain@example.com", text) for name, text in pages.items()}
    kept = [path for path in sorted(HERE.glob("*/*.*")) if path.parent.name not in (OURS, "__pycache__")]
    for path in kept if pages else ():
        text = path.read_text().strip()
        if not any(text in page for page in pages.values()):
            yield f"{path.relative_to(HERE)} is on no page"
        pages = {name: page.replace(text, "") for name, page in pages.items()}
    for name, page in pages.items():
        for left in re.findall(r".*(?:\bcurl -|\bfetch\(|\bHttp::|\bhttpx\.).*", page):
            yield f"{name} has a snippet that isn't kept: {left}"
