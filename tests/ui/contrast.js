// Texts that are too faint: WCAG 2 success criterion 1.4.3 wants 4.5 to 1, 3 to 1 for large ones.
const number = (text) => text.match(/[\d.]+/g).map(Number);

function luminance([r, g, b]) {
  const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
}

function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const colour = number(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
}

function contrast(element) {
  const [a, b] = [number(getComputedStyle(element).color), ground(element)].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const faint = new Set();
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("option, script")) continue;
  const isLarge = parseFloat(getComputedStyle(element).fontSize) >= 24;
  if (contrast(element) < (isLarge ? 3 : 4.5)) faint.add(`${walker.currentNode.data.trim()}: ${contrast(element).toFixed(2)}`);
}
return [...faint];
