// A table whose rows are a channel of the picture: {key: [rank, cell, ...]}, highest rank first.
// A cell is a text, or [text, state, share, address, note], cut off after the last that there is: the share (0..1) is a
// bar's length, the address is where a click leads to, the note is a second line.
function inOrder(rows) {
  const entries = Object.entries(rows);
  return entries.sort(([oneKey, one], [otherKey, other]) => other[0] - one[0] || (oneKey < otherKey ? -1 : 1));
}

function cellOf(value, column, index) {
  const [text, state, share, address, note] = Array.isArray(value) ? value : [value];
  const style = typeof share === "number" ? { "--share": share } : undefined;
  const href = address && (window.path_prefix ?? "") + address;
  const looks = { "data-state": state || undefined, class: style ? "bar" : undefined, style, href };
  const content = [Vue.h(href ? "a" : "span", looks, text)];
  if (note) content.push(Vue.h("span", { class: "cell-note" }, note));
  const attributes = { class: column.look, title: column.clipped ? text : undefined };
  return index === 0 ? Vue.h("th", { ...attributes, scope: "row" }, content) : Vue.h("td", attributes, content);
}

export default {
  props: { name: String, caption: String, empty: String, columns: Array, rows: Object },
  data() {
    return { shown: this.rows };
  },
  created() {
    this.unwatch = window.mara.watch(this.name, (_, all) => (this.shown = { ...all }));
  },
  unmounted() {
    this.unwatch();
  },
  render() {
    const ordered = inOrder(this.shown);
    if (!ordered.length) return Vue.h("p", { class: "empty" }, this.empty);
    const labels = this.columns.map((column) =>
      Vue.h("th", { scope: "col", class: column.look, title: column.hint }, column.label),
    );
    const lines = ordered.map(([key, [, ...cells]]) =>
      Vue.h("tr", { key }, cells.map((cell, i) => cellOf(cell, this.columns[i], i))),
    );
    return Vue.h("table", { class: "live-table" }, [
      Vue.h("caption", { class: "sr-only" }, this.caption),
      Vue.h("thead", Vue.h("tr", labels)),
      Vue.h("tbody", lines),
    ]);
  },
};
