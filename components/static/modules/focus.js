// The focus stays where work is done: when the control that has it goes away, the one in its place gets it, not the page's top.
const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']";
let left = []; // of the control that has the focus: its ancestors from the lowest, each with the place of what lies below it

export function keepFocus() {
  document.addEventListener("focusin", ({ target }) => (left = placesOf(target)));
  document.addEventListener("focusout", ({ target }) => setTimeout(() => forget(target)));
  const observer = new MutationObserver(() => {
    if (document.activeElement !== document.body || !left.length || left[0].below.isConnected) return;
    heir()?.focus({ preventScroll: true }); // the page stays where it is: a click under way hits what it was meant for
  });
  observer.observe(document.body, { childList: true, subtree: true });
}

// A control that lost the focus and is still there was left on purpose, as by a click beside it.
function forget(control) {
  if (control.isConnected && document.activeElement === document.body) left = [];
}

function placesOf(control) {
  const places = [];
  for (let below = control; below !== document.body && below.parentElement; below = below.parentElement) {
    const within = [...below.parentElement.querySelectorAll(CONTROLS)];
    places.push({ below, within: below.parentElement, place: within.findIndex((one) => below.contains(one)) });
  }
  return places;
}

// The next control that can be used, from where the other was: in the lowest ancestor that is still there and has one.
function heir() {
  for (const { within, place } of left) {
    if (!within.isConnected || place < 0) continue;
    const controls = [...within.querySelectorAll(CONTROLS)];
    const found = [...controls.slice(place), ...controls.slice(0, place).reverse()].find(isUsable);
    if (found) return found;
  }
  return null;
}

function isUsable(control) {
  return !control.disabled && control.tabIndex >= 0 && control.checkVisibility({ visibilityProperty: true });
}
