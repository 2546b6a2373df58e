"""What rules in Python are made of.

The types are those of validator.wit beside this file: names in snake_case, `None` for what is absent, and a
variant as a class of its case with the field `value`.
"""

import json
from types import SimpleNamespace


class Finding(Exception):
    """One thing a rule has to say. Raised, it is a finding like one that is returned."""

    def __init__(self, severity, code, message, pointer=None, help=None, key=None):
        super().__init__(message)
        self.severity, self.code, self.message = severity, code, message
        self.pointer, self.help, self.key = pointer, help, key

    @classmethod
    def error(cls, code, message, pointer=None, help=None):
        """The document is wrong: the change is rejected."""
        return cls("error", code, message, pointer, help)

    @classmethod
    def warning(cls, code, message, pointer=None, help=None):
        """The document is probably not what was meant: the change passes, and is counted."""
        return cls("warning", code, message, pointer, help)

    @classmethod
    def info(cls, code, message, pointer=None, help=None):
        """Worth knowing."""
        return cls("info", code, message, pointer, help)


def text_of(document):
    """The value as text; raises a finding if it is not UTF-8."""
    if not isinstance(document.body.value, str):
        raise Finding.error("parse", "the value is not UTF-8 text")
    return document.body.value


def json_of(document):
    """The value as JSON; raises a finding if it is none."""
    try:
        return json.loads(text_of(document), parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise Finding.error("parse", str(error)) from None


def each_bound(change, rule):
    """Asks a rule about each edit under the keys of the binding; what it finds, or raises, is about that key."""
    findings = []
    for edit in change.edits:
        if edit.bound:
            for finding in _found(lambda: rule(edit)):
                finding.key = finding.key or edit.key
                findings.append(finding)
    return findings


def unknown(settings, known):
    """Findings about the names that `settings` have and should not."""
    names = [name for name in settings if name not in known]
    pointers = ["/" + name.replace("~", "~0").replace("/", "~1") for name in names]
    return [Finding.error("settings", f"unknown name: {name}", at) for name, at in zip(names, pointers)]


def exported(rule, current, types, *, name, version, summary, keys=(), reads=()):
    """The class `Validator` of a rule, which is two functions.

    `configure(settings)` is given the settings parsed, `validate(change, current)` what it is called; both return
    findings. Any other exception is told as a fault of the validator, with its place, and the change is refused.
    """

    class Validator:
        # Whether `configure` was content: a rule is not asked about changes with settings it refused. Of the
        # class, for an instance may be made for each call.
        is_configured = False

        def describe(self):
            return types.Description(name, version, summary, list(keys), list(reads), None)

        def configure(self, settings):
            findings = found(lambda: rule.configure(json.loads(settings)))
            Validator.is_configured = all(finding.severity != "error" for finding in findings)
            return [lowered(finding) for finding in findings]

        def validate(self, change):
            if not Validator.is_configured:
                raise _err(types.Fault_Internal("it was not configured"))
            findings = found(lambda: rule.validate(change, current))
            return types.Verdict(decision(findings), [lowered(finding) for finding in findings])

    def found(ask):
        try:
            return _found(ask)
        except Exception as error:
            raise _err(types.Fault_Internal(_told(error))) from None

    def lowered(said):
        severity = types.Severity[said.severity.upper()]
        return types.Finding(severity, said.code, said.message, said.key, said.pointer, said.help)

    def decision(findings):
        said = {finding.severity for finding in findings}
        name = "REJECT" if "error" in said else "WARN" if "warning" in said else "ACCEPT"
        return types.Decision[name]

    return Validator


def change_of(key, written, old=None):
    """A change of one document and the state before it, for tests."""
    revision = SimpleNamespace(millis=1, sequence=0)

    def document(value):
        body = SimpleNamespace(value=value)
        return SimpleNamespace(body=body, media_type="application/json", revision=revision)

    edit = SimpleNamespace(key=key, operation=None, bound=True, new=document(written))
    change = SimpleNamespace(edits=[edit], revision=revision, author=None, reason=None, metadata=[])
    before = None if old is None else document(old)
    return change, SimpleNamespace(get=lambda key: before, keys=lambda prefix, after: [])


def _found(ask):
    try:
        return ask()
    except Finding as finding:
        return [finding]


def _err(fault):
    # Only inside a component: natively there is nobody to be told.
    from componentize_py_types import Err

    return Err(fault)


def _told(error):
    """What went wrong, and the innermost place. Not by `traceback`, which would make the component larger."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f" ({place.tb_frame.f_code.co_filename}, line {place.tb_lineno})" if place else ""
    return f"{type(error).__name__}: {error}{where}"


def _refused(constant):
    # Python's reader takes NaN and Infinity, which are no JSON.
    raise ValueError(f"{constant} is no JSON")
