// What every screen of Mara shares: its picture (all it shows, by channel and key), numbers as text, the theme.
// Loaded in the head, so that the theme stands before the first paint.
window.mara = (() => {
  const root = document.documentElement;
  const picture = {};
  const watchers = {};

  // Takes {channel: {key: value}}; null removes a key. Called by the server, once a second at most.
  function apply(changes) {
    for (const [channel, values] of Object.entries(changes)) {
      const kept = (picture[channel] ??= {});
      for (const [key, value] of Object.entries(values)) {
        if (value === null) delete kept[key];
        else kept[key] = value;
      }
      for (const watcher of watchers[channel] ?? []) watcher(values, kept);
    }
  }

  // Takes the whole picture after a gap: what it does not name is gone.
  function show(whole) {
    const changes = {};
    for (const channel of new Set([...Object.keys(picture), ...Object.keys(whole)])) {
      const gone = Object.fromEntries(Object.keys(picture[channel] ?? {}).map((key) => [key, null]));
      changes[channel] = { ...gone, ...whole[channel] };
    }
    apply(changes);
  }

  // Calls watcher(changes, all) now, if there is something, and at every change; returns how to stop it.
  function watch(channel, watcher) {
    (watchers[channel] ??= new Set()).add(watcher);
    if (picture[channel]) watcher(picture[channel], picture[channel]);
    return () => watchers[channel].delete(watcher);
  }

  // What a channel holds now.
  const read = (channel) => picture[channel] ?? {};

  // Thin-space thousands, a real minus, and no minus before a zero: as components/format.py writes them.
  function number(value, decimals = 0) {
    const [whole, fraction] = Math.abs(value).toFixed(decimals).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
    const minus = value < 0 && Number(value.toFixed(decimals)) !== 0 ? "\u2212" : "";
    return minus + grouped + (fraction ? "." + fraction : "");
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const THEME_KEY = "mara-theme";
  const prefersLight = window.matchMedia("(prefers-color-scheme: light)");

  function paintTheme() {
    root.dataset.theme = stored(THEME_KEY) ?? (prefersLight.matches ? "light" : "dark");
    window.Quasar?.Dark?.set(root.dataset.theme === "dark");
    window.dispatchEvent(new Event("mara-theme"));
  }

  function toggleTheme() {
    if (store(THEME_KEY, root.dataset.theme === "dark" ? "light" : "dark")) paintTheme();
  }

  // A browser without its server must not look alive: it says so, and since when.
  function followConnection() {
    if (!window.socket) return setTimeout(followConnection, 50);
    window.socket.on("connect", () => {
      link("up", "");
      greet();
    });
    window.socket.on("disconnect", () => {
      const since = new Date().toLocaleTimeString("en-GB");
      const lose = () => {
        if (window.socket.connected) return;
        link("lost", `No connection to Mara since ${since} on your clock. What you see is old; trying again by itself.`);
        pill("No connection", "lost");
        logInAgain();
      };
      if (root.dataset.link === "renewing") setTimeout(lose, MOST_RENEWAL_MS);
      else lose();
    });
    window.socket.on("connect_error", logInAgain);
  }

  const MOST_RENEWAL_MS = 60_000; // of an ordered end: after that the server is missed

  // The server is about to end this run and begin another: what was ordered is no alarm.
  function renew() {
    link("renewing", "A new run is being started, as was ordered. This page comes back by itself.");
    pill("Starting", "starting");
  }

  // What the engine's state shows until the server says it anew.
  const pill = (words, state) => apply({ cells: { engine: [words, state] } });

  // Whoever is not known any more, because the session is over, is shown the login instead of a page that stands still.
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

  // Single keys press the control that names them in aria-keyshortcuts, unless a field or a dialog has the focus.
  const KEYS_OFF = "mara-keys-off";

  function stored(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage may be forbidden
    }
  }

  function store(key, value) {
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
      return true;
    } catch {
      return false;
    }
  }

  function pressKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || stored(KEYS_OFF)) return;
    if (event.target.closest?.("input, select, textarea, dialog, [contenteditable], [role=listbox], .q-menu")) return;
    const named = [...document.querySelectorAll(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`)];
    const shown = named.find((control) => control.getClientRects().length);
    if (!shown) return;
    event.preventDefault();
    shown.click();
  }

  const keys = {
    areOn: () => !stored(KEYS_OFF),
    turn: (on) => store(KEYS_OFF, on ? null : "yes"),
  };

  // What depends on what this browser has stored, once the page stands.
  function greet() {
    const box = document.getElementById("keys-on");
    if (box) box.checked = keys.areOn();
    const tour = document.querySelector("#tour[data-first-visit]");
    if (tour && !tour.open && canStore() && !stored("mara-tour")) tour.showModal();
  }

  function canStore() {
    return store("mara-visited", "yes"); // where nothing can be remembered, a tour would come at every visit
  }

  // Opens the question which sites to take down; the site that is pointed at is chosen already.
  function askOutage(site = window.mara.pointed) {
    window.dispatchEvent(new CustomEvent("mara-outage", { detail: site }));
  }

  paintTheme();
  document.addEventListener("keydown", pressKey);
  prefersLight.addEventListener("change", paintTheme);
  document.addEventListener("DOMContentLoaded", () => {
    paintTheme();
    followConnection();
  });
  watch("cells", (changes) => {
    if (changes.engine) root.dataset.engine = changes.engine[1];
  });
  return { apply, show, watch, read, number, element, toggleTheme, renew, keys, askOutage, stored, store, pointed: "" };
})();
