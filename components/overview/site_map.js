// The fleet on a map that needs no internet: land and borders from a static file, a circle for each site, one card of
// details. Channels: sites (what is fixed), map (numbers of this tick), moment (simulated time).
// Text reaches the page by textContent only, so a site's name cannot become HTML.
import { getCurrentScope } from "vue";
import { leaflet as L } from "nicegui-leaflet";
import { askOutage, onChange, pointAt, withRange } from "mara";
import { loadResource } from "../../static/utils/resources.js";
import { canvasMarks } from "mara-map/canvas_marks.js";
import { cardOf } from "mara-map/card.js";
import { clusterMarks, groupsOf } from "mara-map/clusters.js";
import { nightOf } from "mara-map/night.js";
import { spreadOf } from "mara-map/spread.js";
import { svgMarks } from "mara-map/svg_marks.js";
import { copiesBetween, shownAt, viewOf } from "mara-map/view.js";

const WORLD = { south: -47, north: 72, west: -134, east: 165 }; // until the sites are known
const REACH_DEG = 220; // of longitude that can be seen to either side of the fleet's middle
const ROOM = { paddingTopLeft: [58, 34], paddingBottomRight: [34, 34] }; // for the marks, and for what zooms
const CLOSEST_FIT = 2.5; // so that one site is seen with its continent
const NARROW_PX = 560; // a map this narrow, on no desk, groups the circles that overlap
const DESK_PX = 1000;
const CLOSEST_GROUP = 6; // zoom from which on none are grouped: sites of one town stay apart there
const WHOLE_WORLD = { south: -58, north: 78 };
const RING_GAP_PX = 3; // rings may touch, circles may not
const MOST_ELEMENTS = 200; // sites; beyond that they are painted

const radiusPx = (powerMw, scale) => Math.min(26, Math.max(6, 3 + 1.15 * Math.sqrt(Math.max(powerMw, 0))) * scale);
const bandOf = (efficiency) => (efficiency > 0.8 ? "good" : efficiency >= 0.6 ? "fair" : "poor");

