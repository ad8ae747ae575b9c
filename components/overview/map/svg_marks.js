// The sites of a fleet of ordinary size: elements that a keyboard reaches and a test can tell apart, made once.
import { leaflet as L } from "nicegui-leaflet";
import { number } from "mara";
import { summaryOf } from "mara-map/card.js";
import { followPresses } from "mara-map/press.js";

const RING_PX = 4;

// `told` is called back: point(id), leave(id), open(id, isTouch), takeDown(id).
export function svgMarks(map, told) {
  const marks = {};
  const presses = followPresses(map, told.open);

  function listen(id, path) {
    path.dataset.site = id;
    path.setAttribute("tabindex", "0");
    path.setAttribute("role", "link");
    for (const event of ["pointerenter", "focus"]) path.addEventListener(event, () => told.point(id));
    for (const event of ["pointerleave", "blur"]) path.addEventListener(event, () => told.leave(id));
    path.addEventListener("pointerdown", (event) => presses.begin(id, event));
    path.addEventListener("click", () => presses.isBegun() || told.open(id, false)); // a screen reader presses nothing
    path.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      told.takeDown(id);
    });
    path.addEventListener("keydown", (event) => {
      if (event.key === "Escape") told.leave(id);
      if (event.key === "Enter") told.open(id, false);
    });
  }

  return {
    ids: () => Object.keys(marks),
    add(id, { lat, lon }) {
      const at = [lat, lon];
      const ring = L.circleMarker(at, { className: "ring", fill: false, interactive: false, weight: 1.5 });
      const circle = L.circleMarker(at, { className: "site", weight: 1.5, fillOpacity: 0.4, bubblingMouseEvents: false });
      const icon = L.divIcon({ className: "site-sign", html: "", iconSize: [24, 14] });
      const sign = L.marker(at, { icon, interactive: false, keyboard: false });
      for (const layer of [ring, circle, sign]) layer.addTo(map);
      listen(id, circle.getElement());
      marks[id] = { ring, circle, sign };
    },
    remove(id) {
      for (const layer of Object.values(marks[id])) layer.remove();
      delete marks[id];
    },
    draw(id, site, now, band, radius) {
      const { ring, circle, sign } = marks[id];
      if (circle.getRadius() !== radius) {
        circle.setRadius(radius);
        ring.setRadius(radius + RING_PX);
      }
      const path = circle.getElement();
      path.dataset.band = band;
      path.setAttribute("aria-label", summaryOf(site, now));
      ring.getElement().dataset.status = now.status;
      sign.getElement().dataset.status = now.status;
      const text = now.status === "down" ? "\u2715" : number(now.efficiency_share * 100);
      if (sign.getElement().textContent !== text) sign.getElement().textContent = text;
    },
    // Draws a site elsewhere than it lies: beside another one that it would cover.
    shift(id, at) {
      for (const layer of Object.values(marks[id])) layer.setLatLng(at);
    },
    hide(id, isHidden) {
      const { ring, circle, sign } = marks[id];
      for (const layer of [ring, circle, sign]) layer.getElement().style.display = isHidden ? "none" : "";
    },
    place: (id) => ({ at: marks[id].circle.getLatLng(), radius: marks[id].circle.getRadius() + RING_PX }),
    repaint() {}, // the stylesheet does
  };
}
