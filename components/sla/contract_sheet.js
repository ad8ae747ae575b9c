// One contract in a dialog: facts, a strip of all its ticks, windows, exclusions, and forms to exclude ticks and cancel.
import { DateField } from "mara";

const HEIGHT = { good: 1, bad: 1, excluded: 0.55 };
const LEAST_WIDTH = 0.0035; // of the strip: a single bad tick of a month is still to be seen
const BLANK = { kind: "maintenance", begins: "", hours: "1", reason: "" };
const WINDOW_COLUMNS = [
  { key: "window", label: "Window" },
  { key: "availability", label: "Availability", look: "number" },
  { key: "bad_ticks", label: "Bad ticks", look: "number" },
  { key: "billed", label: "Billed", look: "number" },
  { key: "credit", label: "Credit", look: "number" },
];
const EXCLUSION_COLUMNS = [
  { key: "when", label: "When" },
  { key: "reason", label: "Reason" },
  { key: "author", label: "By" },
];

// The bars of a strip of ticks, in shares of its width and height.
const TickStrip = {
  props: { strip: Object },
  computed: {
    runs() {
      return this.strip.runs.map((run) => ({ ...run, x: run.from / this.strip.total, end: run.to / this.strip.total }));
    },
    bars() {
      return this.runs
        .filter((run) => run.state !== "good")
        .map(({ state, x, end }) => {
          const width = Math.max(end - x, LEAST_WIDTH);
          return { state, x: Math.min(x, 1 - width), width, height: HEIGHT[state] };
        });
    },
    words() {
      const count = (state) =>
        this.strip.runs.filter((run) => run.state === state).reduce((sum, { from, to }) => sum + to - from, 0);
      return `${count("good")} good, ${count("bad")} bad and ${count("excluded")} excluded ticks of ${this.strip.total}`;
    },
  },
  template: `
    <p v-if="!strip.total || !runs.length" class="note">No tick has been judged yet: it starts with the next one.</p>
    <figure v-else class="strip-figure">
      <svg class="tick-strip" viewBox="0 0 1 1" preserveAspectRatio="none" role="img" :aria-label="words">
        <rect class="tick-future" x="0" y="0" width="1" height="1" />
        <rect class="tick-good" :x="runs[0].x" y="0" :width="runs.at(-1).end - runs[0].x" height="1" />
        <rect
          v-for="bar in bars"
          :class="'tick-' + bar.state"
          :x="bar.x"
          :y="1 - bar.height"
          :width="bar.width"
          :height="bar.height"
        />
      </svg>
      <figcaption class="strip-ends note"><span>{{ strip.first }}</span><span>{{ strip.last }}</span></figcaption>
      <ul class="legend">
        <li class="swatch tick-good">good</li>
        <li class="swatch tick-bad">bad</li>
        <li class="swatch tick-excluded">excluded</li>
        <li class="swatch tick-future">to come</li>
      </ul>
    </figure>
  `,
};

const TextTable = {
  props: { caption: String, columns: Array, rows: Array, empty: String },
  template: `
    <p v-if="!rows.length" class="note">{{ empty }}</p>
    <div v-else class="overflow">
      <table class="live-table">
        <caption class="sr-only">{{ caption }}</caption>
        <thead>
          <tr>
            <th v-for="column in columns" scope="col" :class="column.look">{{ column.label }}</th>
          </tr>
        </thead>
        <tbody>
          <tr v-for="row in rows">
            <component
              v-for="(column, place) in columns"
              :is="place ? 'td' : 'th'"
              :scope="place ? null : 'row'"
              :class="column.look"
            >{{ row[column.key] }}</component>
          </tr>
        </tbody>
      </table>
    </div>
  `,
};

