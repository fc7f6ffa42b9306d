// The NVAs: one row each, sessions as one dot a node; a name opens the rest.
import { duration, el, facts, fill, mark, table } from "./dom.js";

let opened = null;

function state(peer) {
  if (peer.adminState !== "enabled") return mark("faint", peer.adminState);
  return mark(peer.state === "Established" ? "good" : "bad", peer.state);
}

function sessions(peer) {
  const up = peer.sessions.filter((s) => s.up).length;
  const isOneSided = up > 0 && up < peer.sessions.length;
  return el("span", {}, ...peer.sessions.map((s) => mark(s.up ? "good" : "bad", `${s.node} `)),
            isOneSided ? el("b", { class: "warn" }, "one-sided") : "");
}

function received({ routes }) {
  return routes.limit ? `${routes.received} of ${routes.limit}` : String(routes.received);
}

const columns = (open) => [
  { title: "Name", of: (p) => el("button", { class: "link", type: "button", onclick: () => open(p.name) }, p.name) },
  { title: "Address", of: (p) => p.peerIp },
  { title: "AS", kind: "number", of: (p) => String(p.peerAsn) },
  { title: "State here", of: state },
  { title: "Since", kind: "number", of: (p) => duration(p.stateSeconds) },
  { title: "Sessions", of: sessions },
  { title: "Received", kind: "number", of: received },
  { title: "Accepted", kind: "number", of: (p) => String(p.routes.accepted) },
  { title: "Best", kind: "number", of: (p) => String(p.routes.best) },
  { title: "Sent", kind: "number", of: (p) => String(p.routes.advertised) },
  { title: "BFD", of: (p) => p.bfdState },
];

function detail(peer, close) {
  const said = (n) => n && `${n.code}/${n.subcode} ${n.reason}${n.text ? `: ${n.text}` : ""} (${new Date(n.time).toLocaleString()})`;
  const c = peer.capabilities;
  return el("article", { class: "card detail" },
    el("h3", {}, peer.name, el("button", { type: "button", onclick: close }, "close")),
    facts([
      ["type", peer.type],
      ["last error", peer.lastError?.text],
      ["notification sent", said(peer.lastNotification?.sent)],
      ["notification received", said(peer.lastNotification?.received)],
      ["held routes", peer.held?.state === "none" ? null : peer.held?.state],
      ["flaps", String(peer.flaps)],
      ["hold time", `${peer.holdTimeSeconds} s`],
      ["families", c?.families.join(", ")],
      ["updates", peer.messages && `${peer.messages.received.update} received, ${peer.messages.sent.update} sent, ${peer.messages.faulty} faulty`],
    ]));
}

export function showPeers(peers) {
  const open = (name) => { opened = name; showPeers(peers); };
  const peer = peers.find((p) => p.name === opened);
  fill("peers", table(columns(open), peers, "No peers are configured."));
  fill("peer", peer ? detail(peer, () => open(null)) : "");
}
