// The state in words: how it is, why, and the one thing to do next.
import { at, clock, el, many } from "./dom.js";

function summary({ counts }) {
  return [
    `${counts.nodesAlive} of ${many(counts.nodes, "node")}`,
    `${counts.peersUp} of ${many(counts.peers, "peer")} up`,
    `${many(counts.prefixes, "prefix", "prefixes")}`,
  ].join(", ");
}

export function verdict(status) {
  const failed = status.checks.filter((check) => !check.ok).map((check) => `${check.name}: ${check.detail}`);
  if (!status.ready) {
    return { kind: "down", word: status.phase === "converging" ? "Starting" : "Not ready", reasons: failed,
             next: "a load balancer sends nothing here meanwhile; on the node: tandemctl doctor" };
  }
  if (status.warnings.length) {
    return { kind: "degraded", word: "Ready, with warnings", reasons: status.warnings,
             next: "on the node, tandemctl doctor names the mend of each" };
  }
  return { kind: "ready", word: "Ready", reasons: [], next: "" };
}

function show(kind, ...children) {
  const section = at("verdict");
  section.className = kind;
  section.replaceChildren(...children);
}

export function showVerdict(status) {
  const v = verdict(status);
  show(v.kind, el("p", {}, el("strong", {}, v.word), ` – ${summary(status)}`),
       v.reasons.length ? el("ul", {}, ...v.reasons.map((reason) => el("li", {}, reason))) : "",
       v.next ? el("p", {}, `Next: ${v.next}.`) : "");
}

// What stands on the page is old: say since when, and where else to look.
export function showLost(since, others) {
  const links = others.flatMap((url, i) => [i ? ", " : "", el("a", { href: url }, url)]);
  show("lost", el("p", {}, el("strong", {}, "No answer from this node"), ` since ${clock(since)}. What is below was true then.`),
       others.length ? el("p", {}, "Next: ask another node: ", ...links) : el("p", {}, "Next: is tandemd running?"));
}
