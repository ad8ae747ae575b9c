// Form for site, line and days of the ledger, and the totals that were found. Emits `ask-ledger` with what is entered.
import { DateField } from "mara";

export default {
  components: { DateField },
  props: { sites: Array, lines: Array, first: Object, found: Object, csv: String },
  emits: ["ask-ledger"],
  data() {
    return { asked: { site: this.sites[0].key, line: "", ...this.first }, isBusy: false };
  },
  watch: {
    found() {
      this.isBusy = false;
    },
  },
  computed: {
    file() {
      const { site, line, from, to } = this.asked;
      const end = new Date(`${to}T00:00:00Z`);
      if (!from || Number.isNaN(end.getTime())) return null;
      end.setUTCDate(end.getUTCDate() + 1); // the last day counts, and the range ends before its end
      const given = { site, line, from: `${from}T00:00:00Z`, to: end.toISOString().slice(0, 19) + "Z" };
      const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
      return `${window.path_prefix ?? ""}${this.csv}?${query}`;
    },
  },
  methods: {
    search() {
      if (this.isBusy) return; // the button stays enabled, because a disabled one would lose the focus
      this.isBusy = true;
      this.$emit("ask-ledger", { ...this.asked });
    },
  },
  template: `
    <div class="promises">
      <form class="request-form" aria-label="Search the ledger" @submit.prevent="search">
        <div class="request-field request-tier">
          <label for="ledger-site">Of</label>
          <select id="ledger-site" v-model="asked.site" class="field">
            <option v-for="one in sites" :key="one.key" :value="one.key">{{ one.label }}</option>
          </select>
        </div>
        <div class="request-field request-tier">
          <label for="ledger-line">Line</label>
          <select id="ledger-line" v-model="asked.line" class="field">
            <option value="">All lines</option>
            <option v-for="one in lines" :key="one.key" :value="one.key">{{ one.label }}</option>
          </select>
        </div>
        <div class="request-field request-customer">
          <label for="ledger-from">From (UTC day)</label>
          <date-field id="ledger-from" v-model="asked.from" required />
        </div>
        <div class="request-field request-customer">
          <label for="ledger-to">To, with it</label>
          <date-field id="ledger-to" v-model="asked.to" required />
        </div>
        <button type="submit" class="button button-strong" :aria-disabled="isBusy">Add up</button>
        <a v-if="file" class="text-button" :href="file" download title="Each day and line, exact, as CSV">CSV</a>
      </form>
      <p v-if="found.error" class="request-refusal" role="alert">{{ found.error }}</p>
      <p v-else-if="found.tables && !found.ticks" class="empty" role="status">Nothing is posted in these days: the run has no tick in them.</p>
      <div v-else-if="found.tables" class="lane halves" role="status">
        <div v-for="table in found.tables" :key="table.caption">
          <table class="live-table">
            <caption class="sr-only">{{ table.caption }}</caption>
            <thead>
              <tr><th scope="col" class="grow">{{ table.caption }}</th><th scope="col" class="number">USD</th></tr>
            </thead>
            <tbody>
              <tr v-for="row in table.rows" :key="row.label">
                <th scope="row" class="grow">{{ row.label }}</th>
                <td class="number" data-unit="USD"><span :data-state="row.state">{{ row.usd }}</span></td>
              </tr>
            </tbody>
          </table>
        </div>
      </div>
    </div>
  `,
};
