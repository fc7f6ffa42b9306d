// Events, newest first, and the rate of route changes while the page is open.
import { clock, el, fill } from "./dom.js";

const SHOWN = 40, SAMPLES = 120;
const kinds = { warn: "warn", error: "bad" };
const samples = [];
let last = null;

function line(event) {
  const fields = Object.entries(event.fields).map(([key, value]) => `${key}=${value}`).join(" ");
  return el("li", {}, el("time", { datetime: event.time }, clock(event.time)),
            el("b", { class: kinds[event.level] }, event.event), ` ${event.subject} ${fields}`);
}

// Steps of a session on its way up or down say little beside its coming and going.
const isNews = ({ event, fields }) => event !== "peer_state" || [fields.from, fields.to].includes("Established");

export const showEvents = (events) => fill("events", ...events.filter(isNews).slice(-SHOWN).reverse().map(line));

function chart(values, top) {
  const space = "http://www.w3.org/2000/svg", width = SAMPLES - 1;
  const points = values.map((v, i) => `${width - (values.length - 1) + i} ${(38 - (36 * v) / top).toFixed(1)}`);
  const svg = document.createElementNS(space, "svg"), line = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", `0 0 ${width} 40`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Route changes a second, at most ${top.toFixed(0)}`);
  line.setAttribute("d", `M ${points.join(" L ")}`);
  svg.append(line);
  return svg;
}

export function showRate({ counts }) {
  const now = { at: performance.now(), changes: counts.updates + counts.withdrawals };
  if (last && now.at > last.at) samples.push(Math.max(0, ((now.changes - last.changes) * 1000) / (now.at - last.at)));
  last = now;
  samples.splice(0, samples.length - SAMPLES);
  if (samples.length < 2) return;
  const top = Math.max(1, ...samples);
  fill("rate", el("p", {}, `Route changes a second: ${samples.at(-1).toFixed(0)} now, ${top.toFixed(0)} at most since this page was opened`),
       chart(samples, top));
}
