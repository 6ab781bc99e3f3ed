"""Builds a bundle again from what its index lists, after docs/bundle-format.md and nothing else.

usage: second_implementation.py BUNDLE UNPACKED     prints "equal" when both ways give the same bytes
"""
import hashlib
import json
import os
import sys


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def header(path, size):
    octal = b"%011o\0" % size if size < 2**33 else b"\x80\0\0\0" + size.to_bytes(8, "big")
    mode = b"0000755\0" if path.startswith("bin/") else b"0000644\0"
    before = path.encode().ljust(100, b"\0") + mode + b"0000000\0" * 2 + octal + b"0" * 11 + b"\0"
    after = b"0" + b"\0" * 100 + b"ustar\0" + b"00" + b"\0" * 64 + b"0000000\0" * 2 + b"\0" * 167
    total = sum(before) + 8 * ord(" ") + sum(after)
    return before + b"%06o\0 " % total + after


def content(folder, path):
    with open(os.path.join(folder, path), "rb") as file:
        return file.read()


def descriptor(root):
    annotations = {"org.opencontainers.image.ref.name": root["reference"], "dev.airlock.kind": root["kind"]}
    if "subject" in root:
        annotations["dev.airlock.subject"] = root["subject"]
    fields = {key: root[key] for key in ("mediaType", "digest", "size")}
    return {**fields, "annotations": annotations}


def main(bundle, folder):
    index_bytes = content(folder, "airlock.json")
    index = json.loads(index_bytes)
    assert canonical(index) + b"\n" == index_bytes
    files = index["files"]
    derived = {
        "SHA256SUMS": "".join(f"{f['sha256']}  {f['path']}\n" for f in files if f["path"] != "SHA256SUMS").encode(),
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": canonical({
            "manifests": [descriptor(root) for root in index["roots"]],
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "schemaVersion": 2,
        }),
    }
    names = ["airlock.json"]
    names += sorted("signatures/" + name for name in os.listdir(os.path.join(folder, "signatures")))
    names += [f["path"] for f in files]
    out = b""
    for name in names:
        data = derived.get(name) or content(folder, name)
        out += header(name, len(data)) + data + b"\0" * (-len(data) % 512)
    for entry in files:
        data = derived.get(entry["path"]) or content(folder, entry["path"])
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], entry["sha256"]), entry
    out += b"\0" * 1024
    assert index["lock"] == "sha256:" + hashlib.sha256(content(folder, "airlock.lock")).hexdigest()
    lock = json.loads(content(folder, "airlock.lock"))
    pins = {}
    for artifact in lock["artifacts"]:
        for node in [artifact] + artifact.get("referrers", []):
            for pin in [node["root"]] + node.get("manifests", []) + node.get("blobs", []):
                pins[pin["digest"]] = pin["size"]
    blobs = {"sha256:" + f["sha256"]: f["size"] for f in files if f["path"].startswith("blobs/")}
    assert pins == blobs
    with open(bundle, "rb") as file:
        assert out == file.read()
    print("equal")


main(*sys.argv[1:])
