// A press on a site counts for the site on which it began. While a button is down, a notice may come or go and move the map
// from under the pointer: browsers then give the click to whatever holds both places.
const STILL_PX = 6; // a press that moves further drags the map

// Calls open(id, isTouch) for each press; `begin` is told on which site one has begun, by its event.
export function followPresses(map, open) {
  let begun = null;
  const forget = () => (begun = null);
  const end = (event) => {
    const press = begun;
    forget();
    if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) > STILL_PX) return;
    open(press.id, event.pointerType === "touch");
  };
  const forgetters = ["pointerdown", "pointercancel", "keydown"]; // a button may be let go where no page hears of it
  forgetters.forEach((name) => document.addEventListener(name, forget, { capture: true }));
  document.addEventListener("click", end);
  map.on("unload", () => {
    forgetters.forEach((name) => document.removeEventListener(name, forget, { capture: true }));
    document.removeEventListener("click", end);
  });
  return {
    begin(id, { button, clientX, clientY }) {
      if (button === 0) begun = { id, x: clientX, y: clientY };
    },
    isBegun: () => begun !== null,
  };
}
