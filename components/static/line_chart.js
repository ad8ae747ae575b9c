// A line over time, built once: new points come as deltas of a channel {epoch seconds: [value, ...]} and are appended.
// Deltas that arrive before plotly has loaded wait in the picture: watching begins when the chart stands.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function paint(unit) {
  const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), tickfont: { color: colour("--mut"), size: 11 } };
  return {
    font: { family: "Inter, system-ui, sans-serif", color: colour("--mut"), size: 11 },
    hoverlabel: { bgcolor: colour("--panel"), bordercolor: colour("--line"), font: { color: colour("--ink"), size: 12 } },
    xaxis: {
      ...axis,
      type: "date",
      showgrid: false,
      nticks: 6,
      zeroline: false,
      automargin: true,
      spikecolor: colour("--mut"),
      spikethickness: -1, // plotly draws an outline around a positive one
      spikedash: "solid",
    },
    yaxis: {
      ...axis,
      title: { text: unit, font: { size: 11 } },
      nticks: 5,
      zeroline: true,
      zerolinecolor: colour("--mut"),
      zerolinewidth: 1,
      automargin: true,
      tickformat: "~s",
    },
  };
}

export default {
  props: { name: String, unit: String, label: String, lines: Array, most: Number },
  data() {
    return { empty: true };
  },
  render() {
    return Vue.h("div", { class: "line-chart", role: "img", "aria-label": this.label, "data-empty": this.empty });
  },
  async mounted() {
    const { Plotly } = await import("nicegui-plotly");
    if (this.gone) return;
    this.plotly = Plotly;
    this.lastAt = -Infinity;
    const layout = {
      ...paint(this.unit),
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 48, r: 10, t: 8, b: 28 },
      showlegend: false,
      hovermode: "x unified",
      separators: ".\u202f",
      uirevision: "keep",
    };
    await Plotly.newPlot(this.$el, this.traces(), layout, { displayModeBar: false, displaylogo: false });
    this.unwatch = window.mara.watch(this.name, (changes) => this.extend(changes));
    this.repaint = () => this.recolour();
    window.addEventListener("mara-theme", this.repaint);
    this.sized = new ResizeObserver(() => Plotly.Plots.resize(this.$el));
    this.sized.observe(this.$el);
  },
  unmounted() {
    this.gone = true;
    this.unwatch?.();
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
        line: { color: colour(line.colour), width: 2, dash: line.dash },
        fill: line.filled ? "tozeroy" : undefined,
        fillcolor: line.filled ? colour(line.colour + "-faint") : undefined,
        hovertemplate: "%{y:,.0f} " + this.unit,
      }));
    },
    extend(changes) {
      const fresh = Object.entries(changes)
        .filter(([at, values]) => values !== null && Number(at) > this.lastAt)
        .map(([at, values]) => [Number(at), values])
        .sort(([one], [other]) => one - other);
      if (!fresh.length) return;
      this.lastAt = fresh.at(-1)[0];
      this.empty = false;
      const traces = this.lines.map((_, i) => i);
      const x = traces.map(() => fresh.map(([at]) => at * 1000));
      const y = traces.map((i) => fresh.map(([, values]) => values[i]));
      this.plotly.extendTraces(this.$el, { x, y }, traces, this.most);
    },
    recolour() {
      const flat = {};
      for (const [part, values] of Object.entries(paint(this.unit)))
        for (const [key, value] of Object.entries(values)) flat[`${part}.${key}`] = value;
      for (const [i, line] of this.lines.entries()) {
        const fill = line.filled ? { fillcolor: colour(line.colour + "-faint") } : {};
        this.plotly.restyle(this.$el, { "line.color": colour(line.colour), ...fill }, [i]);
      }
      this.plotly.relayout(this.$el, flat);
    },
  },
};
