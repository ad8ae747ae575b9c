// Contracts with filters by state, tier and text. Rows are a channel {id: [rank, tier, state, id, cell, ...]}; a state is
// words (`live danger off`), of which a filter asks for one. Emits `open` with the id of a row.
const MOST_SHOWN = 200;

function cellOf(value, column) {
  const [text, state, share] = Array.isArray(value) ? value : [value];
  const style = typeof share === "number" ? { "--share": share } : undefined;
  const content = Vue.h("span", { "data-state": state || undefined, class: style ? "bar" : undefined, style }, text);
  return Vue.h("td", { class: column.look, title: column.clipped ? text : undefined }, content);
}

export default {
  props: { columns: Array, rows: Object, tiers: Array, states: Array },
  emits: ["show-contract"],
  data() {
    return { shown: this.rows, state: "live", tier: "", wanted: "", more: false };
  },
  created() {
    this.unwatch = window.mara.watch("promises", (_, all) => (this.shown = { ...all }));
  },
  unmounted() {
    this.unwatch();
  },
  computed: {
    found() {
      const wanted = this.wanted.trim().toLowerCase();
      const rows = Object.values(this.shown).filter(([, tier, state, id, name]) => {
        if (this.state && !state.split(" ").includes(this.state)) return false;
        if (this.tier && tier !== this.tier) return false;
        return !wanted || `${id} ${name}`.toLowerCase().includes(wanted);
      });
      return rows.sort((one, other) => other[0] - one[0] || (one[3] < other[3] ? -1 : 1));
    },
  },
  methods: {
    count(state) {
      return Object.values(this.shown).filter((row) => !state || row[2].split(" ").includes(state)).length;
    },
    filters() {
      const states = this.states.map(([key, label]) =>
        Vue.h("button", {
          type: "button", class: "filter", key, "aria-pressed": String(this.state === key), onClick: () => (this.state = key),
        }, [label, " ", Vue.h("span", { class: "figure filter-count" }, window.mara.number(this.count(key)))]),
      );
      const tiers = [["", "All tiers"], ...this.tiers].map(([key, label]) => Vue.h("option", { value: key, key }, label));
      return Vue.h("div", { class: "filters", role: "search", "aria-label": "Find contracts" }, [
        Vue.h("div", { class: "filter-states", role: "group", "aria-label": "State" }, states),
        Vue.h("select", { class: "field", "aria-label": "Tier", value: this.tier, onChange: (event) => (this.tier = event.target.value) }, tiers),
        Vue.h("input", {
          class: "field filter-text", type: "search", "aria-label": "Customer or contract", placeholder: "Customer or contract",
          value: this.wanted, maxlength: 80, onInput: (event) => (this.wanted = event.target.value),
        }),
      ]);
    },
    row([, , , id, name, ...cells]) {
      const open = { type: "button", class: "row-button", title: `Open ${name} (${id})`, onClick: () => this.$emit("show-contract", { id }) };
      const head = Vue.h("th", { scope: "row", class: this.columns[0].look }, [
        Vue.h("button", open, [
          Vue.h("span", { class: "row-name" }, name),
          Vue.h("span", { class: "row-id" }, [id, Vue.h("span", { class: "row-more" }, ` ${cells[0]}`)]),
        ]),
      ]);
      return Vue.h("tr", { key: id }, [head, ...cells.map((cell, i) => cellOf(cell, this.columns[i + 1]))]);
    },
    empty() {
      const none = !Object.keys(this.shown).length;
      return Vue.h("p", { class: "empty" }, none
        ? "No contracts yet. Customers arrive as time passes, and a request above books one."
        : "No contract matches these filters: choose All, or clear the text.");
    },
  },
  render() {
    const found = this.found;
    const shown = this.more ? found : found.slice(0, MOST_SHOWN);
    const labels = this.columns.map((column) => Vue.h("th", { scope: "col", class: column.look, title: column.hint }, column.label));
    const table = Vue.h("table", { class: "live-table promise-table" }, [
      Vue.h("caption", { class: "sr-only" }, "Contracts, those in most danger first"),
      Vue.h("thead", Vue.h("tr", labels)),
      Vue.h("tbody", shown.map(this.row)),
    ]);
    const rest = found.length - shown.length;
    return Vue.h("div", { class: "promises" }, [
      this.filters(),
      Vue.h("p", { class: "sr-only", role: "status" }, `${found.length} contracts`),
      found.length ? Vue.h("div", { class: "overflow", tabindex: 0, role: "region", "aria-label": "Table of contracts" }, table) : this.empty(),
      rest > 0 ? Vue.h("button", { type: "button", class: "text-button", onClick: () => (this.more = true) }, `${rest} more`) : null,
    ]);
  },
};