export default {
  components: { DateField, TextTable, TickStrip },
  props: { kinds: Array, life: Object, said: Object, forbidden: String },
  emits: ["order-cancel", "order-exclude", "show-evidence"],
  setup() {
    return { WINDOW_COLUMNS, EXCLUSION_COLUMNS };
  },
  data() {
    return { asks: "", values: { ...BLANK }, busy: "" };
  },
  watch: {
    async asks(now, before) {
      if (!this.$refs.sheet?.open) return;
      await this.$nextTick(); // to the first control of what is asked, and back to the button that asked
      const opener = now ? null : { cancel: ".ask-cancel" }[before] ?? ".ask-exclude";
      this.$el.querySelector(opener ?? ".sheet-asked :is(select, button)")?.focus();
    },
    life(life, before) {
      if (life.id !== before.id) this.reset();
      this.busy = "";
    },
    said(said) {
      this.busy = "";
      if (!said.taken) return;
      this.asks = "";
      this.$refs.sheet?.close(); // the bar that undoes it lies outside
    },
  },
  computed: {
    notice() {
      const { kind, begins, hours } = this.values;
      const when = `${kind[0].toUpperCase()}${kind.slice(1)} from ${begins} UTC for ${hours} h`;
      return `${when}: these ticks will not count. It goes out in ten seconds, and can be taken back on the calendar until it ends.`;
    },
  },
  methods: {
    reset() {
      this.asks = "";
      this.values = { ...BLANK, begins: this.life.begins ?? "" };
    },
    open() {
      this.reset();
      if (!this.$refs.sheet.open) this.$refs.sheet.showModal();
      this.$refs.sheet.scrollTop = 0;
    },
    send(event, detail) {
      if (this.busy === event) return;
      this.busy = event;
      this.$emit(event, detail);
    },
  },
  template: `
    <dialog ref="sheet" class="sheet contract-sheet" aria-labelledby="contract-title">
      <template v-if="life.id">
        <div class="sheet-top">
          <div>
            <h2 id="contract-title" class="sheet-title">{{ life.title }}</h2>
            <p class="sheet-note">{{ life.about }}</p>
          </div>
          <button type="button" class="icon-button" aria-label="Close" title="Close (Esc)" @click="$refs.sheet.close()">✕</button>
        </div>
        <p class="note sheet-said" role="status" :data-state="said.error ? 'bad' : null">{{ said.error }}</p>
        <p v-if="life.error" class="note" data-state="warn">{{ life.error }}</p>
        <template v-else>
          <dl class="life-facts">
            <template v-for="fact in life.facts"><dt>{{ fact.label }}</dt><dd>{{ fact.text }}</dd></template>
          </dl>
          <h3 class="panel-subtitle">Its ticks</h3>
          <tick-strip :strip="life.strip" />
          <h3 class="panel-subtitle">Windows</h3>
          <text-table caption="Measurement windows" :columns="WINDOW_COLUMNS" :rows="life.windows" empty="No window has begun." />
          <h3 class="panel-subtitle">Bad ticks, the newest first</h3>
          <ul v-if="life.faults.length" class="fault-list">
            <li v-for="text in life.faults">{{ text }}</li>
          </ul>
          <p v-else class="note">No bad tick so far.</p>
          <h3 class="panel-subtitle">Excluded by announcement</h3>
          <text-table
            caption="Exclusions"
            :columns="EXCLUSION_COLUMNS"
            :rows="life.exclusions"
            empty="Nothing was announced: every tick counts."
          />
          <form
            v-if="asks === 'exclude'"
            class="request-form sheet-asked"
            aria-label="Exclude ticks"
            @submit.prevent="asks = 'announce'"
          >
            <div class="request-field request-tier">
              <label for="exclude-kind">By order of</label>
              <select id="exclude-kind" v-model="values.kind" class="field">
                <option v-for="kind in kinds" :key="kind.key" :value="kind.key">{{ kind.label }}</option>
              </select>
            </div>
            <div class="request-field exclude-begins">
              <label for="exclude-begins">Begins (UTC)</label>
              <date-field id="exclude-begins" v-model="values.begins" time required />
            </div>
            <div class="request-field exclude-hours">
              <label for="exclude-hours">Hours</label>
              <input id="exclude-hours" v-model="values.hours" class="field" inputmode="decimal" required maxlength="8" />
            </div>
            <div class="request-field exclude-reason">
              <label for="exclude-reason">Reason</label>
              <input id="exclude-reason" v-model="values.reason" class="field" required maxlength="200" autocomplete="off" />
            </div>
            <button type="submit" class="button button-strong">Announce …</button>
            <button type="button" class="button" @click="asks = ''">Not now</button>
            <p class="note exclude-note">
              Maintenance is announced 72 hours ahead and takes at most 4 hours a calendar month. What is announced can be
              taken back on the calendar until it ends.
            </p>
          </form>
          <div v-else-if="asks === 'announce'" class="sheet-buttons sheet-asked" role="group" aria-label="Announce it">
            <p class="note cancel-note">{{ notice }}</p>
            <button type="button" class="button" @click="asks = 'exclude'">Back</button>
            <button
              type="button"
              class="button button-strong"
              :aria-disabled="busy === 'order-exclude'"
              @click="send('order-exclude', { ...values })"
            >Announce it</button>
          </div>
          <div v-else-if="asks === 'cancel'" class="sheet-buttons sheet-asked" role="group" aria-label="Cancel the contract">
            <p class="note cancel-note">
              It ends for good, and its window is settled as if it had ended. It goes out in ten seconds, after that it cannot
              be taken back.
            </p>
            <button type="button" class="button" @click="asks = ''">Keep it</button>
            <button
              type="button"
              class="button button-strong"
              :aria-disabled="busy === 'order-cancel'"
              @click="send('order-cancel')"
            >Cancel the contract</button>
          </div>
          <div v-else class="sheet-buttons">
            <p v-if="forbidden" class="note cancel-note">No orders here: {{ forbidden }}.</p>
            <button type="button" class="button" :aria-disabled="busy === 'show-evidence'" @click="send('show-evidence')">
              Download evidence (CSV)
            </button>
            <template v-if="!forbidden && life.is_live">
              <button type="button" class="button ask-exclude" @click="asks = 'exclude'">Exclude ticks …</button>
              <button type="button" class="button ask-cancel" @click="asks = 'cancel'">Cancel …</button>
            </template>
          </div>
        </template>
      </template>
    </dialog>
  `,
};
