// A plotly chart in a component's element: built once and again in other units, following the theme and its own size.
import { effectScope, getCurrentScope, onMounted, onUnmounted } from "vue";
import { onPreferences } from "../preferences.js";

const printed = window.matchMedia("print");
const LOOK = { displayModeBar: false, displaylogo: false };

// To be called in `setup` with functions of `plotly` and the element: `build` returns {traces, layout}, `follow` begins
// to watch channels once the chart stands, `repaint` puts on the colours of another theme. `element` gives the element.
export function usePlot(element, { build, follow, repaint }) {
  const scope = getCurrentScope();
  let plotly, sized, drawn, forget;
  const paintAnew = () => repaint(plotly, element());
  const fitPaper = () => {
    paintAnew();
    plotly.relayout(element(), { autosize: true });
  };
  async function draw() {
    drawn?.stop();
    const { traces, layout } = build();
    await plotly.newPlot(element(), traces, layout, LOOK);
    if (!scope.active) return;
    element().dataset.built = "";
    drawn = scope.run(() => effectScope());
    drawn.run(() => follow(plotly, element()));
  }
  onMounted(async () => {
    plotly = (await import("nicegui-plotly")).Plotly;
    if (!scope.active) return;
    await draw();
    if (!scope.active) return;
    window.addEventListener("mara-theme", paintAnew);
    printed.addEventListener("change", fitPaper);
    forget = onPreferences(draw);
    sized = new ResizeObserver(() => plotly.Plots.resize(element()));
    sized.observe(element());
  });
  onUnmounted(() => {
    sized?.disconnect();
    forget?.();
    window.removeEventListener("mara-theme", paintAnew);
    printed.removeEventListener("change", fitPaper);
    if (element()) plotly?.purge(element());
  });
}
