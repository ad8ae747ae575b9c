// A button that spends money: pressed once it asks, pressed again it orders. It can be pressed while the cell `name` of the
// picture is empty; otherwise that cell, or `forbidden`, says why not.
const ASKS_MS = 6_000;
const TWO_TAPS_MS = 400; // a double click was meant as one

export default {
  props: { name: String, reason: String, label: String, forbidden: String },
  emits: ["order-advice"],
  data() {
    return { whyNot: this.reason, askedMs: 0 };
  },
  created() {
    this.unwatch = window.mara.watch("cells", (changes) => {
      if (this.name in changes) this.whyNot = [].concat(changes[this.name] ?? "")[0];
    });
  },
  unmounted() {
    this.unwatch();
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
  render() {
    const whyNot = this.forbidden || this.whyNot;
    const attributes = { type: "button", class: "text-button", disabled: Boolean(whyNot), title: whyNot || undefined };
    const label = this.askedMs ? "It costs some cents: ask" : this.label;
    return Vue.h("button", { ...attributes, onClick: this.press }, label);
  },
};
