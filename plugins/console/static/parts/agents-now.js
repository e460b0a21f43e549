// What the kernel knows of its agents, kept fresh: for the pages that show them.

import { recent, subscribe } from "../lib/live.js";
import { Rates } from "../lib/rates.js";
import { useEffect, useState } from "../lib/ui.js";
import { useApi, useNow } from "../lib/use.js";

/** Events after which agents look different. */
export const AGENT_EVENTS = ["agent.spawned", "agent.stopped", "agent.failed", "task.", "tool.called"];

/** `about(agent)` gives `{runs, rate, mailbox}` of one of the `agents`. */
export function useAgentsNow(agents) {
  const works = agents.some((agent) => agent.running.length > 0);
  const tasks = useApi(works ? "/v1/tasks?state=running&limit=500" : "", { every: 2 });
  const actors = useApi("/v1/actors", { every: 5 });
  const rates = useRates();
  const now = useNow(2);
  const runOf = new Map((tasks.value || []).map((task) => [task.id, task.run]));
  return (agent) => ({
    runs: [...new Set(agent.running.map((task) => runOf.get(task)).filter(Boolean))],
    rate: rates.perMinute(agent.name, now),
    mailbox: actors.value?.[`agent:${agent.name}`]?.pending ?? 0,
  });
}

function useRates() {
  const [rates] = useState(() => {
    const made = new Rates();
    made.take(recent);
    return made;
  });
  useEffect(() => subscribe((items) => rates.take(items)), [rates]);
  return rates;
}
