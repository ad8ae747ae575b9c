// A ring of the parts of a whole, built once: follows the channel `power` {slice: MW} and sends plotly only new values.
import { colour } from "mara-plot/paint.js";

export default {
  props: { slices: Array, label: String },
  render() {
    return Vue.h("div", { class: "doughnut", role: "img", "aria-label": this.label });
  },
  async mounted() {
    const { Plotly } = await import("nicegui-plotly");
    if (this.gone) return;
    this.plotly = Plotly;
    const trace = {
      type: "pie",
      hole: 0.7,
      sort: false,
      direction: "clockwise",
      textinfo: "none",
      labels: this.slices.map(([, label]) => label),
      values: this.slices.map(() => 0),
      hovertemplate: "%{label}: %{value:.1f} MW, %{percent}<extra></extra>",
      marker: this.looks(),
    };
    const layout = {
      margin: { l: 2, r: 2, t: 2, b: 2 },
      showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      separators: ".\u202f",
      ...this.paint(),
    };
    await Plotly.newPlot(this.$el, [trace], layout, { displayModeBar: false, displaylogo: false });
    this.unwatch = window.mara.watch("power", (_, all) => this.update(all));
    this.repaint = () => {
      Plotly.restyle(this.$el, { marker: [this.looks()] }, [0]);
      Plotly.relayout(this.$el, this.paint());
    };
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
    update(all) {
      this.plotly.restyle(this.$el, { values: [this.slices.map(([key]) => all[key] ?? 0)] }, [0]);
    },
    looks() {
      const panel = colour("--panel");
      return {
        colors: this.slices.map(([, , name]) => colour(`--${name}`)),
        line: { color: panel, width: 1.5 },
        pattern: { shape: this.slices.map(([, , , shape]) => shape), fillmode: "overlay", size: 5, solidity: 0.3, fgcolor: panel },
      };
    },
    paint() {
      return { hoverlabel: { bgcolor: colour("--panel"), bordercolor: colour("--line"), font: { color: colour("--ink"), size: 12 } } };
    },
  },
};
