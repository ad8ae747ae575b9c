// Groups of circles that overlap where there is little room: one mark with a count, which opens by zooming in.
import { leaflet as L } from "nicegui-leaflet";

const OVERLAP_SHARE = 0.85; // of the sum of two radii: nearer than that, one covers the other
const SIZE_PX = 34;
const ORDER = ["good", "fair", "poor", "down"]; // the worst last

// Groups of two or more ids; circles are {id, x, y, radius}, the largest first.
export function groupsOf(circles) {
  const groups = [];
  for (const one of circles) {
    const near = groups.find(({ x, y, radius }) => Math.hypot(x - one.x, y - one.y) < OVERLAP_SHARE * (radius + one.radius));
    if (near) near.ids.push(one.id);
    else groups.push({ x: one.x, y: one.y, radius: one.radius, ids: [one.id] });
  }
  return groups.filter(({ ids }) => ids.length > 1).map(({ ids }) => ids.sort());
}

// Marks of groups on a map; `open` is called with the ids of the group that was chosen.
export function clusterMarks(map, open) {
  let marks = [];
  return {
    show(groups, placeOf) {
      for (const { mark } of marks) mark.remove();
      marks = groups.map((ids) => {
        const icon = L.divIcon({ className: "site-cluster", html: "", iconSize: [SIZE_PX, SIZE_PX] });
        const mark = L.marker(L.latLngBounds(ids.map(placeOf)).getCenter(), { icon, keyboard: true, zIndexOffset: 500 });
        mark.on("click", () => open(ids));
        mark.on("keydown", ({ originalEvent }) => originalEvent.key === "Enter" && open(ids));
        mark.addTo(map);
        return { ids, mark };
      });
    },
    // The worst of a group colours it; its name says whom it stands for.
    paint(bandOf, nameOf) {
      for (const { ids, mark } of marks) {
        const element = mark.getElement();
        element.textContent = String(ids.length);
        element.dataset.band = ids.map(bandOf).reduce((worst, band) => (ORDER.indexOf(band) > ORDER.indexOf(worst) ? band : worst));
        element.setAttribute("aria-label", `${ids.length} sites: ${ids.slice(0, 5).map(nameOf).join(", ")}; opens by zooming in`);
      }
    },
  };
}
