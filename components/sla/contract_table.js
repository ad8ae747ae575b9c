// Contracts with filters by state, tier and text: the rows are a channel {id: {rank, tier, state, id, and a cell for each
// column, and `by`, what columns sort by}}. A state is words (`live danger off`), of which a filter asks for one. Filters and
// order stand in the page's address, so that a link shows the same. Emits `show-contract` with a row's id.
import { CellText, StateFilter, number, ranked, useChannel } from "mara";

const MOST_SHOWN = 200;
const FIRST = { state: "live", tier: "", search: "", sort: "" }; // as they stand in the address; `-power` sorts by falling power

function asked({ states, tiers, columns }) {
  const given = new URLSearchParams(location.search);
  const one = (key, known) => (known.includes(given.get(key)) ? given.get(key) : FIRST[key]);
  return {
    state: given.get("state") === "all" ? "" : one("state", states.map(({ key }) => key)),
    tier: one("tier", tiers.map(({ key }) => key)),
    wanted: (given.get("search") ?? "").slice(0, 80),
    sort: one("sort", columns.flatMap(({ key }) => [key, `-${key}`])),
  };
}

export default {
  components: { CellText, StateFilter },
  props: { columns: Array, rows: Object, tiers: Array, states: Array, csv: String },
  emits: ["show-contract"],
  setup(props) {
    return { shown: useChannel("promises", props.rows) };
  },
  data() {
    return { ...asked(this), isWhole: false };
  },
  watch: {
    filters: "keep",
  },
  computed: {
    ordered() {
      return ranked(this.shown).map(([, row]) => row);
    },
    found() {
      const wanted = this.wanted.trim().toLowerCase();
      return this.ordered.filter((row) => {
        if (!this.isIn(row, this.state) || (this.tier && row.tier !== this.tier)) return false;
        return !wanted || `${row.id} ${row.customer}`.toLowerCase().includes(wanted);
      });
    },
    sorted() {
      if (!this.sort) return this.found;
      const [key, way] = this.sort.startsWith("-") ? [this.sort.slice(1), -1] : [this.sort, 1];
      const by = (row) => row.by[key] ?? (key === "customer" ? row.customer.toLowerCase() : null);
      const worth = (value) => (value === null || value === "" ? 1 : 0); // what has no value comes last, whichever way
      return this.found
        .map((row) => ({ row, by: by(row) }))
        .sort(({ by: one }, { by: other }) => worth(one) - worth(other) || way * (one < other ? -1 : one > other ? 1 : 0))
        .map(({ row }) => row);
    },
    listed() {
      return this.isWhole ? this.sorted : this.sorted.slice(0, MOST_SHOWN);
    },
    filters() {
      return { state: this.state || "all", tier: this.tier, search: this.wanted.trim(), sort: this.sort };
    },
    file() {
      const { search, tier } = this.filters;
      const given = Object.entries({ state: this.state, tier, search }).filter(([, value]) => value);
      const query = new URLSearchParams(given).toString();
      return (window.path_prefix ?? "") + this.csv + (query && `?${query}`);
    },
    cells() {
      return this.columns.slice(1); // the first is the row's head
    },
  },
  methods: {
    keep() {
      const address = new URL(location.href);
      for (const [key, value] of Object.entries(this.filters)) {
        if (value === FIRST[key]) address.searchParams.delete(key);
        else address.searchParams.set(key, value);
      }
      history.replaceState(history.state, "", address);
    },
    sortBy(key) {
      this.sort = this.sort === key ? `-${key}` : this.sort === `-${key}` ? "" : key; // up, down, the most in danger first
    },
    way(key) {
      return this.sort === key ? "ascending" : this.sort === `-${key}` ? "descending" : "none";
    },
    isIn(row, state) {
      return !state || row.state.split(" ").includes(state);
    },
    count(state) {
      return number(this.ordered.filter((row) => this.isIn(row, state)).length);
    },
  },
  template: `
    <div class="promises">
      <div class="filters" role="search" aria-label="Find contracts">
        <state-filter :states="states" :chosen="state" :count="count" @choose-state="state = $event" />
        <select v-model="tier" class="field" aria-label="Tier">
          <option value="">All tiers</option>
          <option v-for="one in tiers" :key="one.key" :value="one.key">{{ one.label }}</option>
        </select>
        <input
          v-model="wanted"
          class="field filter-text"
          type="search"
          aria-label="Customer or contract"
          placeholder="Customer or contract"
          maxlength="80"
        />
        <a class="text-button" :href="file" download title="What the filters find, with all figures, as CSV">CSV</a>
      </div>
      <p class="sr-only" role="status">{{ found.length }} contracts</p>
      <div v-if="found.length" class="overflow" tabindex="0" role="region" aria-label="Table of contracts">
        <table class="live-table promise-table">
          <caption class="sr-only">Contracts, sorted by any column; else those in most danger first</caption>
          <thead>
            <tr>
              <th
                v-for="column in columns"
                :key="column.key"
                scope="col"
                :class="column.look"
                :title="column.hint"
                :aria-sort="way(column.key)"
              >
                <button type="button" class="sort-button" @click="sortBy(column.key)">{{ column.label }}</button>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr v-for="row in listed" :key="row.id">
              <th scope="row" :class="columns[0].look">
                <button
                  type="button"
                  class="row-button"
                  :title="'Open ' + row.customer + ' (' + row.id + ')'"
                  @click="$emit('show-contract', { id: row.id })"
                >
                  <span class="row-name">{{ row.customer }}</span>
                  <span class="row-id">{{ row.id }} <span class="row-more">{{ row.tier_name }}</span></span>
                </button>
              </th>
              <td v-for="column in cells" :class="column.look"><cell-text :value="row[column.key]" /></td>
            </tr>
          </tbody>
        </table>
      </div>
      <p v-else-if="ordered.length" class="empty">No contract matches these filters: choose All, or clear the text.</p>
      <p v-else class="empty">No contracts yet. Customers arrive as time passes, and a request above books one.</p>
      <button v-if="found.length > listed.length" type="button" class="text-button" @click="isWhole = true">
        {{ found.length - listed.length }} more
      </button>
    </div>
  `,
};
