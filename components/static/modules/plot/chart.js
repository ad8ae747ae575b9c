// A plotly chart in a component's element: built once, following the theme and its own size until the component goes.
import { getCurrentScope, onMounted, onUnmounted } from "vue";

const LOOK = { displayModeBar: false, displaylogo: false };

// To be called in `setup` with functions of `plotly` and the element: `build` returns {traces, layout}, `follow` begins
// to watch channels once the chart stands, `repaint` puts on the colours of another theme. `element` gives the element.
export function usePlot(element, { build, follow, repaint }) {
  const scope = getCurrentScope();
  let plotly, sized;
  const paintAnew = () => repaint(plotly, element());
  onMounted(async () => {
    plotly = (await import("nicegui-plotly")).Plotly;
    if (!scope.active) return;
    const { traces, layout } = build();
    await plotly.newPlot(element(), traces, layout, LOOK);
    if (!scope.active) return;
    scope.run(() => follow(plotly, element()));
    window.addEventListener("mara-theme", paintAnew);
    sized = new ResizeObserver(() => plotly.Plots.resize(element()));
    sized.observe(element());
  });
  onUnmounted(() => {
    sized?.disconnect();
    window.removeEventListener("mara-theme", paintAnew);
    if (element()) plotly?.purge(element());
  });
}
