// A ring of the parts of a whole, built once: follows the channel `power` {key of a slice: MW}.
import { ref } from "vue";
import { valuesOf } from "mara";
import { usePlot } from "mara/plot/chart.js";
import { colour, hoverLabel } from "mara/plot/paint.js";

export default {
  props: { slices: Array, label: String },
  setup(props) {
    const element = ref(null);
    const looks = () => ({
      colors: props.slices.map((slice) => colour(`--${slice.look}`)),
      line: { color: colour("--panel"), width: 1.5 },
      pattern: {
        shape: props.slices.map((slice) => slice.pattern),
        fillmode: "overlay",
        size: 5,
        solidity: 0.3,
        fgcolor: colour("--panel"),
      },
    });
    const trace = () => ({
      type: "pie",
      hole: 0.7,
      sort: false,
      direction: "clockwise",
      textinfo: "none",
      labels: props.slices.map((slice) => slice.label),
      values: props.slices.map(() => 0),
      hovertemplate: "%{label}: %{value:.1f} MW, %{percent}<extra></extra>",
      marker: looks(),
    });
    const layout = () => ({
      margin: { l: 2, r: 2, t: 2, b: 2 },
      showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      separators: ".\u202f",
      hoverlabel: hoverLabel(),
    });
    usePlot(() => element.value, {
      build: () => ({ traces: [trace()], layout: layout() }),
      channels: ["power"],
      draw(pen) {
        const all = valuesOf("power");
        pen.update({ values: [props.slices.map((slice) => all[slice.key] ?? 0)] });
      },
      repaint(plotly, ring) {
        plotly.restyle(ring, { marker: [looks()] }, [0]);
        plotly.relayout(ring, { hoverlabel: hoverLabel() });
      },
    });
    return { element };
  },
  template: `<div ref="element" class="doughnut" role="img" :aria-label="label"></div>`,
};
