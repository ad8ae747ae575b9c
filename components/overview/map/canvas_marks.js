// The sites of a large fleet, painted: a thousand elements that change every second would stop the page.
// A field beside the map finds sites for those who use no mouse.
import { leaflet as L } from "nicegui-leaflet";
import { followPresses } from "mara-map/press.js";

const RING_PX = 3;
const COLOURS = { good: "--cool", fair: "--tepid", poor: "--hot", down: "--hot" };

const Dot = L.CircleMarker.extend({
  _clickTolerance: () => RING_PX + 2, // also how far beyond the radius is cleared before a repaint
  _updatePath() {
    L.CircleMarker.prototype._updatePath.call(this);
    const { status, ink, warn } = this.options;
    const { _ctx: pen, _drawing: isDrawing } = this._renderer;
    if (!isDrawing || this._empty() || status === "running") return;
    const { x, y } = this._point;
    const radius = this._radius;
    pen.save();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.2;
    pen.strokeStyle = status === "partial" ? warn : ink;
    pen.setLineDash(status === "partial" ? [2, 2] : []);
    pen.beginPath();
    if (status === "down") {
      pen.moveTo(x - radius, y - radius);
      pen.lineTo(x + radius, y + radius);
      pen.moveTo(x - radius, y + radius);
      pen.lineTo(x + radius, y - radius);
    } else pen.arc(x, y, radius + RING_PX, 0, 2 * Math.PI);
    pen.stroke();
    pen.restore();
  },
});

// `told` is called back: point(id), leave(id), open(id, isTouch), takeDown(id).
export function canvasMarks(map, told) {
  const marks = {};
  const presses = followPresses(map, told.open);
  const renderer = L.canvas({ padding: 0.2 });
  let looks = {};

  function readLooks() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    looks = Object.fromEntries(Object.entries(COLOURS).map(([band, name]) => [band, value(name)]));
    Object.assign(looks, { ink: value("--ink"), warn: value("--warn") });
  }

  readLooks();
  return {
    ids: () => Object.keys(marks),
    add(id, { lat, lon }) {
      const dot = new Dot([lat, lon], { renderer, weight: 1, fillOpacity: 0.5, radius: 3, bubblingMouseEvents: false, status: "running" });
      dot.on("mouseover", () => told.point(id));
      dot.on("mouseout", () => told.leave(id));
      dot.on("mousedown", ({ originalEvent }) => presses.begin(id, originalEvent));
      dot.on("contextmenu", () => told.takeDown(id));
      marks[id] = dot.addTo(map);
    },
    remove(id) {
      marks[id].remove();
      delete marks[id];
    },
    draw(id, site, now, band, radius) {
      const { ink, warn, [band]: tone } = looks;
      marks[id].setStyle({ radius, color: tone, fillColor: tone, status: now.status, band, ink, warn });
    },
    hide(id, isHidden) {
      if (isHidden === !map.hasLayer(marks[id])) return;
      if (isHidden) marks[id].remove();
      else marks[id].addTo(map);
    },
    place: (id) => ({ at: marks[id].getLatLng(), radius: marks[id].getRadius() + RING_PX }),
    repaint() {
      readLooks();
      const { ink, warn } = looks;
      for (const dot of Object.values(marks)) {
        const tone = looks[dot.options.band];
        dot.setStyle({ color: tone, fillColor: tone, ink, warn });
      }
    },
  };
}
