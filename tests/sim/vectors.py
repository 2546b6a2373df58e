#!/usr/bin/env python3
"""The protocol once more, written from docs/PROTOCOL.md alone, to check the golden vectors against.

usage: vectors.py docs/vectors/protocol.jsonl        (needs the module blake3 from PyPI)
"""

import json
import re
import sys
from datetime import datetime, timedelta, timezone

from blake3 import blake3

DOMAINS = {
    name: blake3(b"", derive_key_context=context).digest()
    for name, context in {
        "point": "sluice ring v1: key token",
        "entry": "sluice log v1: entry",
        "chain": "sluice log v1: chain",
        "leaf": "sluice state v1: leaf",
        "branch": "sluice state v1: branch",
    }.items()
}
ZERO = bytes(32)
SCHEDULED = "_sluice/scheduled/"
FENCES = "_sluice/fences/"
MEDIA = {
    "json": "application/json", "yaml": "application/yaml", "yml": "application/yaml", "toml": "application/toml",
    "xml": "application/xml", "txt": "text/plain; charset=utf-8", "conf": "text/plain; charset=utf-8",
    "ini": "text/plain; charset=utf-8", "env": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    "csv": "text/csv; charset=utf-8", "pem": "application/x-pem-file", "crt": "application/x-pem-file",
    "wasm": "application/wasm",
}


def keyed(domain, data):
    return blake3(data, key=DOMAINS[domain]).digest()


def number(value, size):
    return value.to_bytes(size, "big")


def form(value):
    """The bytes a vector writes as a text, as hex or as a repetition."""
    if isinstance(value, str):
        return value.encode()
    return bytes.fromhex(value["hex"]) if "hex" in value else value["repeat"].encode() * value["times"]


# --- entries -----------------------------------------------------------------------------------------------

class Malformed(Exception):
    """An entry that asks for nothing."""


def require(holds):
    if not holds:
        raise Malformed


def revision(text):
    match = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", text)
    require(match)
    found = int(match[1]), int(match[2] or 0)
    require(max(found) < 2**64)
    return found


def written(found):
    return f"{found[0]}-{found[1]}"


