// A plotly chart in a component's element: built once and again in other units, following the theme and its own size.
import { effectScope, getCurrentScope, onMounted, onUnmounted } from "vue";
import { onPreferences } from "../preferences.js";
import { whenShown } from "../state.js";

const printed = window.matchMedia("print");
const LOOK = { displayModeBar: false, displaylogo: false };
const sizeOf = ({ clientWidth, clientHeight }) => `${clientWidth} ${clientHeight}`;
const NO_ROOM = "0 0"; // of an element that is not shown

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

// To be called in `setup` with functions: `build` returns {traces, layout}, `follow` begins to watch channels and draws by
// the pen that it is given, `stand` takes plotly and the chart once that stands, `repaint` puts on the colours of another
// theme. `element` gives the element. A chart is drawn once the server has sent what it shows and the page has room for it.
export function usePlot(element, { build, follow, stand, repaint }) {
  const scope = getCurrentScope();
  let plotly, sized, size, drawn, forget;
  const paintAnew = () => repaint(plotly, element());
  const fitPaper = () => {
    paintAnew();
    plotly.relayout(element(), { autosize: true });
  };
  async function draw() {
    drawn?.stop();
    drawn = scope.run(() => effectScope());
    const own = drawn;
    const pen = penOf(build());
    own.run(() => follow(pen));
    await pen.build(plotly, element());
    if (own.active) own.run(() => stand?.(plotly, element()));
  }
  async function begin() {
    await draw();
    if (!scope.active) return;
    window.addEventListener("mara-theme", paintAnew);
    printed.addEventListener("change", fitPaper);
    forget = onPreferences(draw);
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
    sized?.disconnect();
    forget?.();
    window.removeEventListener("mara-theme", paintAnew);
    printed.removeEventListener("change", fitPaper);
    if (drawn) plotly.purge(element());
  });
}
