// The plan by site and clock hour, one quantity at a time: coloured by its size, sorted by any column.
import { number, useChannel } from "mara";
import { preferences, wallOf, zoneName } from "mara/preferences.js";

const CHOSEN = "mara-plan-quantity";
const FIRST_ROWS = 25;
const MORE_ROWS = 100;
const DEEPEST = 42; // percent of the accent in the largest value: texts stay legible on it
const QUANTITIES = [
  { key: "total", label: "All load", unit: "MW", decimals: 1 },
  { key: "mining", label: "Mining", unit: "MW", decimals: 1 },
  { key: "inference", label: "Tokens", unit: "MW", decimals: 1 },
  { key: "contracts", label: "Contracts", unit: "MW", decimals: 1 },
  { key: "battery", label: "Battery", unit: "MW, charging below zero", decimals: 1 },
  { key: "price", label: "Price", unit: "USD/MWh", decimals: 1 },
];
const LOADS = ["mining", "inference", "contracts"];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function valuesOf(row, key) {
  return key === "total" ? row.mining.map((_, hour) => LOADS.reduce((sum, load) => sum + row[load][hour], 0)) : row[key];
}

export default {
  props: { rows: Object, hours: Object },
  setup(props) {
    return { sites: useChannel("ahead", props.rows), about: useChannel("ahead-hours", props.hours), preferences };
  },
  data() {
    return { chosen: "total", sorted: { key: "mean", falls: true }, most: FIRST_ROWS };
  },
  mounted() {
    try {
      this.chosen = localStorage.getItem(CHOSEN) ?? this.chosen;
    } catch {
      // nothing is kept here
    }
  },
  computed: {
    offered() {
      const rows = Object.values(this.sites);
      return QUANTITIES.filter(({ key }) => key === "total" || rows.some((row) => row[key]?.length));
    },
    quantity() {
      return this.offered.find(({ key }) => key === this.chosen) ?? this.offered[0];
    },
    heads() {
      const walls = (this.about.at ?? []).map((at) => wallOf(at).slice(11, 16));
      return walls.every((wall) => wall.endsWith(":00")) ? walls.map((wall) => wall.slice(0, 2)) : walls;
    },
    zone() {
      return this.preferences.times && zoneName();
    },
    largest() {
      const all = Object.values(this.sites).flatMap((row) => valuesOf(row, this.quantity.key).map(Math.abs));
      return Math.max(...all, 1e-9);
    },
    ordered() {
      const { key, falls } = this.sorted;
      const rows = Object.entries(this.sites).map(([id, row]) => ({ id, name: row.name, values: valuesOf(row, this.quantity.key), row }));
      const by = ({ name, values }) => (key === "name" ? name : key === "mean" ? mean(values) : (values[key] ?? 0));
      return rows.sort((one, other) => {
        const [a, b] = [by(one), by(other)];
        return (falls ? -1 : 1) * (a < b ? -1 : a > b ? 1 : 0) || (one.id < other.id ? -1 : 1);
      });
    },
    shown() {
      return this.ordered.slice(0, this.most).map(({ id, name, values, row }) => ({
        id,
        name,
        mean: number(mean(values), this.quantity.decimals),
        cells: values.map((value, hour) => ({
          text: (this.isGuess(row, hour) ? "~" : "") + number(value, this.quantity.decimals),
          style: { "--depth": `${(DEEPEST * Math.abs(value)) / this.largest}%` },
          sign: value < 0 ? "below" : null,
        })),
      }));
    },
  },
  methods: {
    isGuess(row, hour) {
      return this.quantity.key === "price" && row.published.length > 0 && !row.published[hour];
    },
    choose(key) {
      this.chosen = key;
      window.mara.store(CHOSEN, key);
    },
    sort(key) {
      this.sorted = { key, falls: this.sorted.key === key ? !this.sorted.falls : key !== "name" };
    },
    way(key) {
      if (this.sorted.key !== key) return "none";
      return this.sorted.falls ? "descending" : "ascending";
    },
    urlOf(path) {
      return (window.path_prefix ?? "") + path;
    },
  },
  template: `
    <p v-if="!shown.length" class="empty">{{ about.empty }}</p>
    <div v-else class="plan-hours">
      <div class="filter-states sites-tools" role="group" aria-label="Quantity that the table shows">
        <button
          v-for="one in offered"
          :key="one.key"
          type="button"
          class="text-button"
          :aria-pressed="quantity.key === one.key"
          @click="choose(one.key)"
        >{{ one.label }}</button>
        <span class="note">{{ quantity.unit }}</span><span class="note">hours in {{ zone }}</span>
      </div>
      <div class="plan-scroll" tabindex="0" role="region" aria-label="Plan by site and hour">
        <table class="live-table heat-table">
          <caption class="sr-only">{{ quantity.label }} by site and hour, {{ quantity.unit }}</caption>
          <thead>
            <tr>
              <th scope="col" :aria-sort="way('name')"><button type="button" class="sort-button" @click="sort('name')">Site</button></th>
              <th scope="col" class="number" :aria-sort="way('mean')"><button type="button" class="sort-button" @click="sort('mean')">Mean</button></th>
              <th v-for="(head, hour) in heads" :key="hour" scope="col" class="number" :aria-sort="way(hour)">
                <button type="button" class="sort-button" :title="'Sort by the hour from ' + head + ', ' + zone" @click="sort(hour)">{{ head }}</button>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr v-for="row in shown" :key="row.id">
              <th scope="row"><a :href="urlOf('/sites/' + encodeURIComponent(row.id))">{{ row.name }}</a></th>
              <td class="number" :data-unit="quantity.unit"><b>{{ row.mean }}</b></td>
              <td v-for="(cell, hour) in row.cells" :key="hour" class="number heat" :data-unit="quantity.unit" :data-sign="cell.sign" :style="cell.style">{{ cell.text }}</td>
            </tr>
          </tbody>
        </table>
      </div>
      <button v-if="ordered.length > shown.length" type="button" class="text-button" @click="most += ${MORE_ROWS}">
        {{ ordered.length - shown.length }} more
      </button>
    </div>
  `,
};
