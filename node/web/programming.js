// Wanted against installed, for every target and every host agent.
import { fill, mark, table } from "./dom.js";

function state(row) {
  if (row.connected === false) return mark("warn", "not connected");
  if (row.failed) return mark("bad", `${row.failed} failed`);
  if (row.brake) return mark("warn", `brake holds ${row.heldByBrake}`);
  if (row.lastError) return mark("bad", "in trouble");
  if (row.runsHere === false) return mark("faint", "another node's");
  if (row.role) return mark("good", row.role);
  return row.pending ? mark("warn", `${row.pending} pending`) : mark("good", "as wanted");
}

const columns = [
  { title: "Table", of: (t) => t.name },
  { title: "Kind", of: (t) => t.type ?? "agent" },
  { title: "Wanted", kind: "number", of: (t) => t.wanted?.toLocaleString() },
  { title: "Installed", kind: "number", of: (t) => t.installed?.toLocaleString() },
  { title: "State", of: state },
  { title: "Last error", kind: "wide", of: (t) => t.lastError ?? "" },
];

// A table for agents is followed by those who follow it; connected is a count there.
function rows(target) {
  if (!target.agents) return [target];
  const { agents, ...served } = target;
  return [{ ...served, connected: undefined, role: `${target.connected} of ${agents.length} agents` }, ...agents];
}

export const showProgramming = (targets) =>
  fill("programming", table(columns, targets.flatMap(rows), "Nothing is programmed: there is no entry under programming."));
