// Alerts with filters by state, severity, text and time, each with what to do. Rows come from the channel `alerts`, those
// of an asked time from the prop `found`. Emits `order-…` with numbers of alerts, and `show-alerts` with two UTC times.
import { DateField, StateFilter, number, ranked, useChannel } from "mara";

const MOST_SHOWN = 100;
const HOUR_S = 3600;

export default {
  components: { DateField, StateFilter },
  props: {
    rows: Object, found: Object, refusal: String, chosen: Number, forbidden: String,
    states: Array, severities: Array, silences: Array,
  },
  emits: ["show-alerts", "order-acknowledge", "order-reopen", "order-silence", "order-unsilence"],
  setup(props) {
    return { live: useChannel("alerts", props.rows), moment: useChannel("moment") };
  },
  data() {
    return { state: this.chosen ? "" : "open", severity: "", wanted: "", since: "", until: "", quieting: 0,
      hours: this.silences[0].hours, end: "", isWhole: false, leaving: null };
  },
  mounted() {
    if (this.chosen) document.getElementById(`alert-${this.chosen}`)?.scrollIntoView({ block: "center" });
  },
  updated() {
    // A row that an order takes away takes the focus along: that goes to the row in its place, not to the page's top.
    if (!this.leaving || this.listed.some((row) => row.number === this.leaving.number)) return;
    const rows = this.$el.querySelectorAll(".alert");
    const heir = rows[Math.min(this.leaving.place, rows.length - 1)]?.querySelector("button");
    this.leaving = null;
    if (document.activeElement === document.body) (heir ?? this.$el.querySelector(".filter[aria-pressed=true]")).focus();
  },
  computed: {
    ordered() {
      // What was found of the past is as it is now where it still stands.
      const rows = this.found
        ? Object.fromEntries(Object.entries(this.found).map(([key, row]) => [key, this.live[key] ?? row]))
        : this.live;
      return ranked(rows).map(([, row]) => row);
    },
    matching() {
      const wanted = this.wanted.trim().toLowerCase();
      return this.ordered.filter(
        (row) =>
          (!this.severity || row.severity === this.severity) &&
          (!wanted || `${row.label} ${row.text}`.toLowerCase().includes(wanted)),
      );
    },
    shown() {
      return this.matching.filter((row) => this.isIn(row, this.state));
    },
    listed() {
      return this.isWhole ? this.shown : this.shown.slice(0, MOST_SHOWN);
    },
    isNarrowed() {
      return this.ordered.length > 0 && (this.state !== "open" || this.severity || this.wanted.trim() || this.found);
    },
    open() {
      return this.shown.filter((row) => row.state === "open").map((row) => row.number);
    },
  },
  methods: {
    isIn(row, state) {
      return !state || row.state === state;
    },
    count(state) {
      return number(this.matching.filter((row) => this.isIn(row, state)).length);
    },
    find() {
      this.$emit("show-alerts", { since: this.since, until: this.until });
    },
    forget() {
      this.since = this.until = "";
      this.find();
    },
    lasted(row) {
      const minutes = Math.max(0, Math.round(((row.ended_s || this.moment.at || row.began_s) - row.began_s) / 60));
      const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
      if (days) return `${days} d ${hours} h`;
      return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
    },
    quiet(row) {
      this.quieting = this.quieting === row.number ? 0 : row.number;
      if (this.quieting) this.$nextTick(() => document.getElementById(`silence-${row.number}`)?.focus());
    },
    silence(row) {
      const at = (this.moment.at ?? 0) + this.hours * HOUR_S;
      const until = this.hours ? new Date(at * 1000).toISOString() : this.end;
      this.remember(row);
      this.$emit("order-silence", { numbers: [row.number], until });
      this.quieting = 0;
    },
    remember(row) {
      this.leaving = { number: row.number, place: this.listed.findIndex((one) => one.number === row.number) };
    },
    order(what, row) {
      this.remember(row);
      this.$emit(`order-${what}`, { numbers: [row.number] });
    },
    urlOf(path) {
      return (window.path_prefix ?? "") + path;
    },
  },
  template: `
    <div class="alerts">
      <div class="filters" role="search" aria-label="Find alerts">
        <state-filter :states="states" :chosen="state" :count="count" @choose-state="state = $event" />
        <select v-model="severity" class="field" aria-label="Severity">
          <option value="">All severities</option>
          <option v-for="one in severities" :key="one.key" :value="one.key">{{ one.label }}</option>
        </select>
        <input v-model="wanted" class="field filter-text" type="search" aria-label="Words" placeholder="Words" maxlength="80" />
      </div>
      <form class="alert-span" @submit.prevent="find">
        <div class="alert-moment"><label for="alerts-since">Since</label> <date-field id="alerts-since" v-model="since" time /></div>
        <div class="alert-moment"><label for="alerts-until">until</label> <date-field id="alerts-until" v-model="until" time /></div>
        <span class="note">UTC, fleet's clock</span>
        <button type="submit" class="button" :disabled="!since && !until">Find</button>
        <button v-if="found" type="button" class="button" @click="forget">Back to now</button>
        <button
          v-if="!forbidden && open.length > 1"
          type="button"
          class="button alert-all"
          @click="$emit('order-acknowledge', { numbers: open.slice(0, 200) })"
        >Acknowledge all {{ open.length }}</button>
      </form>
      <p v-if="refusal" class="note" data-state="bad" role="alert">{{ refusal }}</p>
      <p v-if="forbidden" class="note">You can look and filter. To acknowledge or silence: {{ forbidden }}.</p>
      <p class="sr-only" role="status">{{ shown.length }} alerts</p>
      <ul v-if="listed.length" class="alert-list">
        <li
          v-for="row in listed"
          :id="'alert-' + row.number"
          :key="row.number"
          class="alert"
          :data-severity="row.severity"
          :data-state="row.state"
          :data-chosen="row.number === chosen || null"
        >
          <div class="alert-what">
            <p class="alert-label"><span class="alert-sign" aria-hidden="true"></span>{{ row.severity }}: {{ row.label }}</p>
            <p class="alert-text">{{ row.text }}</p>
            <p v-if="row.advice" class="note">{{ row.advice }}</p>
            <p class="note alert-links">
              <a v-for="link in row.links" :key="link.path" :href="urlOf(link.path)">{{ link.label }}</a>
            </p>
          </div>
          <dl class="alert-facts">
            <div><dt>Since</dt><dd>{{ row.since }}</dd></div>
            <div v-if="row.over"><dt>Over</dt><dd>{{ row.over }}</dd></div>
            <div><dt>{{ row.over ? "Lasted" : "For" }}</dt><dd class="figure">{{ lasted(row) }}</dd></div>
            <div v-if="row.at_risk"><dt>At risk</dt><dd class="figure">{{ row.at_risk }}</dd></div>
          </dl>
          <div class="alert-orders">
            <p v-if="row.who" class="note">{{ row.who }}</p>
            <template v-if="!forbidden && row.state !== 'ended'">
              <button v-if="row.state === 'open'" type="button" class="button" @click="order('acknowledge', row)">
                Acknowledge<span class="sr-only"> {{ row.text }}</span>
              </button>
              <button v-if="row.state === 'acknowledged'" type="button" class="button" @click="order('reopen', row)">
                Reopen<span class="sr-only"> {{ row.text }}</span>
              </button>
              <button v-if="row.state === 'silenced'" type="button" class="button" @click="order('unsilence', row)">
                End silence<span class="sr-only"> {{ row.text }}</span>
              </button>
              <button
                v-else
                type="button"
                class="button"
                :aria-expanded="quieting === row.number"
                @click="quiet(row)"
              >Silence<span class="sr-only"> {{ row.text }}</span></button>
              <form v-if="quieting === row.number" class="alert-silence" @submit.prevent="silence(row)" @keydown.esc="quiet(row)">
                <label :for="'silence-' + row.number" class="sr-only">Silence for</label>
                <select :id="'silence-' + row.number" v-model="hours" class="field">
                  <option v-for="one in silences" :key="one.hours" :value="one.hours">for {{ one.label }}</option>
                  <option :value="0">until a time</option>
                </select>
                <date-field v-if="!hours" v-model="end" time aria-label="Until, UTC" required />
                <button type="submit" class="button button-strong">Silence</button>
              </form>
            </template>
          </div>
        </li>
      </ul>
      <p v-else-if="isNarrowed" class="empty">No alert matches these filters: choose All, or clear the words.</p>
      <p v-else class="empty">No alert stands. What needs you is listed here, the worst first.</p>
      <button v-if="shown.length > listed.length" type="button" class="text-button" @click="isWhole = true">
        {{ shown.length - listed.length }} more
      </button>
    </div>
  `,
};
