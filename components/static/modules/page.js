// What every page does beside its components: single keys, the notice of a lost connection, the theme.
import { watch } from "vue";
import { followDrafts, keepDrafts } from "./drafts.js";
import { channel, forget, patch } from "./state.js";
import { store, stored } from "./storage.js";

const KEYS_OFF = "mara-keys-off";
const TOUR_SEEN = "mara-tour";
const TYPED_INTO = "input, select, textarea, dialog, [contenteditable], [role=listbox]";
const RANGE = ["range", "from", "to"]; // what an address says of the charts' time
const NO_PAGES = /^\/(api|static|_nicegui|login|logout|metrics)(\/|$)/;
const MOST_RENEWAL_MS = 60_000; // a new run takes less; after that the server counts as lost
const SOCKET_POLL_MS = 50;
const root = document.documentElement;
let pointedSite = "";

export const keys = {
  areOn: () => !stored(KEYS_OFF),
  turn: (on) => store(KEYS_OFF, on ? null : "yes"),
};

export function toggleTheme() {
  if (store(window.maraTheme.KEY, root.dataset.theme === "dark" ? "light" : "dark")) window.maraTheme.paint();
}

// Remembers the site under the pointer, or "" for none: an outage is proposed for it.
export function pointAt(site) {
  pointedSite = site;
}

// Opens the dialog that takes sites down; the site under the pointer is chosen already.
export function askOutage(site = pointedSite) {
  window.dispatchEvent(new CustomEvent("mara-outage", { detail: site }));
}

// Single keys press the control that names them in aria-keyshortcuts, unless a field or a dialog has the focus.
export function followKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !keys.areOn()) return;
    if (event.target.closest?.(TYPED_INTO)) return;
    const named = [...document.querySelectorAll(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`)];
    const shown = named.find((control) => control.getClientRects().length);
    if (!shown) return;
    event.preventDefault();
    shown.click();
  });
}

// An address of this server with the time range of the present page, unless it states something of its own.
export function withRange(address) {
  const [own, there] = [new URLSearchParams(location.search), new URL(address, location.href)];
  const isPage = there.origin === location.origin && !NO_PAGES.test(there.pathname.slice((window.path_prefix ?? "").length));
  if (!isPage || there.search || there.pathname === location.pathname) return address;
  for (const key of RANGE) if (own.has(key)) there.searchParams.set(key, own.get(key));
  return there.href;
}

// Links take the range of the page along, also into another tab: they are changed before they can be used.
export function carryRange() {
  if (!RANGE.some((key) => new URLSearchParams(location.search).has(key))) return;
  const carry = ({ target }) => {
    const link = target.closest?.("a[href]");
    if (link && !link.getAttribute("href").startsWith("#")) link.href = withRange(link.href);
  };
  for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, carry, { capture: true });
}

// Where the pages' names do not fit side by side, the present one is in sight, and its neighbours with it.
function revealHere() {
  const here = document.querySelector('.nav a[aria-current="page"]');
  const bar = here?.parentElement;
  if (bar) bar.scrollLeft = here.offsetLeft - bar.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
}

// States on the page's root what the styles of other elements depend on, or nothing for "". With `:has()` instead, every
// change of the page would have the styles of all of it computed anew.
export function markPage(name, state) {
  if (state) root.dataset[name] = state;
  else delete root.dataset[name];
}

// A page without its server must not look alive: it says so, and since when.
export function followConnection() {
  if (!window.socket) return setTimeout(followConnection, SOCKET_POLL_MS);
  followDrafts(window.socket);
  window.socket.on("connect", () => {
    link("up", "");
    revealHere();
    greet();
  });
  window.socket.on("disconnect", () => {
    forget();
    const since = new Date().toLocaleTimeString("en-GB");
    const lose = () => {
      if (window.socket.connected) return;
      link("lost", `No connection to Mara since ${since} on your clock. What you see is old; trying again by itself.`);
      showEngine("No connection", "lost");
      logInAgain();
    };
    if (root.dataset.link === "renewing") setTimeout(lose, MOST_RENEWAL_MS);
    else lose();
  });
  window.socket.on("connect_error", logInAgain);
}

// The server is about to end this run and begin another by order: the lost connection is no alarm.
export function renew() {
  link("renewing", "A new run is being started, as was ordered. This page comes back by itself.");
  showEngine("Starting", "starting");
}

// This page was drawn when nothing was known of the fleet, and now the first tick is there: it is drawn once more.
export function redraw() {
  keepDrafts();
  location.reload();
}

// Shows a state of the engine until the server sends one.
function showEngine(text, state) {
  patch({ cells: { engine: { text, state } } });
}

// A session that has ended is shown the login instead of a page that stands still.
function logInAgain() {
  fetch(`${window.path_prefix ?? ""}/api/ready`, { cache: "no-store" }).then(
    (answer) => answer.status === 401 && location.reload(),
    () => {}, // the server is away: there is nobody to log in to
  );
}

function link(state, words) {
  root.dataset.link = state;
  const notice = document.getElementById("link-notice");
  if (notice) notice.textContent = words;
}

// Opens the tour at the first visit.
function greet() {
  const tour = document.querySelector("#tour[data-first-visit]");
  const canRemember = store("mara-visited", "yes"); // without that the tour would open at every visit
  if (tour && !tour.open && canRemember && !stored(TOUR_SEEN)) tour.showModal();
}

watch(() => channel("cells").engine, (engine) => engine && (root.dataset.engine = engine.state));
