#!/usr/bin/env python3
"""Reads a message as a strict mail program would, and prints what is wrong with it.

    look_at_mail.py MESSAGE [PAGE]

Wrong is: a defect that Python's own reader finds, a line of 998 bytes or more or with a bare CR or LF, a part that cannot
be decoded, other parts than a report has, a picture that is shown and not there or there and not shown, HTML that asks for
anything outside the message or runs anything, or that is larger than 64 KiB. One line each on standard output; none:
nothing is wrong. The HTML goes to PAGE, its pictures inside, to be looked at.
"""

import base64
import email
import email.policy
import html.parser
import json
import pathlib
import sys

ELEMENTS = {"html", "head", "meta", "body", "div", "h1", "h2", "h3", "p", "span", "code", "pre", "table", "tr", "th", "td",
            "img", "br"}
ATTRIBUTES = {"style", "lang", "charset", "name", "content", "src", "width", "height", "alt", "role", "bgcolor",
              "aria-hidden"}
PNG = b"\x89PNG\r\n\x1a\n"


class Look(html.parser.HTMLParser):
    """Elements, attributes and pictures of a page."""

    def __init__(self):
        super().__init__()
        self.wrong, self.pictures, self.words = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ELEMENTS:
            self.wrong.append(f"element {tag}")
        for name, value in attributes:
            if name not in ATTRIBUTES or "url(" in (value or "") or "://" in (value or ""):
                self.wrong.append(f"attribute {name}={value!r} of {tag}")
            if name == "src":
                self.pictures.append(value)

    def handle_data(self, data):
        self.words.append(data)


def look(raw, page):
    """What is wrong."""
    for line in raw.split(b"\r\n"):
        if len(line) >= 998:
            yield f"a line of {len(line)} bytes"
        if b"\r" in line or b"\n" in line:
            yield "a bare CR or LF"
    # raise_on_defect: whatever the reader only notes otherwise is an error.
    message = email.message_from_bytes(raw, policy=email.policy.default.clone(raise_on_defect=True))
    parts = list(message.walk())
    for part in parts:
        if part.defects:
            yield f"{part.get_content_type()}: {part.defects}"
        for name, value in part.items():
            if getattr(value, "defects", ()):
                yield f"header {name}: {value.defects}"
            if any(ord(c) < 32 or c in "\u202e\u2066\u200b" for c in str(value)):
                yield f"header {name} holds {str(value)!r}"
    names = [name.lower() for name in message.keys()]
    for name in ["from", "to", "subject", "date", "message-id", "auto-submitted", "list-id", "mime-version"]:
        if names.count(name) != 1:
            yield f"{names.count(name)} headers {name}"
    if "bcc" in names or "cc" in names:
        yield "a header that nobody asked for"
    kinds = [part.get_content_type() for part in parts if not part.is_multipart()]
    pictures = [part for part in parts if part.get_content_type() == "image/png"]
    expected = ["text/plain", "text/html"] + ["image/png"] * len(pictures)
    if kinds not in (expected, expected + ["application/json"]):
        yield f"its parts are {kinds}"
    if message.get_body(("plain",)) is None or message.get_body(("html",)) is None:
        yield "text or HTML is not found"
        return
    if "application/json" in kinds:
        json.loads(parts[-1].get_content())
    written = message.get_body(("html",)).get_content().replace("\r\n", "\n")
    if len(written.encode()) > 64 << 10:
        yield f"HTML of {len(written.encode())} bytes"
    seen = Look()
    seen.feed(written)
    yield from seen.wrong
    if any(ord(c) < 32 and c != "\n" or c in "\u202e\u2066\u200b" for c in written):
        yield "HTML holds control characters"
    there = {}
    for part in pictures:
        if part.get_content_disposition() != "inline" or not part.get_content().startswith(PNG):
            yield f"picture {part['content-id']}"
        there["cid:" + part["content-id"].strip("<>")] = part.get_content()
    if sorted(there) != sorted(seen.pictures):
        yield f"pictures shown: {seen.pictures}; pictures there: {sorted(there)}"
    for name, picture in there.items():
        written = written.replace(name, "data:image/png;base64," + base64.b64encode(picture).decode())
    if page:
        pathlib.Path(page).write_text(written, encoding="utf-8")


def main():
    raw = pathlib.Path(sys.argv[1]).read_bytes()
    for wrong in look(raw, sys.argv[2] if len(sys.argv) > 2 else None):
        print(wrong)


if __name__ == "__main__":
    main()
