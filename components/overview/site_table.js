// All sites side by side: sorted by any column, with the columns that somebody chose. It reads what the map reads, so it
// costs no message of its own; only the rows in view are drawn, for fleets of a thousand sites.
import { number, useChannel } from "mara";

const VIEW = "mara-sites-view";
const CHOSEN = "mara-sites-columns";
const SORTED = "mara-sites-sorted";
const FIRST_ROWS = 40;
const MORE_ROWS = 100;
const MOST_WITHOUT_SEARCH = 20;
const SIGNS = { running: "\u25CF", curtailed: "\u25CB", partial: "\u25D0", down: "\u2715" };
const STATUS = { running: "Running", curtailed: "Curtailed", partial: "Partly out", down: "Down" };
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });

function kept(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise; // nothing is kept, or something else is
  }
}

// What a column sorts by, and its text.
const CELLS = {
  name: (site) => [site.name, site.name],
  status: (_, now) => [STATUS[now.status] ?? now.status, STATUS[now.status] ?? now.status],
  mode: (_, __, ends) => (ends ? ["ordered", `down to ${clock.format(new Date(ends * 1000))}`] : ["", "automatic"]),
  price: (_, now) => [now.price_usd_per_mwh, number(now.price_usd_per_mwh, 1)],
  power: (_, now) => [now.power_mw, number(now.power_mw, 1)],
  headroom: (site, now) => [site.grid_limit_mw - now.power_mw, number(site.grid_limit_mw - now.power_mw, 1)],
  profit: (_, now) => [now.profit_usd_per_h, number(now.profit_usd_per_h)],
  pue: (_, now) => [now.pue, number(now.pue, 3)],
  carbon: (_, now) => [now.carbon_g_per_kwh, number(now.carbon_g_per_kwh)],
  contracts: (_, now) => [now.contracts_mw, `${number(now.contracts_count ?? 0)} (${number(now.contracts_mw, 1)})`],
};

