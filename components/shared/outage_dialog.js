// Asks which sites to take down and for how long, and which ordered outages to end. Follows the channel `places`.
import { useChannel } from "mara";

const MOST_WITHOUT_SEARCH = 20; // sites
const STATUS = { down: "down", partial: "partly out", curtailed: "curtailed", running: "running" };
const END_STYLE = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" };
const endClock = new Intl.DateTimeFormat("en-GB", END_STYLE);

export default {
  props: { durations: Array },
  emits: ["order-down", "order-restore"],
  setup() {
    return { places: useChannel("places") };
  },
  data() {
    return { isOpen: false, chosen: [], minutes: this.durations[1].minutes, wanted: "" };
  },
  created() {
    this.ask = ({ detail }) => this.open(detail);
    window.addEventListener("mara-outage", this.ask);
  },
  unmounted() {
    window.removeEventListener("mara-outage", this.ask);
  },
  computed: {
    // Nothing is kept up to date while nobody looks.
    shown() {
      return this.isOpen ? Object.entries(this.places) : [];
    },
    found() {
      const wanted = this.wanted.trim().toLowerCase();
      return this.shown.filter(([id, { name }]) => !wanted || `${id} ${name}`.toLowerCase().includes(wanted));
    },
    hasSearch() {
      return this.shown.length > MOST_WITHOUT_SEARCH || Boolean(this.wanted);
    },
    canRestore() {
      return this.shown.some(([id, { outage_ends_s }]) => outage_ends_s && this.chosen.includes(id));
    },
  },
  methods: {
    open(site) {
      this.isOpen = true;
      this.chosen = site ? [site] : [];
      this.wanted = "";
      this.$nextTick(() => this.$refs.sheet.showModal());
    },
    close() {
      this.$refs.sheet.close();
    },
    said({ status, outage_ends_s }) {
      if (outage_ends_s) return `ordered down until ${endClock.format(new Date(outage_ends_s * 1000))} UTC`;
      return STATUS[status] ?? status;
    },
    takeDown() {
      this.$emit("order-down", { sites: [...this.chosen], minutes: this.minutes });
      this.close();
    },
    restore() {
      this.$emit("order-restore", { sites: [...this.chosen] });
      this.close();
    },
  },
  template: `
    <dialog ref="sheet" class="sheet" aria-labelledby="outage-title" @close="isOpen = false">
      <h2 id="outage-title" class="sheet-title">Take sites down or back</h2>
      <p class="sheet-note">
        From the next tick on. Their Premium load moves elsewhere at once, and Flexible, Spot and tokens there give way to
        it; the rest is off for a tick at least, until it fits again. Outages of the world itself end by themselves.
      </p>
      <input v-if="hasSearch" v-model="wanted" type="search" class="field" placeholder="Find a site" aria-label="Find a site" />
      <ul class="sheet-list" aria-label="Sites">
        <li v-for="[id, place] in found" :key="id">
          <label>
            <input v-model="chosen" type="checkbox" :value="id" />
            <span>{{ place.name }}</span>
            <span class="sheet-note">{{ said(place) }}</span>
          </label>
        </li>
      </ul>
      <label class="sheet-field" for="outage-minutes">
        How long, on the fleet's clock
        <select id="outage-minutes" v-model="minutes" class="field">
          <option v-for="one in durations" :key="one.minutes" :value="one.minutes">{{ one.label }}</option>
        </select>
      </label>
      <div class="sheet-buttons">
        <button type="button" class="button" @click="close">Close</button>
        <button type="button" class="button" :disabled="!canRestore" @click="restore">End ordered outage</button>
        <button type="button" class="button button-strong" :disabled="!chosen.length" @click="takeDown">Take down</button>
      </div>
    </dialog>
  `,
};
