// Bars as a table, so that every number is text too: a channel {key: [rank, label, value, ...]}, highest rank first,
// a value for each series, null for none. All bars of the chart share one scale; negative ones go left of zero.
import { download } from "mara-plot/paint.js";

export default {
  props: { name: String, unit: String, caption: String, empty: String, series: Array, rows: Object, decimals: Number },
  data() {
    return { shown: this.rows };
  },
  created() {
    this.unwatch = window.mara.watch(this.name, (_, all) => (this.shown = { ...all }));
  },
  unmounted() {
    this.unwatch();
  },
  methods: {
    ordered() {
      const entries = Object.entries(this.shown);
      return entries.sort(([oneKey, one], [otherKey, other]) => other[0] - one[0] || (oneKey < otherKey ? -1 : 1));
    },
    keep() {
      const head = ["", ...this.series.map((one) => `${one.name} [${this.unit}]`)];
      download(this.name, [head, ...this.ordered().map(([, [, label, ...values]]) => [label, ...values])]);
    },
    scale(rows) {
      const values = rows.flatMap(([, [, , ...all]]) => all).filter((value) => value !== null);
      const low = Math.min(0, ...values);
      const span = Math.max(0, ...values) - low || 1;
      return (value) => ({
        left: `${(100 * (Math.min(value, 0) - low)) / span}%`,
        width: value ? `${Math.max(0.4, (100 * Math.abs(value)) / span)}%` : 0,
      });
    },
    bar(value, i, place) {
      const one = this.series[i];
      const text = value === null ? "\u2013" : window.mara.number(value, this.decimals);
      return Vue.h("div", { class: "bar-line", key: i }, [
        Vue.h("span", { class: "sr-only" }, `${one.name}: `),
        Vue.h("span", { class: "bar-track", "aria-hidden": "true" }, [
          value === null ? null : Vue.h("i", { class: one.look, style: place(value) }),
        ]),
        Vue.h("span", { class: "figure", "data-state": value < 0 ? "bad" : undefined }, text),
      ]);
    },
  },
  render() {
    const rows = this.ordered();
    const place = this.scale(rows);
    const content = rows.length
      ? Vue.h("table", { class: "bar-table" }, [
          Vue.h("caption", { class: "sr-only" }, `${this.caption}, ${this.unit}`),
          Vue.h(
            "tbody",
            rows.map(([key, [, label, ...values]]) =>
              Vue.h("tr", { key }, [
                Vue.h("th", { scope: "row", title: label }, label),
                Vue.h("td", values.map((value, i) => this.bar(value, i, place))),
              ]),
            ),
          ),
        ])
      : Vue.h("p", { class: "empty" }, this.empty);
    return Vue.h("div", { class: "bar-chart", "onMara-csv": this.keep }, [content]);
  },
};