def text_of(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Malformed from None


def key_of(text):
    require(re.fullmatch(r"[A-Za-z0-9._/-]{1,512}", text))
    require(all(segment not in ("", ".", "..") for segment in text.split("/")))
    return text


def time_of(text):
    """Milliseconds since 1970 of a `from` or an `until`."""
    if re.fullmatch(r"[0-9]+", text):
        found = int(text)
    else:
        match = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
                             r"(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])", text)
        require(match)
        try:
            whole = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
        except ValueError:
            raise Malformed from None
        found = (whole - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
        found += int(((match[2] or "") + "000")[:3])
    require(0 <= found < 2**64)
    return found


def media_of(text):
    kind, slash, sub = text.partition("/")
    require(slash and kind and sub and " " not in kind and len(text) <= 127)
    require(re.fullmatch(r"[ -~]*", text))
    return text


def default_media(key):
    name, dot, extension = key.rpartition("/")[2].rpartition(".")
    return MEDIA.get(extension, "application/octet-stream") if dot else "application/octet-stream"


GUARD = {"deletes_max": 1000, "deletes_percent_max": 50, "may_empty_prefixes": False, "shrink_max": 0, "grow_max": 0,
         "small_bytes": 4096}


def whole(value, least=0, most=2**64 - 1):
    require(type(value) is int and least <= value <= most)


def policy_of(text):
    """The guard of a policy document."""
    try:
        policy = json.loads(text)
    except ValueError:
        raise Malformed from None
    require(type(policy) is dict and set(policy) <= {"guard", "freshness"})
    guard, freshness = policy.get("guard", {}), policy.get("freshness", [])
    require(type(guard) is dict and set(guard) <= set(GUARD) and type(freshness) is list and len(freshness) <= 64)
    guard = {**GUARD, **guard}
    require(type(guard["may_empty_prefixes"]) is bool)
    whole(guard["deletes_max"], 10)
    whole(guard["deletes_percent_max"], 1, 100)
    whole(guard["small_bytes"])
    for name in "shrink_max", "grow_max":
        whole(guard[name])
        require(guard[name] != 1)
    for rule in freshness:
        require(type(rule) is dict and set(rule) <= {"keys", "stale_after_ms", "reads"})
        require(rule.get("reads", "serve") in ("serve", "warn", "refuse") and {"keys", "stale_after_ms"} <= set(rule))
        whole(rule["stale_after_ms"], 1000)
        require(type(rule["keys"]) is list and 1 <= len(rule["keys"]) <= 64)
        for glob in rule["keys"]:
            require(type(glob) is str)
            key_of(glob.replace("*", "a"))
    return guard


def decode(at, fields):
    """The edits (key -> None, or digest, length and media), bases, and the fields that may stand once."""
    size = sum(len(name) + len(value) for name, value in fields)
    require(len(fields) <= 16384 and size <= 32 << 20)
    edits, types, bases, fences, once = {}, {}, {}, {}, {}
    for name, value in fields:
        name = text_of(name)
        verb, colon, key = name.partition(":")
        if name.startswith("x-"):
            require(len(name.encode()) <= 256 and len(value) <= 4096)
        elif not colon:
            require(name in ("author", "reason", "token", "override", "tick", "from", "until") and name not in once)
            require(1 <= len(value) <= 128 if name == "token" else len(value) <= 4096)
            require(name != "tick" or not value)
            require(name != "override" or value in (b"guard", b"fence", b"guard,fence", b"fence,guard"))
            once[name] = value if name == "token" else text_of(value)
            if name in ("from", "until"):
                once[name] = time_of(once[name])
        elif verb == "type":
            require(key_of(key) not in types)
            types[key] = media_of(text_of(value))
        elif verb == "fence":
            require(key_of(FENCES + key) not in fences and re.fullmatch(rb"[0-9]+", value) and int(value) <= 1 << 53)
            fences[FENCES + key] = int(value)
        elif verb == "base":
            require(key_of(key) not in bases and not key.startswith(FENCES))
            bases[key] = revision(text_of(value))
        else:
            require(verb in ("put", "put-blob", "del") and key_of(key) not in edits)
            require(not key.startswith(FENCES) and (verb == "del" or not key.startswith(SCHEDULED)))
            edits[key] = edit(verb, value)
    require(("tick" in once) == (not edits) and all(edits.get(key) for key in types))
    require("override" not in once or {"author", "reason"} <= set(once))
    require(all(fences.values()) or "fence" in once.get("override", ""))
    if "from" in once or "until" in once:
        count = sum(not key.startswith(SCHEDULED) for key in edits)
        require(1 <= count <= 4096 and len(fields) < 12288 and size < 16 << 20)
        require(once.get("until", 2**64) > max(once.get("from", 0), at[0]))
    if policy := edits.get("_sluice/policy"):
        require("text" in policy)
        policy_of(policy["text"])
    for key, put in edits.items():
        if put:
            put["media"] = types.get(key) or default_media(key)
    return edits, bases, fences, once


def edit(verb, value):
    if verb == "del":
        require(not value)
        return None
    if verb == "put":
        require(len(value) <= 1 << 20)
        return {"digest": blake3(value).digest(), "length": len(value), "text": value}
    match = re.fullmatch(r"([0-9a-f]{64}) ([0-9]+)", text_of(value))
    require(match and int(match[2]) <= 64 << 20)
    return {"digest": bytes.fromhex(match[1]), "length": int(match[2])}


def entry_digest(at, fields):
    text = number(at[0], 8) + number(at[1], 8) + number(len(fields), 4)
    for name, value in fields:
        text += number(len(name), 4) + name + number(len(value), 4) + blake3(value).digest()
    return keyed("entry", text)


# --- state -------------------------------------------------------------------------------------------------

def leaf(key, item):
    text = number(len(key), 2) + key.encode() + number(item["at"][0], 8) + number(item["at"][1], 8)
    text += number(len(item["media"]), 2) + item["media"].encode() + number(item["length"], 8) + item["digest"]
    return keyed("leaf", text)


def tree(leaves, depth):
    """D of the leaves, pairs of a 256-bit point as an integer and a digest, that agree in `depth` bits."""
    if len(leaves) < 2:
        return leaves[0][1] if leaves else ZERO
    halves = [], []
    for point, digest in leaves:
        halves[point >> 255 - depth & 1].append((point, digest))
    return keyed("branch", tree(halves[0], depth + 1) + tree(halves[1], depth + 1))


def kept(fields):
    """The value of an item under `_sluice/scheduled/`."""
    text = b"".join(number(len(part), 4) + part for field in fields for part in field)
    return {"digest": blake3(text).digest(), "length": len(text), "text": text, "media": "application/x-sluice-fields"}


class State:
    def __init__(self):
        self.items, self.tokens, self.chain = {}, {}, ZERO

    def end(self, at, edits, once):
        """What brings back what is there before an entry with `until`; none when nothing does."""
        fields = [(b"end", str(once["until"]).encode())]
        for key, put in edits.items():
            old = self.items.get(key)
            if key.startswith(SCHEDULED) or not (put or old):
                continue
            if old:
                fields += [(f"put:{key}".encode(), old["text"]), (f"type:{key}".encode(), old["media"].encode())]
            else:
                fields += [(f"del:{key}".encode(), b"")]
            fields += [(f"base:{key}".encode(), written(at if put else (0, 0)).encode())]
        if len(fields) == 1:
            return None
        notes = {**once, "override": "guard"} if "guard" in once.get("override", "") else {**once, "override": None}
        return kept(fields + [(name.encode(), notes[name].encode()) for name in ("author", "reason", "override") if notes.get(name)])

    def fold(self, at, fields, verdict, blobs):
        """The class and detail of the outcome."""
        self.chain = keyed("chain", self.chain + entry_digest(at, fields))
        try:
            edits, bases, fences, once = decode(at, fields)
        except Malformed:
            return "malformed", {}
        token, later = once.get("token"), None
        for put in filter(None, edits.values()):
            put.setdefault("text", blobs.get(put["digest"]))
        if token is not None:
            if token in self.tokens:
                return "duplicate", {"first": written(self.tokens[token])}
            self.tokens[token] = at
            if len(self.tokens) > 65536:
                del self.tokens[next(iter(self.tokens))]
        is_meant = "fence" in once.get("override", "")
        for key in sorted(fences):
            highest = int(self.items[key]["text"]) if key in self.items else 0
            if fences[key] < highest and not is_meant:
                return "fenced", {"resource": key[len(FENCES):], "token": fences[key], "highest": highest}
        for key, token in fences.items():
            highest = int(self.items[key]["text"]) if key in self.items else 0
            if token == 0:
                self.items.pop(key, None)
            elif token != highest:
                text = str(token).encode()
                self.items[key] = {"digest": blake3(text).digest(), "length": len(text), "text": text,
                                   "media": "text/plain; charset=utf-8", "at": at}
        for key in sorted(bases):
            found = self.items[key]["at"] if key in self.items else (0, 0)
            if found != bases[key]:
                return "conflict", {"key": key, "base": written(bases[key]), "found": written(found)}
        if "guard" not in once.get("override", "") and self.is_guarded(edits):
            return "guarded", {}
        is_start = once.get("from", 0) > at[0]
        if is_start:
            at_ms = (b"start", str(once["from"]).encode())
            later = kept([at_ms] + [field for field in fields if field[0] not in (b"from", b"token") and not field[0].startswith(b"fence:")])
        elif "until" in once:
            later = self.end(at, edits, once)
            if later and later["length"] > 16 << 20:
                return "guarded", {}
        is_bound = any(key.startswith("_sluice/validators/") for key in self.items)
        is_judged = is_bound and edits or any(key.startswith("_sluice/") for key in edits)
        assert bool(is_judged) == (verdict is not None), f"{written(at)}: judged: {is_judged}, verdict: {verdict}"
        if verdict == "reject":
            return "rejected", {"cause": "verdict"}
        for key, put in () if is_start else edits.items():
            self.items.pop(key, None)
            if put:
                self.items[key] = {**put, "at": at}
        if later:
            self.items[SCHEDULED + written(at)] = {**later, "at": at}
        self.edited = list(edits)
        return "scheduled" if is_start else "applied", {}

    def is_guarded(self, edits):
        policy = self.items.get("_sluice/policy")
        guard = policy_of(policy["text"]) if policy else GUARD
        own = {key for key in self.items if not key.startswith("_sluice/")}
        for key, put in edits.items():
            if put and key in own:
                old, new = (max(size, guard["small_bytes"]) for size in (self.items[key]["length"], put["length"]))
                if 0 < guard["shrink_max"] * new < old or 0 < guard["grow_max"] * old < new:
                    return True
        deleted = {key for key, put in edits.items() if not put and key in own}
        if len(deleted) < 10:
            return False
        if len(deleted) > guard["deletes_max"] or len(deleted) * 100 > len(own) * guard["deletes_percent_max"]:
            return True
        left = (own - deleted) | {key for key, put in edits.items() if put}
        prefixes = {"/".join(key.split("/")[:n]) + "/" for key in deleted for n in range(1, min(9, key.count("/") + 1))}
        under = lambda keys, prefix: sum(key.startswith(prefix) for key in keys)
        return not guard["may_empty_prefixes"] and any(
            under(deleted, prefix) >= 10 and not under(left, prefix) for prefix in prefixes)

    def leaves(self):
        return [(point(key), leaf(key, item)) for key, item in self.items.items()]

    def partition(self, key):
        own = point(key) >> 242
        leaves = [(point, digest) for point, digest in self.leaves() if point >> 242 == own]
        return [own, tree(leaves, 14).hex()]


def point(key):
    return int.from_bytes(keyed("point", key.encode()), "big")


def check(state, vector):
    at, fields = revision(vector["id"]), [(form(name), form(value)) for name, value in vector["fields"]]
    blobs = {blake3(blob).digest(): blob for blob in map(form, vector.get("blobs", []))}
    outcome, detail = state.fold(at, fields, vector.get("verdict"), blobs)
    if outcome == "malformed":
        detail = vector["detail"]  # which of several faults is named is no part of the protocol
    found = {
        "outcome": outcome, "detail": detail, "entry": entry_digest(at, fields).hex(), "chain": state.chain.hex(),
        "root": tree(state.leaves(), 0).hex(), "keys": len(state.items),
        "partitions": {key: state.partition(key) for key in state.edited} if outcome == "applied" else {},
    }
    return [f"{vector['id']} {name}: {value}, not {vector[name]}" for name, value in found.items() if value != vector[name]]


def main(path):
    state = State()
    with open(path, encoding="utf-8") as lines:
        vectors = [json.loads(line) for line in lines]
    faults = [fault for vector in vectors for fault in check(state, vector)]
    print(*faults, f"{len(vectors)} vectors, {len(faults)} differences", sep="\n")
    return 1 if faults or not vectors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
