// Refuses pools larger than the database takes, and pools that grow too fast at once.

import { eachBound, findings, has, json, unknown } from "../sluice/sluice.js";

// What the binding sets: connections the database takes, and how many times as many a change may ask for as
// there were. Each change is judged in a fresh copy of what `configure` leaves here.
let settings;

/** Asked once, when a binding is published; an error among the findings refuses it. */
export function configure(given) {
  const wrong = (message, pointer) => [findings.error("settings", message, pointer)];
  if (!has(given, "connections_max") || !has(given, "growth_max")) {
    return wrong("wants an object with connections_max and growth_max", "");
  }
  if (!isCount(given.connections_max)) return wrong("is no whole number from 0 to 2^32 - 1", "/connections_max");
  if (typeof given.growth_max !== "number") return wrong("is no number", "/growth_max");
  if (given.growth_max < 1) return wrong("is less than 1, so nothing may stay as it is", "/growth_max");
  settings = given;
  return unknown(given, ["connections_max", "growth_max"]);
}

/** One change: every document under the keys of the binding, new beside old. */
export function validate(change, current) {
  return eachBound(change, (edit) => judge(edit, current));
}

function judge(edit, current) {
  // A delete has no new document, and is fine.
  if (edit.new === null) return [];
  const most = settings.connections_max;
  const connections = pool(edit.new);
  if (connections > most) {
    return [findings.error("too-many", `${connections} connections: the database takes ${most}`, "/connections")];
  }
  const before = old(current.get(edit.key));
  if (before !== null && connections > before * settings.growth_max) {
    const message = `${connections} connections after ${before}: at most ${settings.growth_max} times as many at once`;
    return [findings.error("too-fast", message, "/connections", "grow in steps")];
  }
  return [];
}

/** The connections a document asks for. What the rule does not need is left to others. */
function pool(document) {
  const value = json(document);
  if (!has(value, "connections")) throw findings.error("parse", "wants an object with connections", "");
  const { connections } = value;
  if (!isCount(connections)) throw findings.error("parse", "is no whole number from 0 to 2^32 - 1", "/connections");
  return connections;
}

/** A document that does not parse was there before this rule, and cannot be grown from. */
function old(document) {
  try {
    return document && pool(document);
  } catch {
    return null;
  }
}

function isCount(value) {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}
