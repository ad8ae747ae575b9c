// Orders of the last seconds, each with a countdown and a button that undoes it. The server adds and removes entries; the
// countdown is the browser's own.
import { markPage } from "mara";

const COUNT_EVERY_MS = 250;

export default {
  props: { entries: Array },
  emits: ["order-undo"],
  data() {
    return { nowMs: performance.now(), comeMs: performance.now(), pressed: [] };
  },
  watch: {
    entries() {
      this.comeMs = this.nowMs = performance.now();
      this.count();
    },
    "shown.length": {
      handler(count) {
        markPage("undo", count ? "offered" : "");
      },
      immediate: true, // a page may come with orders that can be undone
    },
  },
  mounted() {
    this.count();
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  computed: {
    shown() {
      return this.entries.filter((entry) => this.leftS(entry) > 0 && !this.pressed.includes(entry.key));
    },
  },
  methods: {
    count() {
      clearTimeout(this.timer);
      this.nowMs = performance.now();
      if (this.entries.length) this.timer = setTimeout(this.count, COUNT_EVERY_MS);
    },
    leftS(entry) {
      return Math.ceil(entry.left_s - (this.nowMs - this.comeMs) / 1000);
    },
    undo(key) {
      this.pressed = [...this.pressed, key];
      this.$emit("order-undo", { key });
    },
  },
  template: `
    <div class="undo-bar" role="status" aria-label="Can be undone" :hidden="!shown.length">
      <div v-for="(entry, place) in shown" :key="entry.key" class="undo-row">
        <span>{{ entry.text }}</span>
        <span class="note figure" aria-hidden="true">
          {{ entry.is_held ? "goes out in" : "can be undone for" }} {{ leftS(entry) }} s
        </span>
        <button type="button" class="button" :aria-keyshortcuts="place === shown.length - 1 ? 'u' : null" @click="undo(entry.key)">Undo</button>
      </div>
    </div>
  `,
};
