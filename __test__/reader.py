"""A third reader of vaults, which does what docs/format.md says and knows nothing else: what it would need besides, the page lacks.

python reader.py VAULT BACKUP FOLDER      writes a backup into a new folder; BACKUP is a name, or 'latest'
It opens by BACKUP_PASSPHRASE or BACKUP_KEY_FILE. What does not fit the page ends it: it is for tests, and salvages nothing.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import sys
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAX_CHUNK = 16 << 20


def check(fits, what):
    if not fits:
        raise SystemExit(f"reader.py: {what}")


def number(data):
    return int.from_bytes(data, "little")


def hkdf(key, salt, info):
    return HKDF(SHA256(), 32, salt, info.encode()).derive(key)


def unseal(key, nonce, aad, sealed, what):
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad.encode())
    except InvalidTag:
        check(False, f"{what} does not authenticate")


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


def read_checked(*parts):
    data = read(*parts)
    check(len(data) <= 64 << 10, f"{parts[-1]} is too large")
    stated = re.search(rb'"sha256": "([0-9a-f]{64})"', data)
    zeroed = data[: stated.start(1)] + b"0" * 64 + data[stated.end(1) :]
    check(hashlib.sha256(zeroed).hexdigest() == stated[1].decode(), f"the sha256 of {parts[-1]}")
    return json.loads(data)


def passphrase_forms(given):
    text = given.removeprefix("\ufeff").rstrip("\r\n")
    canonical = unicodedata.normalize("NFC", text)
    return [canonical, given, unicodedata.normalize("NFD", text)]


def wrapping_keys(key):
    """What may have wrapped the master key of a file in keys/."""
    kdf = key.get("kdf", {})
    salt = base64.b64decode(kdf.get("salt", ""))
    if key["kind"] == "keyfile" and os.environ.get("BACKUP_KEY_FILE"):
        secret = read(os.environ["BACKUP_KEY_FILE"])
        check(len(secret) == 32, "a key file has 32 bytes")
        yield hkdf(secret, salt, "lifeboat v1 wrap")
    if key["kind"] == "passphrase" and os.environ.get("BACKUP_PASSPHRASE"):
        n, r, p = kdf["n"], kdf["r"], kdf["p"]
        check(n.bit_count() == 1 and n <= 1 << 20 and r <= 16 and p <= 4, "the cost of scrypt")
        for words in passphrase_forms(os.environ["BACKUP_PASSPHRASE"]):
            yield Scrypt(salt, 32, n, r, p).derive(words.encode())


def find_master(vault, vault_id, key_check):
    for name in os.listdir(os.path.join(vault, "keys")):
        key = read_checked(vault, "keys", name)
        check(key["id"] + ".json" == name and key["vault"] == vault_id, f"keys/{name} is another one's")
        masters = [bytes.fromhex(key["master"])] if key["kind"] == "none" else []
        for wrapping in wrapping_keys(key):
            nonce, wrapped = base64.b64decode(key["nonce"]), base64.b64decode(key["wrapped"])
            try:
                masters.append(AESGCM(wrapping).decrypt(nonce, wrapped, f"lifeboat key {vault_id} {key['id']}".encode()))
            except InvalidTag:
                pass
        for master in masters:
            if hkdf(master, bytes.fromhex(vault_id), "lifeboat v1 check")[:16].hex() == key_check:
                return master
    check(False, "nothing opens this vault")


class Packs:
    """Where each chunk is, by the indexes of all packs."""

    def __init__(self, vault, key):
        self.vault, self.places = vault, {}
        for folder in os.listdir(os.path.join(vault, "packs")):
            for name in os.listdir(os.path.join(vault, "packs", folder)):
                check(name[:2] == folder, f"packs/{folder}/{name} lies elsewhere")
                self.index(name, hkdf(key, bytes.fromhex(name), "lifeboat v1 pack"))

    def index(self, name, key):
        data = read(self.vault, "packs", name[:2], name)
        header, footer = data[:40], data[-24:]
        check(header[:6] == b"LBPACK" == footer[16:22] and header[6] == footer[22] == 1, f"{name}: magic and major")
        check(header[8:].hex() == name, f"{name}: the id in the header")
        length, count, total = number(footer[:4]), number(footer[4:8]), number(footer[8:16])
        check(total == len(data) and length == 40 * count + 16, f"{name}: the footer")
        start = len(data) - 24 - length
        index = unseal(key, b"\xff" * 12, f"lifeboat index {name}", data[start:-24], f"the index of {name}")
        offset = 40
        for n in range(count):
            entry = index[40 * n : 40 * n + 40]
            sealed, plain = number(entry[32:36]), number(entry[36:])
            self.places[entry[:32].hex()] = (name, key, n, offset, sealed, plain)
            offset += sealed
        check(offset == start, f"{name}: its chunks do not fill it")

    def chunk(self, chunk_id):
        check(chunk_id in self.places, f"no pack has the chunk {chunk_id}")
        name, key, n, offset, sealed, plain = self.places[chunk_id]
        data = read(self.vault, "packs", name[:2], name)[offset : offset + sealed]
        member = unseal(key, n.to_bytes(12, "big"), f"lifeboat chunk {name}", data, f"chunk {n} of {name}")
        content = gzip.decompress(member)
        check(len(content) == plain <= MAX_CHUNK, f"the length of chunk {n} of {name}")
        return content

    def content(self, item):
        if "bundle" in item:
            chunk_id, offset = item["bundle"]
            content = self.chunk(chunk_id)[offset : offset + item["size"]]
        else:
            lists = b"".join(self.chunk(chunk_id) for chunk_id in item.get("lists", []))
            ids = item.get("chunks", []) + [lists[at : at + 32].hex() for at in range(0, len(lists), 32)]
            content = b"".join(map(self.chunk, ids))
        check(len(content) == item["size"], f"the length of {item['path']}")
        check("sha256" not in item or hashlib.sha256(content).hexdigest() == item["sha256"], f"the hash of {item['path']}")
        return content


def open_snapshot(vault, name, key):
    data = read(vault, "snapshots", name)
    check(data[:6] == b"LBSNAP" and data[6] == 1 and len(data) <= 64 << 20, f"{name}: magic, major and size")
    own = hkdf(key, data[8:40], "lifeboat v1 snapshot")
    text = unseal(own, bytes(12), f"lifeboat snapshot {data[6]}.{data[7]} {name}", data[40:], f"snapshots/{name}")
    snapshot = json.loads(text)
    check(snapshot["backup"] == name, f"{name} is another backup's")
    return snapshot


def true_bytes(item, text, raw):
    return base64.b64decode(item[raw]) if raw in item else item[text].encode()


def read_items(packs, snapshot):
    text = b"".join(map(packs.chunk, snapshot["list"]["chunks"]))
    items = [json.loads(line) for line in text.split(b"\n")[:-1]]
    last, leaf = b"", None
    for item in items:
        item["bytes"] = true_bytes(item, "path", "raw")
        check(not {b"", b".", b".."} & set(item["bytes"].split(b"/")) and b"\0" not in item["bytes"], "an unsafe path")
        order = item["bytes"].replace(b"/", b"\0")
        check(order > last, "the order of paths")
        check(leaf is None or not order.startswith(leaf), "a path below what is no folder")
        check(item["type"] in ("file", "dir", "symlink"), "the type of an item")
        last = order
        if item["type"] != "dir":
            leaf = order + b"\0"
    sides = [side for item in items for side in item.get("sides", [])]
    check(all(side["suffix"] in ("-wal", "-journal") for side in sides), "the suffix of a side")
    counted = (len(items), sum(item["size"] for item in items + sides), len(text))
    check(counted == (snapshot["items"], snapshot["totalSize"], snapshot["list"]["size"]), "the counts of the list")
    return items


def finish(place, item, follow=True):
    if follow:
        os.chmod(place, item["mode"])
    seconds, nanoseconds = item["mtime"]
    time = seconds * 10**9 + nanoseconds
    os.utime(place, ns=(time, time), follow_symlinks=follow)


def write(place, content):
    with open(place, "xb") as file:
        file.write(content)


def restore(packs, snapshot, folder):
    os.mkdir(folder)
    items = read_items(packs, snapshot)
    place = lambda item: os.path.join(folder.encode(), item["bytes"])
    for item in items:
        if item["type"] == "dir":
            os.mkdir(place(item))
        if item["type"] == "file":
            write(place(item), packs.content(item))
            finish(place(item), item)
            for side in item.get("sides", []):
                beside = place(item) + side["suffix"].encode()
                write(beside, packs.content({**side, "path": item["path"] + side["suffix"]}))
                finish(beside, {**item, "mode": item["mode"] & 0o600, **side})
    for item in (item for item in items if item["type"] == "symlink"):
        os.symlink(true_bytes(item, "link", "linkRaw"), place(item))
        finish(place(item), item, follow=False)
    for item in reversed([item for item in items if item["type"] == "dir"]):
        finish(place(item), item)
    if "rootFolder" in snapshot:
        finish(folder, snapshot["rootFolder"])


def main(vault, wanted, folder):
    description = read_checked(vault, "vault.json")
    check(description["format"] == "lifeboat" and description["version"]["major"] == 1, "format and major of vault.json")
    vault_id = description["id"]
    master = find_master(vault, vault_id, description["keyCheck"])
    sub_key = lambda purpose: hkdf(master, bytes.fromhex(vault_id), f"lifeboat v1 {purpose}")
    names = [name for name in os.listdir(os.path.join(vault, "snapshots")) if "_SAFETY_" not in name]
    name = max(names, key=lambda name: name.split("_")[2]) if wanted == "latest" else wanted
    restore(Packs(vault, sub_key("packs")), open_snapshot(vault, name, sub_key("snapshots")), folder)


main(*sys.argv[1:])
