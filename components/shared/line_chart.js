// A line over time, built once: it shows a channel {epoch seconds: [value, ...]}, or of its own {epoch seconds: value}.
// All of a channel is drawn at every change, so that the line is never more nor less than what the picture holds.
// Deltas that arrive before plotly has loaded wait in the picture: watching begins when the chart stands.
import { courseOf, placeOf } from "mara-plot/course.js";
import { colour, download, layoutOf, paint, tableOf, typeOf } from "mara-plot/paint.js";

export default {
  props: { name: String, unit: String, label: String, lines: Array, waiting: String, decimals: Number, axis: String },
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
    await Plotly.newPlot(this.$el, this.traces(), layoutOf(this.unit, this.axis), { displayModeBar: false, displaylogo: false });
    const own = this.lines.map((line, i) => [line.channel, i]);
    const shared = own.filter(([channel]) => !channel).map(([, i]) => i);
    this.unwatch = own
      .filter(([channel]) => channel)
      .map(([channel, i]) => window.mara.watch(channel, (_, all) => this.draw(all, [i])));
    if (shared.length) this.unwatch.push(window.mara.watch(this.name, (_, all) => this.draw(all, shared)));
    this.repaint = () => this.recolour();
    window.addEventListener("mara-theme", this.repaint);
    this.$el.addEventListener("mara-csv", () => download(this.name, tableOf(this.$el.data.slice(0, this.lines.length), this.unit, this.axis)));
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
      const lines = this.lines.map((line) => ({
        type: "scatter",
        mode: "lines",
        name: line.name,
        x: [],
        y: [],
        line: { color: colour(line.colour), width: line.stacked ? 0.5 : line.is_thin ? 1 : 2, dash: line.dash, shape: line.shape },
        fill: line.band ? "tonexty" : undefined,
        stackgroup: line.stacked ? "all" : undefined,
        ...this.ground(line),
        hovertemplate: `%{y:,.${this.decimals}f} ${this.unit}`,
      }));
      return [...lines, ...this.filled().map(([line, i]) => this.fillOf(line, i))];
    },
    // Which lines have ground down to zero: it is a trace of its own, because plotly fills a line's across its gaps.
    filled() {
      return this.lines.map((line, i) => [line, i]).filter(([line]) => line.filled);
    },
    fillOf(line, i) {
      const drawn = { type: "scatter", mode: "lines", x: [], y: [], line: { width: 0, shape: line.shape } };
      return { ...drawn, stackgroup: `fill-${i}`, fillcolor: colour(line.colour + "-faint"), hoverinfo: "skip" };
    },
    ground(line) {
      const own = colour(line.colour);
      const pattern = { shape: line.pattern, size: 7, solidity: 0.45, fgcolor: own, bgcolor: own + "48" };
      if (line.stacked) return { fillcolor: own, ...(line.pattern ? { fillpattern: pattern } : {}) };
      if (line.band) return { fillcolor: own + "22" };
      return {};
    },
    draw(all, lines) {
      const holds = lines.every((i) => this.lines[i].shape === "hv");
      const course = courseOf(all, holds);
      const x = course.map(([at]) => placeOf(at, this.axis));
      const valueOf = (value, column) => (Array.isArray(value) ? value[column] : value);
      const y = lines.map((_, column) => course.map(([, value]) => valueOf(value, column)));
      const grounds = this.filled().map(([, i], place) => [lines.indexOf(i), this.lines.length + place]);
      const drawn = grounds.filter(([column]) => column >= 0);
      const traces = [...lines, ...drawn.map(([, trace]) => trace)];
      const ys = [...y, ...drawn.map(([column]) => y[column])];
      const kind = { "xaxis.type": typeOf(this.axis) }; // new x would make plotly guess the axis anew
      this.plotly.update(this.$el, { x: traces.map(() => x), y: ys }, kind, traces);
      this.empty = this.$el.data.every((trace) => !trace.x.length);
    },
    recolour() {
      const flat = {};
      for (const [part, values] of Object.entries(paint(this.unit, this.axis)))
        for (const [key, value] of Object.entries(values)) flat[`${part}.${key}`] = value;
      for (const [i, line] of this.lines.entries())
        this.plotly.restyle(this.$el, { "line.color": colour(line.colour), ...this.ground(line) }, [i]);
      for (const [place, [line]] of this.filled().entries())
        this.plotly.restyle(this.$el, { fillcolor: colour(line.colour + "-faint") }, [this.lines.length + place]);
      this.plotly.relayout(this.$el, flat);
    },
  },
};
