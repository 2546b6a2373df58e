// What rules in JavaScript are made of. The types are those of validator.wit beside this file: names in
// camelCase, `null` for what is absent, `{ tag, val }` for a variant.

const finding = (severity) => (code, message, pointer = null, help = null) =>
  ({ severity, code, message, key: null, pointer, help });

/** `findings.error(code, message, pointer, help)`; the last two may be left out. An error rejects the change, a
 * warning lets it pass and is counted. */
export const findings = { error: finding("error"), warning: finding("warning"), info: finding("info") };

/** The value as text; throws a finding if it is not UTF-8. */
export function text(document) {
  if (document.body.tag !== "text") throw findings.error("parse", "the value is not UTF-8 text");
  return document.body.val;
}

/** The value as JSON; throws a finding if it is none. */
export function json(document) {
  const written = text(document);
  try {
    return JSON.parse(written);
  } catch (error) {
    throw findings.error("parse", error.message);
  }
}

/** Asks a rule about each edit under the keys of the binding; what it finds, or throws, is about that key. */
export function eachBound(change, rule) {
  const bound = change.edits.filter((edit) => edit.bound);
  return bound.flatMap((edit) => found(() => rule(edit)).map((finding) => ({ ...finding, key: finding.key ?? edit.key })));
}

/** Whether a value is an object with this name. */
export function has(value, name) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name);
}

/** Findings about the names that `settings` have and should not. */
export function unknown(settings, known) {
  const names = Object.keys(settings).filter((name) => !known.includes(name));
  const pointer = (name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  return names.map((name) => findings.error("settings", `unknown name: ${name}`, pointer(name)));
}

/**
 * The interface `validator` of a rule, which is two functions: `configure(settings)`, given the settings parsed,
 * and `validate(change, current)`. Both return findings. A finding that is thrown is one that is returned; any
 * other exception is told as a fault of the validator, with its place, and the change is refused.
 */
export function exported({ name, version, summary, keys = [], reads = [] }, rule, current) {
  // Whether `configure` was content: a rule is not asked about changes with settings it refused.
  let isConfigured = false;
  return {
    describe: () => ({ name, version, summary, keys, reads, settingsSchema: null }),
    configure: (settings) => {
      const said = found(() => rule.configure(JSON.parse(settings)));
      isConfigured = decision(said) !== "reject";
      return said;
    },
    validate: (change) => {
      if (!isConfigured) throw { tag: "internal", val: "it was not configured" };
      const said = found(() => rule.validate(change, current));
      return { decision: decision(said), findings: said };
    },
  };
}

function decision(said) {
  const has = (severity) => said.some((finding) => finding.severity === severity);
  return has("error") ? "reject" : has("warning") ? "warn" : "accept";
}

function found(ask) {
  try {
    return ask();
  } catch (thrown) {
    if (thrown?.severity) return [thrown];
    if (thrown?.tag) throw thrown;
    throw { tag: "internal", val: `${thrown}\n${thrown?.stack ?? ""}`.trim() };
  }
}

/** A change of one document, for tests; with `old`, `current` has that. */
export function changeOf(key, written, old = null) {
  const revision = { millis: 1, sequence: 0 };
  const document = (value) => ({ body: { tag: "text", val: value }, mediaType: "application/json", revision });
  const operation = old === null ? "create" : "update";
  const change = { edits: [{ key, operation, bound: true, new: document(written) }], revision, author: null };
  const current = { get: () => (old === null ? null : document(old)), keys: () => [] };
  return [{ ...change, reason: null, metadata: [] }, current];
}