export default {
  props: { label: String, workloads: Array, leafletCss: String, ground: Object },
  setup() {
    return { scope: getCurrentScope() };
  },
  data() {
    return { names: [] }; // of a large fleet's sites, to be found by
  },
  async mounted() {
    await this.$nextTick(); // window.path_prefix is set by now
    await loadResource(window.path_prefix + this.leafletCss);
    if (!this.scope.active) return;
    this.numbers = {};
    this.view = WORLD;
    this.drawGround();
    this.scope.run(() => {
      onChange("sites", (all) => this.place(all));
      onChange("map", (all) => this.update(all));
      onChange("moment", (all) => all.at && this.turn(all.at)); // none before the first tick
    });
    this.sized = new ResizeObserver(() => this.fit());
    this.sized.observe(this.$refs.canvas);
    this.repaint = () => this.marks?.repaint();
    window.addEventListener("mara-theme", this.repaint);
  },
  unmounted() {
    this.sized?.disconnect();
    cancelAnimationFrame(this.frame);
    window.removeEventListener("mara-theme", this.repaint);
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
        maxBoundsViscosity: 1,
        scrollWheelZoom: false,
        zoomAnimation: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
      });
      L.control.zoom({ position: "bottomleft" }).addTo(this.map);
      this.addWorldButton();
      this.fit();
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
      this.map.on("zoomend resize", () => this.group());
      this.fetchGround("land", { stroke: false, fillOpacity: 1, className: "land" });
      this.fetchGround("borders", { weight: 0.6, fill: false, className: "borders" });
    },
    // A button that shows the whole world, and once more all sites.
    addWorldButton() {
      const control = L.control({ position: "bottomleft" });
      control.onAdd = () => {
        const bar = L.DomUtil.create("div", "leaflet-bar leaflet-control");
        const button = L.DomUtil.create("a", "map-world", bar);
        button.textContent = "\u2295";
        button.href = "#";
        button.setAttribute("role", "button");
        this.worldButton = button;
        this.nameWorldButton();
        L.DomEvent.disableClickPropagation(bar);
        L.DomEvent.on(button, "click", (event) => {
          L.DomEvent.preventDefault(event);
          this.isWorld = !this.isWorld;
          this.moved = this.isWorld;
          if (this.isWorld) this.showWorld();
          else this.fit();
          this.nameWorldButton();
        });
        return bar;
      };
      control.addTo(this.map);
    },
    nameWorldButton() {
      const name = this.isWorld ? "All sites" : "Whole world";
      this.worldButton.title = name;
      this.worldButton.setAttribute("aria-label", name);
      this.worldButton.setAttribute("aria-pressed", String(Boolean(this.isWorld)));
    },
    showWorld() {
      const middle = (this.view.west + this.view.east) / 2;
      const { south, north } = WHOLE_WORLD;
      this.map.setMaxBounds(null);
      this.map.fitBounds([[south, middle - 180], [north, middle + 180]], { animate: false });
    },
    async fetchGround(name, style) {
      const answer = await fetch(window.path_prefix + this.ground[name]);
      const shapes = await answer.json();
      if (!this.scope.active) return;
      const drawn = new Set();
      const draw = () => {
        const seen = this.map.getBounds();
        for (const moved of copiesBetween(seen.getWest(), seen.getEast()).filter((moved) => !drawn.has(moved))) {
          const coordsToLatLng = ([lon, lat]) => L.latLng(lat, lon + moved);
          L.geoJSON(shapes, { pane: name, interactive: false, style, coordsToLatLng }).addTo(this.map);
          drawn.add(moved);
        }
      };
      this.map.on("moveend", draw);
      draw();
      this.$refs.canvas.dataset[name] = "drawn";
    },
    // All sites in view, until somebody moves or zooms: from then on the view is theirs.
    fit() {
      this.map.invalidateSize({ animate: false });
      if (this.moved) return;
      const { south, north, west, east } = this.view;
      const middle = (west + east) / 2;
      this.fitting = true;
      this.map.setMaxBounds(null);
      this.map.fitBounds([[south, west], [north, east]], { animate: false, maxZoom: CLOSEST_FIT, ...ROOM });
      const reach = [[-90, middle - REACH_DEG], [90, middle + REACH_DEG]];
      this.map.panInsideBounds(reach, { animate: false }); // else the new limits would pull the marks from under a pointer
      this.map.setMaxBounds(reach);
      this.fitting = false;
    },
    place(sites) {
      const view = viewOf(Object.values(sites)) ?? WORLD;
      const isOther = Object.keys(view).some((edge) => view[edge] !== this.view[edge]);
      const shown = ([id, site]) => [id, { ...site, lon: shownAt(site.lon, view) }];
      this.view = view;
      this.sites = Object.fromEntries(Object.entries(sites).map(shown));
      this.marks ??= this.marksFor(Object.keys(sites).length);
      const known = new Set(this.marks.ids());
      for (const id of known) if (isOther || !sites[id]) this.remove(id);
      for (const [id, site] of Object.entries(this.sites)) if (isOther || !known.has(id)) this.marks.add(id, site);
      if (this.isPainted) this.names = Object.entries(sites).map(([id, { name }]) => [id, name]);
      if (isOther) this.fit();
      this.drawAll(); // numbers may have come before the sites they belong to
      this.group();
    },
    marksFor(count) {
      this.isPainted = count > MOST_ELEMENTS;
      const told = {
        point: (id) => this.openCard(id),
        leave: (id) => this.closeCard(id),
        open: (id, isTouch) => (isTouch && this.openId !== id ? this.openCard(id) : this.visit(id)),
        takeDown: askOutage,
      };
      return this.isPainted ? canvasMarks(this.map, told) : svgMarks(this.map, told);
    },
    // Where the map is narrow, circles that overlap give way to one mark with their number; elsewhere they make room.
    group() {
      if (!this.sites || !this.marks) return;
      this.clusters ??= clusterMarks(this.map, (ids) => this.openGroup(ids));
      const isSmall = window.innerWidth < DESK_PX && this.map.getSize().x < NARROW_PX;
      const isNarrow = isSmall && this.map.getZoom() < CLOSEST_GROUP;
      const circles = isNarrow ? this.marks.ids().map((id) => this.circleOf(id)) : [];
      const groups = groupsOf(circles.sort((one, other) => other.radius - one.radius || (one.id < other.id ? -1 : 1)));
      const grouped = new Set(groups.flat());
      for (const id of this.marks.ids()) this.marks.hide(id, grouped.has(id));
      this.clusters.show(groups, (id) => this.placeOf(id));
      this.paintGroups();
      if (!this.isPainted) this.spread(grouped);
    },
    spread(grouped) {
      const alone = this.marks.ids().filter((id) => !grouped.has(id));
      const circles = alone.map((id) => this.circleOf(id));
      const moved = spreadOf(circles.map((one) => ({ ...one, radius: one.radius - RING_GAP_PX })));
      for (const id of this.marks.ids()) {
        const to = moved[id] ? this.map.containerPointToLatLng(moved[id]) : this.placeOf(id);
        if (!to.equals(this.marks.place(id).at)) this.marks.shift(id, to);
      }
      this.placeCard();
    },
    placeOf(id) {
      return L.latLng(this.sites[id].lat, this.sites[id].lon);
    },
    circleOf(id) {
      return { id, radius: this.marks.place(id).radius, ...this.map.latLngToContainerPoint(this.placeOf(id)) };
    },
    openGroup(ids) {
      this.moved = true;
      const bounds = L.latLngBounds(ids.map((id) => this.placeOf(id)));
      const isPoint = bounds.getNorthEast().equals(bounds.getSouthWest());
      if (isPoint) this.map.setView(bounds.getCenter(), CLOSEST_GROUP, { animate: false });
      else this.map.fitBounds(bounds, { animate: false, maxZoom: CLOSEST_GROUP, padding: [60, 60] });
    },
    paintGroups() {
      const look = (id) => this.numbers[id] && this.band(this.numbers[id]);
      this.clusters?.paint((id) => look(id) ?? "good", (id) => this.sites[id]?.name ?? id);
    },
    band(now) {
      return now.status === "down" ? "down" : bandOf(now.efficiency_share);
    },
    visit(id) {
      window.location.href = withRange(`${window.path_prefix ?? ""}/sites/${encodeURIComponent(id)}`);
    },
    find(name) {
      const found = this.names.find((entry) => entry.includes(name));
      if (!found) return this.closeCard(this.openId);
      this.moved = true;
      this.map.panInside(this.marks.place(found[0]).at, { padding: [40, 40], animate: false });
      this.openCard(found[0]);
    },
    remove(id) {
      this.marks.remove(id);
      this.closeCard(id);
    },
    update(all) {
      const before = this.numbers;
      this.numbers = { ...all };
      const changed = Object.keys(all).filter((id) => all[id] !== before[id]);
      for (const id of changed) if (this.sites?.[id]) this.draw(id, all[id]);
      if (Object.keys(all).every((id) => id in before)) this.paintGroups();
      else this.group(); // only now the new circles have their sizes
      if (this.openId && !all[this.openId]) this.closeCard(this.openId);
      else if (changed.includes(this.openId)) this.fillCardSoon();
    },
    draw(id, now) {
      this.marks.draw(id, this.sites[id], now, this.band(now), radiusPx(now.power_mw, this.scale()));
    },
    scale() {
      if (this.isPainted) return 0.3 + 0.1 * Math.max(0, this.map.getZoom() - 1);
      return this.map.getSize().x < 560 ? 0.72 : 1 + 0.12 * Math.max(0, this.map.getZoom() - 2);
    },
    drawAll() {
      for (const [id, now] of Object.entries(this.numbers)) if (this.sites?.[id]) this.draw(id, now);
    },
    turn(at) {
      this.at = at;
      this.night.setLatLngs(nightOf(at));
    },
    openCard(id) {
      if (!this.numbers[id]) return;
      this.openId = id;
      pointAt(id);
      this.fillCard();
    },
    closeCard(id) {
      if (this.openId !== id) return;
      this.openId = null;
      pointAt("");
      this.$refs.card.hidden = true;
    },
    fillCard() {
      const card = this.$refs.card;
      card.replaceChildren(...cardOf(this.sites[this.openId], this.numbers[this.openId], this.workloads, this.at));
      card.hidden = false;
      this.placeCard();
    },
    // Once a frame, because its size is measured.
    fillCardSoon() {
      this.frame ||= requestAnimationFrame(() => {
        this.frame = 0;
        if (this.openId) this.fillCard();
      });
    },
    placeCard() {
      if (!this.openId) return;
      const { at, radius } = this.marks.place(this.openId);
      const frame = this.$refs.canvas.getBoundingClientRect();
      const point = this.map.latLngToContainerPoint(at);
      const { offsetWidth: width, offsetHeight: height } = this.$refs.card;
      const gap = radius + 8;
      const right = frame.left + point.x + gap;
      const left = right + width < window.innerWidth - 8 ? right : frame.left + point.x - gap - width;
      const top = Math.min(frame.top + point.y - height / 2, window.innerHeight - height - 8);
      Object.assign(this.$refs.card.style, { left: `${Math.max(8, left)}px`, top: `${Math.max(8, top)}px` });
    },
  },
  template: `
    <div class="site-map">
      <div ref="canvas" class="site-map-canvas" role="region" :aria-label="label"></div>
      <div ref="card" class="site-card" role="tooltip" hidden></div>
      <div v-if="names.length">
        <input
          type="search"
          class="field site-find"
          list="site-names"
          placeholder="Find a site"
          :aria-label="'Find one of ' + names.length + ' sites'"
          @change="find($event.target.value)"
        />
        <datalist id="site-names">
          <option v-for="[id, name] in names" :key="id" :value="name"></option>
        </datalist>
      </div>
    </div>
  `,
};
