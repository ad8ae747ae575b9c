// The time range of a page's charts: links that change the address, and a form whose times are filled by zooming.
import { DateField, channel, momentText } from "mara";

const S_PER_HOUR = 3600;
const MS_PER_S = 1000;

export default {
  components: { DateField },
  props: { hours: Object, name: String, span: Array, refusal: String },
  setup: () => ({ moment: channel("moment") }),
  data: () => ({ from: "", to: "" }),
  mounted() {
    window.addEventListener("mara-zoom", this.fill);
  },
  unmounted() {
    window.removeEventListener("mara-zoom", this.fill);
  },
  computed: {
    bounds() {
      if (this.span.length) return this.span;
      const now = this.moment.at;
      return now === undefined ? null : [now - this.hours[this.name] * S_PER_HOUR, now];
    },
    hasLater() {
      return this.span.length && this.moment.at !== undefined && this.span[1] < this.moment.at;
    },
    words() {
      if (!this.span.length) return "From\u2026 to";
      const [from, to] = this.span.map((at) => momentText(at));
      const isOneYear = from.split(" ")[2] === to.split(" ")[2];
      return `${isOneYear ? from.replace(/ \d{4} /, " ") : from} UTC to ${to} UTC`;
    },
  },
  methods: {
    shifted(by) {
      const [from, to] = this.bounds;
      const [first, last] = [from, to].map((at) => this.written(at + by * (to - from)) + "Z");
      return `?from=${first}&to=${last}`;
    },
    written: (atS) => new Date(atS * MS_PER_S).toISOString().slice(0, 16),
    open() {
      if (this.bounds && !this.from) this.put(this.bounds);
      this.$refs.own.showModal();
    },
    put([from, to]) {
      this.from = this.written(from);
      this.to = this.written(to);
    },
    fill({ detail }) {
      if (detail.spanS) this.put(detail.spanS);
    },
  },
  template: `
    <div class="range">
      <nav class="range-links" aria-label="Time range of the charts">
        <a v-if="bounds" :href="shifted(-1)" aria-label="Earlier, by the length of the range" title="Earlier">\u2039</a>
        <a v-for="(_, key) in hours" :key="key" :href="'?range=' + key" :aria-current="key === name ? 'true' : null">{{
          key[0].toUpperCase() + key.slice(1)
        }}</a>
        <a v-if="hasLater" :href="shifted(1)" aria-label="Later, by the length of the range" title="Later">\u203a</a>
        <button type="button" :data-on="span.length > 0" @click="open">{{ words }}</button>
      </nav>
      <p v-if="refusal" class="range-refusal" role="alert">{{ refusal }}. The newest day is shown.</p>
      <dialog ref="own" class="sheet range-own" aria-label="An own time range">
        <form method="get">
          <h2 class="sheet-title">From one moment to another</h2>
          <p class="note">Times are UTC. Drag across a chart to zoom: the times that it shows then stand here.</p>
          <div class="range-moment"><label for="range-from">From</label> <date-field id="range-from" v-model="from" time name="from" required /></div>
          <div class="range-moment"><label for="range-to">To</label> <date-field id="range-to" v-model="to" time name="to" required /></div>
          <div class="sheet-buttons">
            <button type="button" class="button" @click="$refs.own.close()">Close</button>
            <button type="submit" class="button button-strong">Show</button>
          </div>
        </form>
      </dialog>
    </div>
  `,
};
