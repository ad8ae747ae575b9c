// Zoom along time, the same in all charts of a page.
import { onScopeDispose } from "vue";
import { secondsOf } from "./course.js";

const ZOOMED = "mara-zoom"; // {chart, range, spanS}; without a range every chart shows all that it has

// Has a chart follow the zoom of the others on the page, and them follow its own.
export function followZoom(plotly, chart) {
  const axis = () => chart.layout.xaxis;
  const rangeNow = () => (axis().autorange ? null : [...axis().range]);
  let known = String(rangeNow());
  chart.on("plotly_relayout", () => {
    const range = rangeNow();
    if (String(range) === known) return; // something else was changed, or drawn anew
    known = String(range);
    window.dispatchEvent(new CustomEvent(ZOOMED, { detail: { chart, range, spanS: range?.map(secondsOf) } }));
  });
  const follow = ({ detail: { chart: other, range } }) => {
    if (!chart.isConnected) return window.removeEventListener(ZOOMED, follow);
    if (other === chart) return;
    if (String(rangeNow()) !== String(range)) plotly.relayout(chart, range ? { "xaxis.range": range } : { "xaxis.autorange": true });
  };
  window.addEventListener(ZOOMED, follow);
  onScopeDispose(() => window.removeEventListener(ZOOMED, follow));
}

// The zoom of a chart as a change that keeps it: plotly forgets it where the kind of an axis is stated.
export function rangeOf(chart) {
  const { autorange, range } = chart.layout.xaxis;
  return autorange || !range ? {} : { "xaxis.range": [...range] };
}

// Judges whether a place on the axis of time is in sight.
export function isShownBy(chart, kind) {
  const { autorange, range } = chart.layout?.xaxis ?? { autorange: true };
  if (autorange || !range) return () => true;
  const placed = kind === "day" ? Number : secondsOf;
  const [from, to] = range.map(placed);
  return (at) => from <= placed(at) && placed(at) <= to;
}
