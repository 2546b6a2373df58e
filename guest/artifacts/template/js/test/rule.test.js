// The rule, natively: `npm test`. `sluice validator test` judges cases/ in the engine of a host.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { changeOf, exported } from "../sluice/sluice.js";
import * as rule from "../src/rule.js";

const decision = (written, old) => {
  const [change, current] = changeOf("db/pool.json", written, old);
  const validator = exported({}, rule, current);
  assert.deepEqual(validator.configure('{"connections_max": 100, "growth_max": 2}'), []);
  return validator.validate(change).decision;
};

test("a pool within the limit is accepted and one beyond it is not", () => {
  assert.equal(decision('{"connections": 100}'), "accept");
  assert.equal(decision('{"connections": 101}'), "reject");
});

test("a pool that grows too fast is refused", () => {
  assert.equal(decision('{"connections": 90}', '{"connections": 40}'), "reject");
});

test("settings that allow nothing, or that nobody knows, are refused", () => {
  assert.equal(rule.configure({ connections_max: 100, growth_max: 0.5 })[0].pointer, "/growth_max");
  assert.equal(rule.configure({ connections_max: 100, growth_max: 2, grow: 1 })[0].pointer, "/grow");
  assert.equal(rule.configure(null).length, 1);
});

test("no case throws", () => {
  const cases = new URL("../cases/", import.meta.url);
  for (const name of readdirSync(cases)) {
    if (/\.(accept|reject)\./.test(name)) decision(readFileSync(new URL(name, cases), "utf8"));
  }
});
