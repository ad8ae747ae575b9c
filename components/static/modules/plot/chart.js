// A plotly chart in a component's element: built once and again in other units, following the theme and its own size.
// Drawing measures texts, which has the browser compute the whole page's layout: so a chart draws what changed once a frame,
// and not while it is out of sight or in a tab that nobody sees.
import { effectScope, getCurrentScope, onMounted, onUnmounted } from "vue";
import { onPreferences } from "../preferences.js";
import { onChange, whenShown, valuesOf } from "../state.js";

const printed = window.matchMedia("print");
const LOOK = { displayModeBar: false, displaylogo: false };
const sizeOf = ({ clientWidth, clientHeight }) => `${clientWidth} ${clientHeight}`;
const NO_ROOM = "0 0"; // of an element that is not shown
const SIGHT = { rootMargin: "200px" }; // a chart is drawn before it is scrolled to

// What a chart shows. Changes before it stands go into what will be drawn, because plotly takes as long to change an empty
// chart as to draw it. `chart` has `data` and `layout`: first as given, then as plotly keeps them.
function penOf({ traces, layout }) {
  let plotly = null;
  return {
    chart: { data: traces, layout },
    // Takes {path: a value for each} of the traces in `places`, one that is no list for all of them, and {path: value} of the layout.
    update(changes, layoutChanges = {}, places = [...this.chart.data.keys()]) {
      if (plotly) return plotly.update(this.chart, changes, layoutChanges, places);
      for (const [path, values] of Object.entries(changes))
        for (const [i, place] of places.entries()) put(this.chart.data[place], path, Array.isArray(values) ? values[i] : values);
      for (const [path, value] of Object.entries(layoutChanges)) put(this.chart.layout, path, value);
    },
    build(drawnBy, element) {
      const drawn = drawnBy.newPlot(element, traces, layout, LOOK);
      plotly = drawnBy;
      this.chart = element;
      return drawn;
    },
  };
}

function put(target, path, value) {
  if (value === undefined) return; // as plotly does
  const names = path.split(".");
  const last = names.pop();
  for (const name of names) target = target[name] ??= {};
  target[last] = value;
}

// To be called in `setup` with functions: `build` returns {traces, layout}, `draw` draws by the pen that it is given what the
// changed ones among the `channels` hold, by name, `follow` takes plotly and the chart once that stands, `repaint` puts on
// the colours of another theme. `element` gives the element. Returns a function that draws at once what waits. A chart is
// drawn once the server has sent what it shows and the page has room for it.
export function usePlot(element, { build, channels, draw, follow, repaint }) {
  const scope = getCurrentScope();
  const known = new Set(), changed = new Set(); // names of channels: drawn with values, and to be drawn
  let plotly, pen, sized, size, seen, drawn, forget;
  let frame = 0;
  let isInSight = true;
  function drawChanged() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!changed.size) return;
    const names = [...changed];
    changed.clear();
    for (const name of names) if (Object.keys(valuesOf(name)).length) known.add(name);
    draw(pen, names);
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
    known.clear();
    pen = penOf(build());
    drawn = scope.run(() => effectScope());
    const own = drawn;
    own.run(followChannels);
    await pen.build(plotly, element());
    if (!own.active) return;
    element().dataset.built = "";
    own.run(() => follow?.(plotly, element()));
  }
  async function begin() {
    await stand();
    if (!scope.active) return;
    window.addEventListener("mara-theme", paintAnew);
    printed.addEventListener("change", fitPaper);
    forget = onPreferences(stand);
    seen = new IntersectionObserver((entries) => {
      isInSight = entries.at(-1).isIntersecting;
      drawSoon();
    }, SIGHT);
    seen.observe(element());
  }
  // Draws the chart once it has room, and later only where its room changes: plotly takes as long to fit what fits already.
  function fit() {
    const now = sizeOf(element());
    if (now === size || now === NO_ROOM) return;
    size = now;
    if (drawn) plotly.Plots.resize(element());
    else begin();
  }
  onMounted(async () => {
    [{ Plotly: plotly }] = await Promise.all([import("nicegui-plotly"), whenShown]);
    if (!scope.active) return;
    sized = new ResizeObserver(fit);
    sized.observe(element());
  });
  onUnmounted(() => {
    cancelAnimationFrame(frame);
    sized?.disconnect();
    seen?.disconnect();
    forget?.();
    window.removeEventListener("mara-theme", paintAnew);
    printed.removeEventListener("change", fitPaper);
    if (drawn) plotly.purge(pen.chart); // `element` gives nothing any more
  });
  return drawChanged;
}
