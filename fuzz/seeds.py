#!/usr/bin/env python3
"""Writes seeds for every target into fuzz/corpus/TARGET, from the samples and the rows of the tests: nothing is kept in
the repository twice. What is packed is unpacked here. Further seeds, of forms that only the program writes, come from
the binary `made_seeds`, if it was built (build.sh builds it)."""

import bz2
import gzip
import hashlib
import io
import lzma
import pathlib
import re
import shutil
import subprocess
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# A longer seed makes every execution slow and is cut.
TEXT_BYTES = 4096


def write(target, data):
    if data:
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def pieces(data):
    """The beginning of a text, and a stretch of its middle, both of whole lines."""
    for begin in (0, len(data) // 2):
        if begin:
            begin = data.find(b"\n", begin) + 1
        piece = data[begin : begin + TEXT_BYTES]
        yield piece[: piece.rfind(b"\n") + 1] or piece


def unpacked(data):
    for magic, unpack in ((b"\x1f\x8b", gzip.decompress), (b"\xfd7zXZ", lzma.decompress), (b"BZh", bz2.decompress)):
        if data.startswith(magic):
            return unpacked(unpack(data))
    if data.startswith(b"\x28\xb5\x2f\xfd") and shutil.which("zstd"):
        return unpacked(subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout)
    return data


def files(folder):
    """Every file below a folder of the repository, those in archives too: (name, bytes)."""
    for path in sorted((ROOT / folder).rglob("*")):
        if not path.is_file() or path.name in ("ABOUT.md", "args", "expected", "expected.txt", "expected.json"):
            continue
        data = unpacked(path.read_bytes())
        if data[257:262] == b"ustar":
            for member in tarfile.open(fileobj=io.BytesIO(data)):
                if member.isfile():
                    yield member.name, unpacked(tarfile.open(fileobj=io.BytesIO(data)).extractfile(member).read())
        else:
            yield str(path), data


def unescaped(text):
    plain = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\"}

    def one(match):
        return plain.get(match[1].decode()) or bytes([int(match[1][1:], 16)])

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|.)", one, text.encode())


def kind(data):
    head = data[:2048]
    if head.startswith(b"LPKSHHRH"):
        return "journal_file"
    if b"conntriage.bundle/" in head:
        return "manifest"
    if b"<flow" in head and b"<layer3" in data[:8192]:
        return "xml"
    if b"__REALTIME_TIMESTAMP=" in head and b"\n_BOOT_ID=" in head:
        return "export"
    if head.lstrip(b"\x1e\n ")[:1] in (b"{", b"[") and b'"' in head or head.startswith(b"data: {"):
        return "json"
    if re.search(rb"(?m)^\w{3} \d{4}-\d\d-\d\d [^\n]*\[s=", head) or re.search(rb"(?m)^\S+ (stdout|stderr) [FP] ", head):
        return "wrapped"
    if b"src=" in head or b"-A -t" in head:
        return "tables"
    return "lines"


def main():
    for folder in ("samples", "tests/tables"):
        for _, data in files(folder):
            target = kind(data)
            if target == "journal_file" and len(data) > 64 * 1024:
                continue
            for piece in pieces(data):
                write(target, piece)
                write("archives", piece)
                if target in ("lines", "tables"):
                    write("messages", b"\n".join(re.sub(rb".*kernel: (\[[^\]]*\] )?", b"", l) for l in piece.split(b"\n")[:16]))
                    write("counters", piece[:512])
                if target == "export":
                    write("journal_file", piece)
    for _, data in files("tests/counters"):
        write("counters", data[:TEXT_BYTES])
    readers = {"message": "messages", "lines": "lines", "deltas": "lines", "looks": "lines", "sniff": "lines"}
    readers |= {"json": "json", "dmesg-json": "json", "verbose": "wrapped", "wrapped": "wrapped", "export": "export"}
    readers |= {"table": "tables", "counters": "counters", "program": "messages"}
    for path in sorted((ROOT / "tests/catalogue").glob("*.tsv")):
        for row in path.read_text().splitlines():
            columns = row.split("\t")
            if not row.startswith("#") and len(columns) > 2 and columns[0].split(":")[0] in readers:
                write(readers[columns[0].split(":")[0]], unescaped(columns[1]))
    text = next(data for _, data in files("tests/tables"))[:1024]
    for pack in (gzip.compress, bz2.compress, lzma.compress, lambda data: gzip.compress(gzip.compress(data))):
        write("archives", pack(text))
    for program in ("zstd", "lz4"):
        if shutil.which(program):
            write("archives", subprocess.run([program, "-c"], input=text, capture_output=True, check=True).stdout)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in ("messages", "proc/net/nf_conntrack"):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    write("archives", archive.getvalue())
    for made in (HERE / "target").glob("*/release/made_seeds"):
        subprocess.run([made, HERE / "corpus"], check=True)
    for folder in sorted((HERE / "corpus").iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))}")


main()
