// What was typed into the forms of a page is still there when the page was loaded anew: because the server was away for too
// long, the session had ended, or the first tick came. It is kept for that alone: in this tab, for this page, until it is
// put back.
const KEY = "mara-drafts";
const FIELDS = "form :is(input, select, textarea):not([type=password], [type=file], [type=hidden], [type=submit])";
const LOOK_EVERY_MS = 200;
const JUST_MS = 10_000;
const MOST_LOOKS = 25; // forms come when their scripts have loaded

function keyOf(field) {
  const forms = [...document.forms];
  const form = field.form.getAttribute("aria-label") ?? forms.indexOf(field.form);
  const own = field.name || field.id || field.getAttribute("aria-label") || [...field.form.elements].indexOf(field);
  return `${form}|${own}|${field.type === "radio" ? field.value : ""}`;
}

const isBox = (field) => field.type === "checkbox" || field.type === "radio";
const valueOf = (field) => (isBox(field) ? field.checked : field.value);
const fields = () => [...document.querySelectorAll(FIELDS)].filter(({ form }) => form);

let wasLost = false; // whether the connection was lost a moment ago

// Follows the connection: a page that goes while it is lost, or just after, leaves what was typed for the next one.
export function followDrafts(socket) {
  let forgetting;
  socket.on("disconnect", () => {
    clearTimeout(forgetting);
    wasLost = true;
  });
  socket.on("connect", () => (forgetting = setTimeout(() => (wasLost = false), JUST_MS)));
  window.addEventListener("pagehide", () => wasLost && keepDrafts());
  putBack(read(), MOST_LOOKS);
  forget();
}

export function keepDrafts() {
  const typed = Object.fromEntries(fields().map((field) => [keyOf(field), valueOf(field)]));
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, typed }));
  } catch {
    // nothing can be kept: the forms begin anew
  }
}

// Puts back what was typed, as if it were typed now.
function putBack(kept, looks) {
  if (kept?.path !== location.pathname) return;
  const left = { ...kept.typed };
  for (const field of fields()) {
    const key = keyOf(field);
    if (!(key in left)) continue;
    put(field, left[key]);
    delete left[key];
  }
  if (Object.keys(left).length && looks) setTimeout(() => putBack({ ...kept, typed: left }, looks - 1), LOOK_EVERY_MS);
}

function put(field, value) {
  if (valueOf(field) === value) return;
  if (isBox(field)) field.checked = value;
  else field.value = value;
  for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // there was nothing to keep it in
  }
}
