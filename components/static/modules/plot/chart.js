// A plotly chart in a component's element: built once and again in other units, following the theme and its own size.
// Drawing measures texts, which has the browser compute the whole page's layout: so a chart draws what changed once a frame,
// and not while it is out of sight or in a tab that nobody sees.
import { effectScope, getCurrentScope, onMounted, onUnmounted } from "vue";
import { onPreferences } from "../preferences.js";
import { onChange, valuesOf } from "../state.js";

const printed = window.matchMedia("print");
const LOOK = { displayModeBar: false, displaylogo: false };
const SIGHT = { rootMargin: "200px" }; // a chart is drawn before it is scrolled to

// To be called in `setup` with functions of `plotly` and the element: `build` returns {traces, layout}, `draw` draws what
// the changed ones among the `channels` hold, by name, `follow` begins once the chart stands, `repaint` puts on the colours
// of another theme. `element` gives the element. Returns a function that draws at once what waits.
export function usePlot(element, { build, channels, draw, follow, repaint }) {
  const scope = getCurrentScope();
  const known = new Set(), changed = new Set(); // names of channels: drawn with values, and to be drawn
  let plotly, sized, seen, drawn, forget;
  let frame = 0;
  let isInSight = true;
  function drawChanged() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!changed.size) return;
    const names = [...changed];
    changed.clear();
    for (const name of names) if (Object.keys(valuesOf(name)).length) known.add(name);
    draw(plotly, element(), names);
  }
  function drawSoon() {
    if (isInSight && changed.size) frame ||= requestAnimationFrame(drawChanged);
  }
  function followChannels() {
    for (const name of channels)
      onChange(name, () => {
        changed.add(name);
        if (known.has(name)) drawSoon();
        else drawChanged(); // a chart that has data is never empty
      });
  }
  const paintAnew = () => repaint(plotly, element());
  const fitPaper = () => {
    drawChanged();
    paintAnew();
    plotly.relayout(element(), { autosize: true });
  };
  async function stand() {
    drawn?.stop();
    changed.clear();
    const { traces, layout } = build();
    await plotly.newPlot(element(), traces, layout, LOOK);
    if (!scope.active) return;
    element().dataset.built = "";
    known.clear();
    drawn = scope.run(() => effectScope());
    drawn.run(() => {
      followChannels();
      follow?.(plotly, element());
    });
  }
  onMounted(async () => {
    plotly = (await import("nicegui-plotly")).Plotly;
    if (!scope.active) return;
    await stand();
    if (!scope.active) return;
    window.addEventListener("mara-theme", paintAnew);
    printed.addEventListener("change", fitPaper);
    forget = onPreferences(stand);
    sized = new ResizeObserver(() => plotly.Plots.resize(element()));
    sized.observe(element());
    seen = new IntersectionObserver((entries) => {
      isInSight = entries.at(-1).isIntersecting;
      drawSoon();
    }, SIGHT);
    seen.observe(element());
  });
  onUnmounted(() => {
    cancelAnimationFrame(frame);
    sized?.disconnect();
    seen?.disconnect();
    forget?.();
    window.removeEventListener("mara-theme", paintAnew);
    printed.removeEventListener("change", fitPaper);
    if (element()) plotly?.purge(element());
  });
  return drawChanged;
}
