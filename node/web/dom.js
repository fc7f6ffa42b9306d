// Elements and words. Everything of the outside world becomes text nodes, never markup.

export const at = (id) => document.getElementById(id);

// el("td", { class: "number" }, 5, el("b", {}, "x"))
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (value !== undefined && value !== null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const fill = (id, ...children) => at(id).replaceChildren(...children);

// columns: { title, of: row => text or node, kind: class of the cell }
export function table(columns, rows, none) {
  if (!rows.length) return el("p", { class: "none" }, none);
  const head = columns.map((c) => el("th", { scope: "col", class: c.kind }, c.title));
  const line = (row) => el("tr", {}, ...columns.map((c) => el("td", { class: c.kind }, c.of(row) ?? "-")));
  return el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows.map(line)));
}

// pairs: [ [ "word", text or node ], … ]; those without a value are left out
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", {}, ...told.flatMap(([word, value]) => [el("dt", {}, word), el("dd", {}, value)]));
}

// A state as a letter's worth of shape, a word, and a colour.
const shapes = { good: "●", warn: "◐", bad: "○", faint: "–" };
export const mark = (kind, word) => el("span", { class: kind }, `${shapes[kind]} ${word}`);

export function duration(seconds) {
  if (seconds === undefined || seconds === null) return "-";
  const s = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  if (s >= 86400) return `${Math.floor(s / 86400)}d${two(Math.floor((s % 86400) / 3600))}h`;
  return `${two(Math.floor(s / 3600))}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
}

export const clock = (time) => new Date(time).toLocaleTimeString();
export const many = (n, word, words = `${word}s`) => `${n.toLocaleString()} ${n === 1 ? word : words}`;
