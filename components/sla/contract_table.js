// Contracts with filters by state, tier and text: the rows are a channel {id: {rank, tier, state, id, and a cell for each
// column}}. A state is words (`live danger off`), of which a filter asks for one. Emits `show-contract` with a row's id.
import { CellText, number, ranked, useChannel } from "mara";

const MOST_SHOWN = 200;

export default {
  components: { CellText },
  props: { columns: Array, rows: Object, tiers: Array, states: Array },
  emits: ["show-contract"],
  setup(props) {
    return { shown: useChannel("promises", props.rows) };
  },
  data() {
    return { state: "live", tier: "", wanted: "", isWhole: false };
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
    listed() {
      return this.isWhole ? this.found : this.found.slice(0, MOST_SHOWN);
    },
    cells() {
      return this.columns.slice(1); // the first is the row's head
    },
  },
  methods: {
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
        <div class="filter-states" role="group" aria-label="State">
          <button
            v-for="one in states"
            :key="one.key"
            type="button"
            class="filter"
            :aria-pressed="state === one.key"
            @click="state = one.key"
          >{{ one.label }} <span class="figure filter-count">{{ count(one.key) }}</span></button>
        </div>
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
      </div>
      <p class="sr-only" role="status">{{ found.length }} contracts</p>
      <div v-if="found.length" class="overflow" tabindex="0" role="region" aria-label="Table of contracts">
        <table class="live-table promise-table">
          <caption class="sr-only">Contracts, those in most danger first</caption>
          <thead>
            <tr>
              <th v-for="column in columns" scope="col" :class="column.look" :title="column.hint">{{ column.label }}</th>
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
                  <span class="row-id">{{ row.id }}<span class="row-more"> {{ row.tier_name }}</span></span>
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
