// What all plotly charts share: the theme's colours, the layout, and their data and picture as files.
import { measureOf, zoneName } from "../preferences.js";
import { secondsOf } from "./course.js";

const PICTURE = { format: "png", width: 1200, height: 520, scale: 2 };

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Plotly's name of an axis of dates or of days.
export function typeOf(kind) {
  return kind === "day" ? "linear" : "date";
}

// The box of values beside the pointer.
export function hoverLabel() {
  return { bgcolor: colour("--panel"), bordercolor: colour("--line"), font: { color: colour("--ink"), size: 12 } };
}

// The parts of a layout that follow the theme.
export function paint(unit, kind) {
  const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), tickfont: { color: colour("--mut"), size: 11 } };
  return {
    font: { family: "Inter, system-ui, sans-serif", color: colour("--mut"), size: 11 },
    hoverlabel: hoverLabel(),
    xaxis: {
      ...axis,
      type: typeOf(kind),
      title: { text: kind === "day" ? "day" : zoneName(), font: { size: 11 }, standoff: 4 },
      hoverformat: kind === "day" ? undefined : `%a %-d %b %Y %H:%M ${zoneName().split(",")[0]}`,
      showgrid: false,
      nticks: 6,
      tickangle: 0,
      zeroline: false,
      automargin: true,
      spikecolor: colour("--mut"),
      spikethickness: -1, // plotly draws an outline around a positive one
      spikedash: "solid",
    },
    yaxis: {
      ...axis,
      title: { text: measureOf(unit).long, font: { size: 11 } },
      nticks: 5,
      zeroline: true,
      zerolinecolor: colour("--mut"),
      zerolinewidth: 1,
      automargin: true,
      tickformat: /^[kM]?USD(\/h)?$/.test(unit ?? "") ? "~s" : ",~g", // 100m would be read as mega
    },
  };
}

// The whole layout of a chart over time.
export function layoutOf(unit, kind) {
  const painted = paint(unit, kind);
  return {
    ...painted,
    yaxis: { ...painted.yaxis, fixedrange: true }, // zooming is about time
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 48, r: 10, t: 8, b: 28 },
    showlegend: false,
    hovermode: "x unified",
    separators: ".\u202f",
    uirevision: "keep",
  };
}

// Lines of `cells` as a CSV file that the browser offers to keep.
export function download(name, lines) {
  const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const text = lines.map((cells) => cells.map((value) => quoted(value ?? "")).join(",")).join("\r\n") + "\r\n";
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  offer(`mara-${name}.csv`, address);
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// What a chart shows as a PNG picture that the browser offers to keep, on the ground of its panel and with a legend.
export async function downloadPicture(plotly, chart, name, title) {
  const layout = {
    ...chart.layout,
    paper_bgcolor: colour("--panel"),
    title: { text: title, font: { size: 15, color: colour("--ink") } },
    margin: { l: 64, r: 24, t: 52, b: 72 },
    showlegend: true,
    legend: { orientation: "h", y: -0.2, font: { color: colour("--ink") } },
  };
  offer(`mara-${name}.png`, await plotly.toImage({ data: chart.data, layout }, PICTURE));
}

// Offers what lies at an address as a file to keep.
function offer(name, address) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

// Plotly traces over time as lines of a table: a row for each moment that `isShown`, a column for each trace.
export function tableOf(traces, unit, kind, isShown) {
  const rows = new Map();
  for (const [i, trace] of traces.entries())
    for (const [k, at] of trace.x.entries()) {
      if (!rows.has(at)) rows.set(at, Array(traces.length).fill(null));
      rows.get(at)[i] = trace.y[k];
    }
  const isKnown = (values) => values.some((value) => value !== null); // the rest are marks of gaps
  const known = [...rows].filter(([at, values]) => isShown(at) && isKnown(values));
  const ordered = known.sort(([one], [other]) => (one < other ? -1 : 1));
  const utcOf = (at) => new Date(secondsOf(at) * 1000).toISOString(); // whatever zone is drawn
  const body = ordered.map(([at, values]) => [kind === "day" ? at : utcOf(at), ...values]);
  const { long } = measureOf(unit);
  return [[kind === "day" ? "day" : "utc", ...traces.map((trace) => `${trace.name} [${long}]`)], ...body];
}
