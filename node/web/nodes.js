// One card a node: what this node believes of it.
import { duration, el, facts, fill, mark, many } from "./dom.js";

const kinds = { ok: "good", suspect: "warn", left: "faint" };

function digest(node) {
  if (node.digestEqual === undefined) return null;
  return node.digestEqual ? mark("good", "equal table") : mark("bad", "DIFFERENT table");
}

function card(node) {
  return el("article", { class: "card" },
    el("h3", {}, node.self ? `${node.name} (this one)` : node.name, mark(kinds[node.health] ?? "bad", node.health)),
    facts([
      ["address", node.address],
      ["role", node.role === "active" ? null : node.role],
      ["up", node.uptimeSeconds === null ? null : `${duration(node.uptimeSeconds)}, version ${node.version}`],
      [`${node.health} for`, node.self ? null : duration(node.stateSeconds)],
      ["sessions", String(node.sessions)],
      ["routes", `${many(node.paths, "path")}, ${node.originClass}`],
      ["behind", node.self ? null : `${many(node.versionsBehind, "change")}, ${(node.lagSeconds * 1000).toFixed(0)} ms`],
      ["decided", digest(node)],
      ["configuration", node.configEqual ? null : mark("warn", "another one")],
      ["last error", node.lastError],
    ]));
}

export const showNodes = (nodes) => fill("nodes", ...nodes.map(card));
