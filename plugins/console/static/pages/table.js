// The pages: their names in the address, their titles and keys.

import { html } from "../lib/ui.js";
import { Agents } from "./agents.js";
import { Approvals } from "./approvals.js";
import { Dead } from "./dead.js";
import { Now } from "./now.js";
import { Plugins } from "./plugins.js";
import { Run } from "./run.js";
import { Runs } from "./runs.js";
import { System } from "./system.js";

export const PAGES = [
  { name: "now", title: "Now", key: "n", Page: Now },
  { name: "runs", title: "Runs", key: "r", Page: RunOrRuns },
  { name: "agents", title: "Agents", key: "a", Page: Agents },
  { name: "plugins", title: "Plugins", key: "p", Page: Plugins },
  { name: "approvals", title: "Approvals", key: "v", Page: Approvals },
  { name: "dead", title: "Dead letters", key: "d", Page: Dead },
  { name: "system", title: "System", key: "s", Page: System },
];

/** The page of an address; the first one for an unknown one. */
export function pageOf(parts) {
  return PAGES.find((page) => page.name === parts[0]) || PAGES[0];
}

function RunOrRuns({ parts, query }) {
  return parts[0] ? html`<${Run} key=${parts[0]} id=${parts[0]} query=${query} />` : html`<${Runs} query=${query} />`;
}
