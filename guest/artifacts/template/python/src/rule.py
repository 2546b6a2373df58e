"""Refuses pools larger than the database takes, and pools that grow too fast at once."""

import sluice
from sluice import Finding

# What the binding sets: connections the database takes, and how many times as many a change may ask for as
# there were. Each change is judged in a fresh copy of what `configure` leaves here.
settings = {}


def configure(given):
    """Asked once, when a binding is published; an error among the findings refuses it."""
    global settings

    def wrong(message, pointer):
        return [Finding.error("settings", message, pointer)]

    if not isinstance(given, dict) or not {"connections_max", "growth_max"} <= given.keys():
        return wrong("wants an object with connections_max and growth_max", "")
    if not is_count(given["connections_max"]):
        return wrong("is no whole number from 0 to 2^32 - 1", "/connections_max")
    growth = given["growth_max"]
    if isinstance(growth, bool) or not isinstance(growth, (int, float)):
        return wrong("is no number", "/growth_max")
    if growth < 1:
        return wrong("is less than 1, so nothing may stay as it is", "/growth_max")
    settings = given
    return sluice.unknown(given, ["connections_max", "growth_max"])


def validate(change, current):
    """One change: every document under the keys of the binding, new beside old."""
    return sluice.each_bound(change, lambda edit: judge(edit, current))


def judge(edit, current):
    # A delete has no new document, and is fine.
    if edit.new is None:
        return []
    connections = pool(edit.new)
    most = settings["connections_max"]
    if connections > most:
        message = f"{connections} connections: the database takes {most}"
        return [Finding.error("too-many", message, "/connections")]
    before = old(current.get(edit.key))
    growth = settings["growth_max"]
    if before is not None and connections > before * growth:
        message = f"{connections} connections after {before}: at most {growth} times as many at once"
        return [Finding.error("too-fast", message, "/connections", help="grow in steps")]
    return []


def pool(document):
    """The connections a document asks for. What the rule does not need is left to others."""
    value = sluice.json_of(document)
    if not isinstance(value, dict) or "connections" not in value:
        raise Finding.error("parse", "wants an object with connections", "")
    if not is_count(value["connections"]):
        raise Finding.error("parse", "is no whole number from 0 to 2^32 - 1", "/connections")
    return value["connections"]


def old(document):
    """A document that does not parse was there before this rule, and cannot be grown from."""
    try:
        return None if document is None else pool(document)
    except Finding:
        return None


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32
