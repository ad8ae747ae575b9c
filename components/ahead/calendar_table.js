// The coming days by site or by contract. On a phone, where fourteen columns have no room, each row lists its days.
import { ranked, useChannel } from "mara";

const VIEWS = [
  { key: "sites", label: "By site" },
  { key: "contracts", label: "By contract" },
];
const SIGNS = { maintenance: "\u25A0", starts: "\u25B2", ends: "\u25BC", call: "\u25CF", outage: "\u2715", limit: "\u25C6" };
const WORDS = { maintenance: "Excluded", starts: "Starts", ends: "Ends", call: "Grid product", outage: "Outage", limit: "Grid limit" };

export default {
  props: { first: Object, empty: String },
  setup({ first }) {
    const of = (name) => useChannel(name, first[name]);
    return { SIGNS, WORDS, VIEWS, sites: of("calendar-sites"), contracts: of("calendar-contracts"), days: of("calendar-days") };
  },
  data() {
    return { view: "sites" };
  },
  computed: {
    rows() {
      return ranked(this.view === "sites" ? this.sites : this.contracts);
    },
    labels() {
      return this.days.labels ?? [];
    },
  },
  methods: {
    linkOf(row) {
      const path = this.view === "sites" ? "/sites/" + encodeURIComponent(row.id) : "/sla?contract=" + encodeURIComponent(row.id);
      return row.id ? (window.path_prefix ?? "") + path : null;
    },
  },
  template: `
    <div class="calendar">
      <div class="filter-states sites-tools" role="group" aria-label="Calendar">
        <button v-for="one in VIEWS" :key="one.key" type="button" class="text-button" :aria-pressed="view === one.key" @click="view = one.key">{{ one.label }}</button>
        <ul class="calendar-legend note"><li v-for="(word, kind) in WORDS" :key="kind" :data-kind="kind"><span aria-hidden="true">{{ SIGNS[kind] }}</span> {{ word }}</li></ul>
      </div>
      <p v-if="!rows.length" class="empty">{{ empty }}</p>
      <div v-else class="plan-scroll" tabindex="0" role="region" aria-label="Calendar of the coming days">
        <table class="live-table calendar-table">
          <caption class="sr-only">The coming days {{ view === "sites" ? "by site" : "by contract" }}</caption>
          <thead>
            <tr><th scope="col">{{ view === "sites" ? "Site" : "Contract" }}</th><th v-for="label in labels" :key="label" scope="col">{{ label }}</th></tr>
          </thead>
          <tbody>
            <tr v-for="[key, row] in rows" :key="key">
              <th scope="row"><component :is="linkOf(row) ? 'a' : 'span'" :href="linkOf(row)">{{ row.name }}</component></th>
              <td v-for="(entries, day) in row.days" :key="day" :data-day="labels[day]" :class="{ 'calendar-none': !entries.length }">
                <p v-for="entry in entries" :key="entry.text" :data-kind="entry.kind" class="calendar-entry">
                  <span aria-hidden="true">{{ SIGNS[entry.kind] }}</span> <span class="sr-only">{{ WORDS[entry.kind] }}: </span>{{ entry.text }}
                </p>
              </td>
            </tr>
          </tbody>
        </table>
      </div>
    </div>
  `,
};
