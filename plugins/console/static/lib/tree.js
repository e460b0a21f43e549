// A run's tasks and calls as rows, in the order in which they came about. Pure.

/**
 * `[{key, kind, depth, task, call, kids, shut}]`: each task under the one that asked for it, its calls
 * and its children in the order of their beginnings. What is under one of the `shut` keys is left out.
 */
export function treeRows(run, shut = new Set()) {
  const rows = [];
  const tops = [...run.tasks.values()].filter((task) => !run.tasks.has(task.parent));
  const waiting = tops.reverse().map((task) => ({ task, depth: 1 }));
  while (waiting.length) {
    const next = waiting.pop();
    if (next.call) {
      rows.push({ key: next.call.id, kind: next.call.what, depth: next.depth, task: next.task, call: next.call, kids: 0, shut: false });
      continue;
    }
    const kids = below(next.task, run);
    const isShut = shut.has(next.task.id);
    rows.push({ key: next.task.id, kind: "task", depth: next.depth, task: next.task, call: null, kids: kids.length, shut: isShut });
    if (!isShut) for (const kid of kids.reverse()) waiting.push({ ...kid, depth: next.depth + 1 });
  }
  return rows;
}

function below(task, run) {
  const calls = task.calls.map((call) => ({ task, call, at: call.began, seq: call.seq }));
  const children = task.children.map((id) => run.tasks.get(id)).map((child) => ({ task: child, at: child.submitted, seq: Infinity }));
  return [...calls, ...children].sort((one, other) => one.at - other.at || one.seq - other.seq);
}
