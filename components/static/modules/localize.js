// Shows every text of the page in the units that this browser wants, also those that come later. Nothing is watched
// where the preferences are those of the server. What is typed, and what explains formulas, stays as it is.
import { isDefault, isMoneyOther, localized, onPreferences, rateText } from "./preferences.js";

const AS_IS = "script, style, textarea, input, select, form, label, code, pre, .js-plotly-plot, [data-as-is]";
const NAMED = ["title", "aria-label"]; // attributes that people read or hear
const told = new WeakMap(); // text node -> {raw, shown}
const toldOf = Object.fromEntries(NAMED.map((name) => [name, new WeakMap()])); // element -> {raw, shown}
const watched = { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["title", "aria-label"] };
let observer = null;

export function followPreferences() {
  onPreferences(follow);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", follow);
  else follow();
}

function follow() {
  document.documentElement.toggleAttribute("data-converted", isMoneyOther());
  if (isDefault()) {
    observer?.disconnect();
    observer = null;
    restate(document.body); // as the server wrote it
    return;
  }
  restate(document.body);
  if (observer) return;
  observer = new MutationObserver((changes) => {
    const roots = new Set(changes.flatMap(({ type, target, addedNodes }) => (type === "childList" ? [...addedNodes] : [target])));
    for (const root of roots) if (root.isConnected) restate(contextOf(root));
    observer?.takeRecords(); // of what was written here
  });
  observer.observe(document.body, watched);
}

// A figure and its unit, or a time and its date, are read together.
function contextOf(node) {
  const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
  return element?.closest(".kpi-value, td, th") ?? node;
}

function restate(root) {
  if (root.nodeType === Node.TEXT_NODE) return restateText(root);
  if (root.nodeType !== Node.ELEMENT_NODE || root.closest(AS_IS)) return;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) restateText(walker.currentNode);
  for (const name of NAMED) for (const element of [root, ...root.querySelectorAll(`[${name}]`)]) restateNamed(element, name);
}

function restateText(node) {
  const parent = node.parentElement;
  if (!parent || !node.data.trim() || parent.closest(AS_IS)) return;
  const raw = rawOf(node, node.data);
  const unit = unitOf(parent);
  const isHead = unit.includes("USD") && !raw.includes("USD") && parent.closest("th[scope=col]");
  const shown = isHead && isMoneyOther() ? `${raw}, ${rateText()}` : localized(raw, unit, noteOf(parent));
  told.set(node, { raw, shown });
  if (node.data !== shown) node.data = shown;
}

function restateNamed(element, name) {
  const now = element.getAttribute(name);
  if (!now || element.closest(AS_IS)) return;
  const raw = rawOf(element, now, toldOf[name]);
  const shown = localized(raw);
  toldOf[name].set(element, { raw, shown });
  if (now !== shown) element.setAttribute(name, shown);
}

// What the server wrote: what stands there now, unless that was written here.
function rawOf(node, now, known = told) {
  const before = known.get(node);
  return before && before.shown === now ? before.raw : now;
}

function rawIn(element) {
  const node = element?.firstChild;
  return node?.nodeType === Node.TEXT_NODE ? rawOf(node, node.data) : "";
}

// The unit of a bare number: stated on its cell, or beside it in a key figure.
function unitOf(element) {
  const figure = element.closest(".kpi-value");
  if (figure) return element.matches(".kpi-unit") ? "" : rawIn(figure.querySelector(".kpi-unit"));
  return element.closest("[data-unit]")?.dataset.unit ?? "";
}

// In a column of times the date stands as a note below the time.
function noteOf(element) {
  const cell = element.closest("[data-unit=UTC]");
  const note = cell?.querySelector(".cell-note");
  if (!note) return "";
  return element === note ? rawIn(cell.querySelector("span:not(.cell-note)")) : rawIn(note);
}