export default {
  props: { columns: Array, first: Object, views: Array, csv: String },
  setup() {
    return { SIGNS, STATUS, sites: useChannel("sites"), numbers: useChannel("map"), places: useChannel("places") };
  },
  data() {
    const view = kept(VIEW, "both");
    return {
      view: this.views.some(({ key }) => key === view) ? view : "both",
      chosen: { ...this.first, ...kept(CHOSEN, {}) },
      sorted: { key: "name", falls: false, ...kept(SORTED, {}) },
      most: FIRST_ROWS,
      wanted: "",
    };
  },
  mounted() {
    this.show(this.view);
  },
  computed: {
    shownColumns() {
      const chosen = this.chosen[this.view] ?? [];
      return this.columns.filter(({ key }) => key === "name" || chosen.includes(key));
    },
    ordered() {
      if (this.view === "map") return [];
      const by = CELLS[this.sorted.key] ?? CELLS.name;
      const way = this.sorted.falls ? -1 : 1;
      const wanted = this.wanted.trim().toLowerCase();
      const rows = Object.entries(this.sites)
        .filter(([id, { name }]) => this.numbers[id] && (!wanted || `${id} ${name}`.toLowerCase().includes(wanted)))
        .map(([id, site]) => ({ id, by: by(site, this.numbers[id], this.places[id]?.outage_ends_s)[0] }));
      return rows.sort((one, other) => way * (one.by < other.by ? -1 : one.by > other.by ? 1 : 0) || (one.id < other.id ? -1 : 1));
    },
    hasSearch() {
      return Object.keys(this.sites).length > MOST_WITHOUT_SEARCH;
    },
    rows() {
      return this.ordered.slice(0, this.most).map(({ id }) => {
        const [site, now, ends] = [this.sites[id], this.numbers[id], this.places[id]?.outage_ends_s];
        return { id, status: now.status, cells: this.shownColumns.map(({ key, look, unit }) => ({ key, look, unit, text: CELLS[key](site, now, ends)[1] })) };
      });
    },
  },
  methods: {
    show(view) {
      this.view = view;
      window.mara.store(VIEW, JSON.stringify(view));
      this.$el.closest(".map-panel").dataset.view = view;
    },
    sort(key) {
      const falls = this.sorted.key === key ? !this.sorted.falls : key !== "name";
      this.sorted = { key, falls };
      window.mara.store(SORTED, JSON.stringify(this.sorted));
    },
    way(key) {
      if (this.sorted.key !== key) return "none";
      return this.sorted.falls ? "descending" : "ascending";
    },
    choose(key, isShown) {
      const others = (this.chosen[this.view] ?? []).filter((one) => one !== key);
      this.chosen = { ...this.chosen, [this.view]: isShown ? [...others, key] : others };
      window.mara.store(CHOSEN, JSON.stringify(this.chosen));
    },
    close() {
      this.$refs.columns.open = false;
      this.$refs.columns.firstElementChild.focus();
    },
    isChosen(key) {
      return (this.chosen[this.view] ?? []).includes(key);
    },
    more() {
      this.most += MORE_ROWS;
    },
    urlOf(path) {
      return (window.path_prefix ?? "") + path;
    },
  },
  template: `
    <div class="sites-beside">
      <div class="sites-tools">
        <div class="filter-states" role="group" aria-label="Sites as">
          <button
            v-for="one in views"
            :key="one.key"
            type="button"
            class="text-button"
            :aria-pressed="view === one.key"
            @click="show(one.key)"
          >{{ one.label }}</button>
        </div>
        <template v-if="view !== 'map'">
          <details ref="columns" class="sites-columns" @keydown.esc="close">
            <summary class="text-button">Columns</summary>
            <fieldset>
              <legend class="sr-only">Columns of the table</legend>
              <label v-for="column in columns.slice(1)" :key="column.key">
                <input type="checkbox" :checked="isChosen(column.key)" @change="choose(column.key, $event.target.checked)" />
                {{ column.label }}
              </label>
            </fieldset>
          </details>
          <a class="text-button" :href="urlOf(csv)" download title="All sites and all columns as CSV">CSV</a>
          <input v-if="hasSearch" v-model="wanted" type="search" class="field sites-find" placeholder="Find a site" aria-label="Find a site in the table" />
        </template>
      </div>
      <div v-if="view !== 'map'" class="sites-scroll" tabindex="0" role="region" aria-label="Table of sites">
        <table class="live-table sites-table">
          <caption class="sr-only">Sites, sorted by any column</caption>
          <thead>
            <tr>
              <th v-for="column in shownColumns" :key="column.key" scope="col" :class="column.look" :data-unit="column.unit || null" :aria-sort="way(column.key)" :title="column.hint">
                <button type="button" class="sort-button" @click="sort(column.key)">{{ column.label }}</button>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr v-for="row in rows" :key="row.id">
              <component
                v-for="(cell, place) in row.cells"
                :key="cell.key"
                :is="place ? 'td' : 'th'"
                :scope="place ? null : 'row'"
                :class="cell.look"
                :data-unit="cell.unit || null"
              >
                <template v-if="place === 0">
                  <span class="sites-sign" :data-status="row.status" :title="STATUS[row.status]" aria-hidden="true">{{ SIGNS[row.status] }}</span>
                  <a :href="urlOf('/sites/' + encodeURIComponent(row.id))">{{ cell.text }}</a><span class="sr-only">, {{ STATUS[row.status] }}</span>
                </template>
                <template v-else>{{ cell.text }}</template>
              </component>
            </tr>
          </tbody>
        </table>
        <button v-if="ordered.length > rows.length" type="button" class="text-button" @click="more">
          {{ ordered.length - rows.length }} more
        </button>
        <p v-if="!ordered.length && wanted" class="empty">No site has that name.</p>
      </div>
    </div>
  `,
};
