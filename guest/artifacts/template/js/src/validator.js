// What the component exports: the rule, joined to the host it runs in. Only this file needs a host; all others
// run in Node.js, too.

import current from "sluice:validator/current@1.0.0";

import { exported } from "../sluice/sluice.js";
import * as rule from "./rule.js";

const about = {
  name: "{name}",
  version: "0.1.0",
  summary: "Refuses pools larger than the database takes, and pools that grow too fast",
};

export const validator = exported(about, rule, current);
