// A button that spends money: pressed once it asks, pressed again it orders. It can be pressed while the cell `name` is
// empty; otherwise that cell, or `forbidden`, says why not.
import { useCell } from "mara";

const ASKS_MS = 6_000;
const TWO_TAPS_MS = 400; // a double click was meant as one

export default {
  props: { name: String, reason: String, label: String, forbidden: String },
  emits: ["order-advice"],
  setup(props) {
    return { cell: useCell(props.name, props.reason) };
  },
  data() {
    return { askedMs: 0 };
  },
  computed: {
    whyNot() {
      return this.forbidden || (typeof this.cell === "object" ? this.cell.text : this.cell);
    },
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  methods: {
    press() {
      const nowMs = performance.now();
      if (!this.askedMs) {
        this.askedMs = nowMs;
        this.timer = setTimeout(() => (this.askedMs = 0), ASKS_MS);
      } else if (nowMs - this.askedMs > TWO_TAPS_MS) {
        clearTimeout(this.timer);
        this.askedMs = 0;
        this.$emit("order-advice");
      }
    },
  },
  template: `
    <button type="button" class="text-button" :disabled="Boolean(whyNot)" :title="whyNot || null" @click="press">
      {{ askedMs ? "It costs some cents: ask" : label }}
    </button>
  `,
};
