// The page: asks the node every two seconds, and at once when an event says that something happened.
import { follow, get } from "./api.js";
import { at } from "./dom.js";
import { showNodes } from "./nodes.js";
import { showPeers } from "./peers.js";
import { showProgramming } from "./programming.js";
import { namePeers, startRoutes } from "./routes.js";
import { showEvents, showRate } from "./timeline.js";
import { showLost, showVerdict } from "./verdict.js";

const PERIOD_MS = 2000, AFTER_EVENT_MS = 100;
let heard = Date.now(), others = [], timer = null, isAsking = false;

function showIdentity(status) {
  document.title = `${status.name} – Tandem`;
  at("name").textContent = status.name;
  at("identity").textContent = `AS${status.asn}, seen by ${status.node}, version ${status.version}`;
}

async function ask() {
  const paths = ["/v1/status", "/v1/peers", "/v1/programming", "/v1/events"];
  const [status, peers, programming, events] = await Promise.all(paths.map((path) => get(path)));
  heard = Date.now();
  others = status.nodes.filter((node) => !node.self).flatMap((node) => node.api).map((place) => `http://${place}/`);
  showIdentity(status);
  showVerdict(status);
  showNodes(status.nodes);
  showPeers(peers.items);
  namePeers(peers.items);
  showProgramming(programming.items);
  showEvents(events.items);
  showRate(status);
}

function again(after) {
  clearTimeout(timer);
  timer = setTimeout(turn, after);
}

async function turn() {
  if (isAsking) return;
  isAsking = true;
  await ask().catch(() => showLost(heard, others));
  isAsking = false;
  again(PERIOD_MS);
}

follow(() => again(AFTER_EVENT_MS));
startRoutes();
turn();
