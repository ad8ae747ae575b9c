// A table whose rows open: the rows are a channel {key: [rank, cell, ...]}, highest rank first; what is inside a row is
// asked of the server when it is opened and comes as `details`: {key: [line, ...]}.
function cellOf(value, column) {
  const [text, state] = Array.isArray(value) ? value : [value];
  return Vue.h("td", { class: column.look }, Vue.h("span", { "data-state": state || undefined }, text));
}

export default {
  props: { name: String, caption: String, empty: String, columns: Array, rows: Object, details: Object },
  emits: ["show-inside"],
  data() {
    return { shown: this.rows, open: {} };
  },
  created() {
    this.unwatch = window.mara.watch(this.name, (_, all) => (this.shown = { ...all }));
  },
  unmounted() {
    this.unwatch();
  },
  methods: {
    toggle(key) {
      this.open = { ...this.open, [key]: !this.open[key] };
      if (this.open[key] && !this.details[key]) this.$emit("show-inside", { key });
    },
    inside(key) {
      const lines = this.details[key];
      const content = lines
        ? Vue.h("ul", { class: "reasons" }, lines.map((line, i) => Vue.h("li", { key: i }, line)))
        : Vue.h("p", { class: "note", role: "status" }, "Reading what is stored of it \u2026");
      return Vue.h("tr", { key: `${key}-inside`, class: "fold-inside", id: `${this.name}-${key}` }, [
        Vue.h("td", { colspan: this.columns.length }, content),
      ]);
    },
    row(key, [first, ...cells]) {
      const opened = Boolean(this.open[key]);
      const attributes = {
        type: "button",
        class: "fold-button",
        "aria-expanded": String(opened),
        "aria-controls": opened ? `${this.name}-${key}` : undefined,
        onClick: () => this.toggle(key),
      };
      const head = Vue.h("th", { scope: "row" }, Vue.h("button", attributes, Array.isArray(first) ? first[0] : first));
      return Vue.h("tr", { key }, [head, ...cells.map((cell, i) => cellOf(cell, this.columns[i + 1]))]);
    },
  },
  render() {
    const ordered = Object.entries(this.shown).sort(([, one], [, other]) => other[0] - one[0]);
    if (!ordered.length) return Vue.h("p", { class: "empty" }, this.empty);
    const labels = this.columns.map((column) =>
      Vue.h("th", { scope: "col", class: column.look, title: column.hint }, column.label),
    );
    const lines = ordered.flatMap(([key, [, ...cells]]) =>
      this.open[key] ? [this.row(key, cells), this.inside(key)] : [this.row(key, cells)],
    );
    return Vue.h("table", { class: "live-table fold-table" }, [
      Vue.h("caption", { class: "sr-only" }, this.caption),
      Vue.h("thead", Vue.h("tr", labels)),
      Vue.h("tbody", lines),
    ]);
  },
};
