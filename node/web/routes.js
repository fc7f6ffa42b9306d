// Paths and why each won or lost; a prefix opens every stage of its way.
import { get } from "./api.js";
import { at, duration, el, facts, fill, mark, table } from "./dom.js";

const LIMIT = 200;

function chips(route) {
  if (route.filteredBy) return mark("bad", `refused: ${route.filteredBy}`);
  const words = [route.best && "best", route.multipath && "ECMP", route.programmed && "programmed",
                 route.stale && route.class].filter(Boolean);
  return words.length ? mark(route.stale ? "warn" : "good", words.join(", ")) : mark("faint", "not used");
}

const path = (route) => route.asPath.map((as) => (Array.isArray(as) ? `{${as.join(",")}}` : as)).join(" ");

const columns = [
  { title: "Prefix", of: (r) => el("button", { class: "link", type: "button", onclick: () => explain(r.prefix) }, r.prefix) },
  { title: "Next hop", of: (r) => r.nextHop ?? "self" },
  { title: "From", of: (r) => r.peer },
  { title: "Node", of: (r) => r.node },
  { title: "AS path", of: path },
  { title: "Use", of: chips },
  { title: "Age", kind: "number", of: (r) => duration(r.ageSeconds) },
  { title: "Why", kind: "wide", of: (r) => r.selectionReason },
];

function stages(p) {
  const { selected } = p;
  const word = selected.best ? "yes" : selected.multipath ? "shares" : "no";
  return el("div", {}, el("h4", {}, `From ${p.peer} by ${p.node}`), facts([
    ["received", `next hop ${p.nextHop ?? "self"}, path ${path(p) || "(empty)"}, origin ${p.origin}`],
    ["policy", [p.policy.verdict, p.policy.text].filter(Boolean).join(": ")],
    ["selected", `${word} – ${selected.reason}${selected.against.length ? ` (${selected.against.join(", ")})` : ""}`],
    ["advertised to", p.advertisedTo.join(", ") || "nobody"],
  ]));
}

function target(t) {
  const has = t.installed.join(" "), wants = t.wanted.join(" ");
  return [t.target, [t.state, t.text, has && `has ${has}`, wants !== has && wants && `wants ${wants}`].filter(Boolean).join(" – ")];
}

async function explain(prefix) {
  const answer = await get("/v1/routes/explain", { prefix }).catch((error) => ({ error }));
  if (answer.error) return fill("explain", el("p", { class: "bad" }, answer.error.message));
  return fill("explain", el("article", { class: "card detail" },
    el("h3", {}, answer.prefix, el("button", { type: "button", onclick: () => fill("explain") }, "close")),
    ...answer.paths.map(stages), el("h4", {}, "Programmed"), facts(answer.programmed.map(target))));
}

// A bare address means the route that it takes; a prefix means itself and what it covers.
function query(form) {
  const q = { limit: LIMIT }, text = form.get("prefix").trim(), state = form.get("state");
  if (text) Object.assign(q, { prefix: text, match: text.includes("/") ? "longer" : "lpm" });
  if (form.get("peer")) q.peer = form.get("peer");
  if (state === "best") q.best = "true";
  else if (state !== "any") q.state = state;
  return q;
}

async function look(event) {
  event?.preventDefault();
  const answer = await get("/v1/routes", query(new FormData(at("search")))).catch((error) => ({ error }));
  if (answer.error) return fill("routes", el("p", { class: "none bad" }, answer.error.message));
  return fill("routes", table(columns, answer.items, "No path fits."),
              answer.nextCursor ? el("p", { class: "none" }, `The first ${answer.items.length}; a longer prefix shows fewer.`) : "");
}

export function startRoutes() {
  at("search").addEventListener("submit", look);
  for (const list of at("search").querySelectorAll("select")) list.addEventListener("change", look);
  look();
}

// The peers to choose from, when they are other ones.
export function namePeers(peers) {
  const list = at("search").elements.peer, names = peers.map((p) => p.name), chosen = list.value;
  if (names.join("\n") === [...list.options].slice(1).map((o) => o.value).join("\n")) return;
  list.replaceChildren(el("option", { value: "" }, "all"), ...names.map((name) => el("option", { value: name }, name)));
  list.value = names.includes(chosen) ? chosen : "";
}
