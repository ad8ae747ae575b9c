// Orders of the last seconds, each with a countdown and a button that undoes it. The server adds and removes entries; the
// countdown is the browser's own.
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
  },
  mounted() {
    this.count();
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  methods: {
    count() {
      clearTimeout(this.timer);
      this.nowMs = performance.now();
      if (this.entries.length) this.timer = setTimeout(this.count, 250);
    },
    left(entry) {
      return Math.ceil(entry.seconds_left - (this.nowMs - this.comeMs) / 1000);
    },
    undo(key) {
      this.pressed = [...this.pressed, key];
      this.$emit("order-undo", { key });
    },
  },
  render() {
    const shown = this.entries.filter((entry) => this.left(entry) > 0 && !this.pressed.includes(entry.key));
    const row = (entry) => {
      const seconds = `${this.left(entry)} s`;
      const when = entry.is_held ? `goes out in ${seconds}` : `can be undone for ${seconds}`;
      return Vue.h("li", { key: entry.key, class: "undo-row" }, [
        Vue.h("span", entry.text),
        Vue.h("span", { class: "note figure", "aria-hidden": "true" }, when),
        Vue.h("button", { type: "button", class: "button", onClick: () => this.undo(entry.key) }, "Undo"),
      ]);
    };
    return Vue.h("ul", { class: "undo-bar", role: "status", "aria-label": "Can be undone", hidden: !shown.length }, shown.map(row));
  },
};
