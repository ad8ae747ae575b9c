// The view model as this browser knows it: channels of values by key, which templates use as reactive state.
import { computed, shallowReactive, shallowRef, toRaw, watch } from "vue";

const MISSING = { text: "\u2013", state: "missing" };
const channels = {};
const revisions = shallowReactive({}); // how often each channel has changed
const entries = {};
let isComplete = false; // whether the whole state came since the connection was made
let tellShown;

// Is resolved once the whole state has come for the first time.
export const whenShown = new Promise((done) => (tellShown = done));

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// A JSON merge patch applied to a value (RFC 7396); nothing is changed in place.
function merged(value, patch) {
  if (!isRecord(patch)) return patch;
  const changed = isRecord(value) ? { ...value } : {};
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete changed[key];
    else changed[key] = merged(changed[key], change);
  }
  return changed;
}

// The values of a channel by key.
export function channel(name) {
  return (channels[name] ??= shallowReactive({}));
}

export const read = channel;

// Changes values from inside the page, or by the server's patch.
export function patch(changes) {
  for (const [name, values] of Object.entries(changes)) {
    const kept = channel(name);
    for (const [key, change] of Object.entries(values)) {
      if (change === null) delete kept[key];
      else kept[key] = merged(kept[key], change);
    }
    revisions[name] = (revisions[name] ?? 0) + 1;
  }
}

// Takes the server's patch {channel: {key: change}}; without the state that it changes it would be half of one.
export function apply(changes) {
  if (isComplete) patch(changes);
}

// Takes the whole state: whatever it does not name is gone.
export function show(whole) {
  isComplete = true;
  for (const name of new Set([...Object.keys(channels), ...Object.keys(whole)])) {
    const kept = channel(name);
    const values = whole[name] ?? {};
    for (const key of Object.keys(kept)) if (!(key in values)) delete kept[key];
    Object.assign(kept, values);
    revisions[name] = (revisions[name] ?? 0) + 1;
  }
  tellShown();
}

// Ignores patches until the whole state comes: those sent while the connection was down are lost.
export function forget() {
  isComplete = false;
}

// A channel as a ref for templates: `first` until the server has sent it.
export function useChannel(name, first = {}) {
  const all = channel(name);
  return computed(() => (revisions[name] ? all : first));
}

// One key of the channel `cells` as a ref: `first` until it is sent, a dash once it is gone.
export function useCell(name, first = "") {
  const cells = channel("cells");
  const shown = shallowRef(name in cells ? cells[name] : first);
  watch(() => cells[name], (value) => (shown.value = value ?? MISSING));
  return shown;
}

// The values of a channel as they are now, for code that reads all of them: templates would not notice their changes.
export function valuesOf(name) {
  return toRaw(channel(name));
}

// The entries of a channel as a ref that all components share, for those that read all of them after every change.
export function useEntries(name) {
  return (entries[name] ??= computed(() => (revisions[name] ? Object.entries(valuesOf(name)) : [])));
}

// Calls `draw` with the channel now, if it has come, and once after every change; for what Vue does not draw.
export function onChange(name, draw) {
  const options = { flush: "sync", immediate: Boolean(revisions[name]) };
  return watch(() => revisions[name], () => draw(valuesOf(name)), options);
}

// The entries of a channel of rows, the highest rank first, then by key.
export function ranked(rows) {
  const entries = Object.entries(rows);
  return entries.sort(([oneKey, one], [otherKey, other]) => other.rank - one.rank || (oneKey < otherKey ? -1 : 1));
}
