// A line over time, built once: new points come as deltas of a channel {epoch seconds: [value, ...]} and are appended.
// A line with a channel of its own, {epoch seconds: value}, is replaced whole whenever that changes: a forecast.
// Deltas that arrive before plotly has loaded wait in the picture: watching begins when the chart stands.
import { colour, download, layoutOf, paint, tableOf, typeOf } from "mara-plot/paint.js";

export default {
  props: { name: String, unit: String, label: String, lines: Array, most: Number, waiting: String, decimals: Number, axis: String },
  data() {
    return { empty: true };
  },
  render() {
    const waiting = { "data-empty": this.empty, "data-waiting": this.waiting };
    return Vue.h("div", { class: "line-chart", role: "img", "aria-label": this.label, ...waiting });
  },
  async mounted() {
    const { Plotly } = await import("nicegui-plotly");
    if (this.gone) return;
    this.plotly = Plotly;
    this.lastAt = -Infinity;
    this.firstAt = -Infinity;
    await Plotly.newPlot(this.$el, this.traces(), layoutOf(this.unit, this.axis), { displayModeBar: false, displaylogo: false });
    const own = this.lines.map((line, i) => [line.channel, i]);
    this.appended = own.filter(([channel]) => !channel).map(([, i]) => i);
    this.unwatch = own
      .filter(([channel]) => channel)
      .map(([channel, i]) => window.mara.watch(channel, (_, all) => this.replace(i, all)));
    if (this.appended.length) this.unwatch.push(window.mara.watch(this.name, (changes, all) => this.extend(changes, all)));
    this.repaint = () => this.recolour();
    window.addEventListener("mara-theme", this.repaint);
    this.$el.addEventListener("mara-csv", () => download(this.name, tableOf(this.$el.data, this.unit, this.axis)));
    this.sized = new ResizeObserver(() => Plotly.Plots.resize(this.$el));
    this.sized.observe(this.$el);
  },
  unmounted() {
    this.gone = true;
    for (const stop of this.unwatch ?? []) stop();
    this.sized?.disconnect();
    window.removeEventListener("mara-theme", this.repaint);
    this.plotly?.purge(this.$el);
  },
  methods: {
    traces() {
      return this.lines.map((line) => ({
        type: "scatter",
        mode: "lines",
        name: line.name,
        x: [],
        y: [],
        line: { color: colour(line.colour), width: line.stacked ? 0.5 : line.is_thin ? 1 : 2, dash: line.dash, shape: line.shape },
        fill: line.filled ? "tozeroy" : line.band ? "tonexty" : undefined,
        stackgroup: line.stacked ? "all" : undefined,
        ...this.ground(line),
        hovertemplate: `%{y:,.${this.decimals}f} ${this.unit}`,
      }));
    },
    ground(line) {
      const own = colour(line.colour);
      const pattern = { shape: line.pattern, size: 7, solidity: 0.45, fgcolor: own, bgcolor: own + "48" };
      if (line.stacked) return { fillcolor: own, ...(line.pattern ? { fillpattern: pattern } : {}) };
      if (line.band) return { fillcolor: own + "22" };
      return line.filled ? { fillcolor: colour(line.colour + "-faint") } : {};
    },
    extend(changes, all) {
      // A live point may come before the whole picture does: what is older than all that is drawn is drawn anew.
      const isOlder = ([at, values]) => values !== null && Number(at) < this.firstAt;
      if (Object.entries(changes).some(isOlder)) {
        const none = this.appended.map(() => []);
        this.plotly.restyle(this.$el, { x: none, y: none }, this.appended);
        this.lastAt = -Infinity;
        changes = all;
      }
      const fresh = Object.entries(changes)
        .filter(([at, values]) => values !== null && Number(at) > this.lastAt)
        .map(([at, values]) => [Number(at), values])
        .sort(([one], [other]) => one - other);
      if (!fresh.length) return;
      if (this.lastAt === -Infinity) this.firstAt = fresh[0][0];
      this.lastAt = fresh.at(-1)[0];
      this.empty = false;
      const x = this.appended.map(() => fresh.map(([at]) => this.moment(at)));
      const y = this.appended.map((_, column) => fresh.map(([, values]) => values[column]));
      this.plotly.extendTraces(this.$el, { x, y }, this.appended, this.most);
    },
    moment(at) {
      return this.axis === "day" ? at : at * 1000;
    },
    replace(i, all) {
      const points = Object.entries(all)
        .map(([at, value]) => [Number(at), value])
        .sort(([one], [other]) => one - other);
      const x = [points.map(([at]) => this.moment(at))];
      const y = [points.map(([, value]) => value)];
      this.plotly.update(this.$el, { x, y }, { "xaxis.type": typeOf(this.axis) }, [i]); // new x would make plotly guess the axis anew
      this.empty = this.$el.data.every((trace) => !trace.x.length);
    },
    recolour() {
      const flat = {};
      for (const [part, values] of Object.entries(paint(this.unit, this.axis)))
        for (const [key, value] of Object.entries(values)) flat[`${part}.${key}`] = value;
      for (const [i, line] of this.lines.entries())
        this.plotly.restyle(this.$el, { "line.color": colour(line.colour), ...this.ground(line) }, [i]);
      this.plotly.relayout(this.$el, flat);
    },
  },
};
