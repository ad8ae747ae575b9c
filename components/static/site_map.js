// The fleet on a map that needs no internet: land and borders from a static file, a circle for each site, one card of
// details. Channels of the picture: sites (what is fixed), map (numbers of this tick), moment (simulated time).
// Text reaches the page by textContent only, so a site's name cannot become HTML.
import { leaflet as L } from "nicegui-leaflet";
import { loadResource } from "../../static/utils/resources.js";
import { cardOf, summaryOf } from "mara-map/card.js";
import { nightOf } from "mara-map/night.js";

const WORLD = [
  [-47, -134],
  [72, 165],
];
const EDGE = [
  [-90, -220],
  [90, 220],
];
const RING_PX = 4;

const radiusPx = (powerMw, scale) => Math.min(26, Math.max(6, 3 + 1.15 * Math.sqrt(Math.max(powerMw, 0))) * scale);
const bandOf = (efficiency) => (efficiency > 0.8 ? "good" : efficiency >= 0.6 ? "fair" : "poor");

export default {
  props: { label: String, fields: Array, workloads: Array, leafletCss: String, ground: Object },
  render() {
    return Vue.h("div", { class: "site-map" }, [
      Vue.h("div", { ref: "canvas", class: "site-map-canvas", role: "region", "aria-label": this.label }),
      Vue.h("div", { ref: "card", class: "site-card", role: "tooltip", hidden: true }),
    ]);
  },
  async mounted() {
    await this.$nextTick(); // window.path_prefix is set by now
    await loadResource(window.path_prefix + this.leafletCss);
    if (this.gone) return;
    this.marks = {};
    this.numbers = {};
    this.drawGround();
    const { watch } = window.mara;
    this.unwatch = [
      watch("sites", (_, all) => this.place(all)),
      watch("map", (changes) => this.update(changes)),
      watch("moment", (_, all) => this.turn(all.at)),
    ];
    this.sized = new ResizeObserver(() => this.fit());
    this.sized.observe(this.$refs.canvas);
  },
  unmounted() {
    this.gone = true;
    this.unwatch?.forEach((stop) => stop());
    this.sized?.disconnect();
    this.map?.remove();
  },
  methods: {
    drawGround() {
      this.map = L.map(this.$refs.canvas, {
        crs: L.CRS.EPSG4326, // uses a wide panel better than Mercator: half its height is far north and far south
        attributionControl: false,
        zoomControl: false,
        zoomSnap: 0,
        zoomDelta: 0.75,
        minZoom: -1,
        maxZoom: 7,
        maxBounds: EDGE,
        maxBoundsViscosity: 1,
        scrollWheelZoom: false,
        zoomAnimation: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
      });
      L.control.zoom({ position: "bottomleft" }).addTo(this.map);
      this.map.fitBounds(WORLD, { animate: false });
      for (const [pane, layer] of [["land", 200], ["borders", 205], ["night", 210]]) {
        this.map.createPane(pane).style.zIndex = layer;
        this.map.getPane(pane).style.pointerEvents = "none";
      }
      const shade = { pane: "night", className: "night", stroke: false, fillOpacity: 1, interactive: false, noClip: true };
      this.night = L.polygon([], shade).addTo(this.map);
      this.map.on("dragstart boxzoomend", () => (this.moved = true));
      this.map.on("zoomstart", () => (this.moved ||= !this.fitting));
      this.map.on("move zoom", () => this.placeCard());
      this.map.on("zoomend", () => this.drawAll());
      this.fetchGround("land", { stroke: false, fillOpacity: 1, className: "land" });
      this.fetchGround("borders", { weight: 0.6, fill: false, className: "borders" });
    },
    async fetchGround(name, style) {
      const answer = await fetch(window.path_prefix + this.ground[name]);
      if (this.gone) return;
      L.geoJSON(await answer.json(), { pane: name, interactive: false, style }).addTo(this.map);
      this.$refs.canvas.dataset[name] = "drawn";
    },
    fit() {
      this.map.invalidateSize({ animate: false });
      if (this.moved) return;
      this.fitting = true;
      this.map.fitBounds(WORLD, { animate: false });
      this.fitting = false;
    },
    place(sites) {
      this.sites = sites;
      for (const [id, mark] of Object.entries(this.marks)) if (!sites[id]) this.remove(id, mark);
      for (const [id, site] of Object.entries(sites)) this.marks[id] ??= this.markOf(id, site);
      this.drawAll(); // numbers may have come before the sites they belong to
    },
    markOf(id, { lat, lon }) {
      const at = [lat, lon];
      const ring = L.circleMarker(at, { className: "ring", fill: false, interactive: false, weight: 1.5 });
      const circle = L.circleMarker(at, { className: "site", weight: 1.5, fillOpacity: 0.4, bubblingMouseEvents: false });
      const icon = L.divIcon({ className: "site-sign", html: "", iconSize: [24, 14] });
      const sign = L.marker(at, { icon, interactive: false, keyboard: false });
      for (const layer of [ring, circle, sign]) layer.addTo(this.map);
      this.listen(id, circle);
      return { ring, circle, sign };
    },
    listen(id, circle) {
      const path = circle.getElement();
      path.dataset.site = id;
      path.setAttribute("tabindex", "0");
      path.setAttribute("role", "img");
      for (const event of ["pointerenter", "focus", "click"]) path.addEventListener(event, () => this.openCard(id));
      for (const event of ["pointerleave", "blur"]) path.addEventListener(event, () => this.closeCard(id));
      path.addEventListener("keydown", (event) => event.key === "Escape" && this.closeCard(id));
    },
    remove(id, mark) {
      for (const layer of Object.values(mark)) layer.remove();
      delete this.marks[id];
      this.closeCard(id);
    },
    update(changes) {
      for (const [id, row] of Object.entries(changes)) {
        this.numbers[id] = row && Object.fromEntries(this.fields.map((field, i) => [field, row[i]]));
        if (row && this.marks[id]) this.draw(id, this.numbers[id]);
      }
      if (this.openId in changes) this.fillCard();
    },
    draw(id, now) {
      const { ring, circle, sign } = this.marks[id];
      const radius = radiusPx(now.power_mw, this.scale());
      circle.setRadius(radius);
      ring.setRadius(radius + RING_PX);
      const path = circle.getElement();
      path.dataset.band = now.status === "down" ? "down" : bandOf(now.efficiency);
      path.setAttribute("aria-label", summaryOf(this.sites[id], now));
      ring.getElement().dataset.status = now.status;
      sign.getElement().dataset.status = now.status;
      sign.getElement().textContent = now.status === "down" ? "\u2715" : window.mara.number(now.efficiency * 100);
    },
    scale() {
      return this.$refs.canvas.clientWidth < 560 ? 0.72 : 1 + 0.12 * Math.max(0, this.map.getZoom() - 2);
    },
    drawAll() {
      for (const [id, now] of Object.entries(this.numbers)) if (now && this.marks[id]) this.draw(id, now);
    },
    turn(at) {
      this.at = at;
      this.night.setLatLngs(nightOf(at));
    },
    openCard(id) {
      if (!this.numbers[id]) return;
      this.openId = id;
      this.fillCard();
    },
    closeCard(id) {
      if (this.openId !== id) return;
      this.openId = null;
      this.$refs.card.hidden = true;
    },
    fillCard() {
      const card = this.$refs.card;
      card.replaceChildren(...cardOf(this.sites[this.openId], this.numbers[this.openId], this.workloads, this.at));
      card.hidden = false;
      this.placeCard();
    },
    placeCard() {
      if (!this.openId) return;
      const { ring } = this.marks[this.openId];
      const frame = this.$refs.canvas.getBoundingClientRect();
      const point = this.map.latLngToContainerPoint(ring.getLatLng());
      const { offsetWidth: width, offsetHeight: height } = this.$refs.card;
      const gap = ring.getRadius() + 8;
      const right = frame.left + point.x + gap;
      const left = right + width < window.innerWidth - 8 ? right : frame.left + point.x - gap - width;
      const top = Math.min(frame.top + point.y - height / 2, window.innerHeight - height - 8);
      Object.assign(this.$refs.card.style, { left: `${Math.max(8, left)}px`, top: `${Math.max(8, top)}px` });
    },
  },
};
