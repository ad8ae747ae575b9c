// What all plotly charts share: the theme's colours, the layout, and the data as a CSV file.
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
      title: { text: kind === "day" ? "day" : "UTC", font: { size: 11 }, standoff: 4 },
      hoverformat: kind === "day" ? undefined : "%a %-d %b %Y %H:%M UTC",
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
      title: { text: unit, font: { size: 11 } },
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
  return {
    ...paint(unit, kind),
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 48, r: 10, t: 8, b: 28 },
    showlegend: false,
    hovermode: "x unified",
    separators: ".\u202f",
    uirevision: "keep",
  };
}

// Lines of `cells` as a file that the browser offers to keep.
export function download(name, lines) {
  const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const text = lines.map((cells) => cells.map((value) => quoted(value ?? "")).join(",")).join("\r\n") + "\r\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `mara-${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Plotly traces over time as lines of a table: a row for each moment, a column for each trace.
export function tableOf(traces, unit, kind) {
  const rows = new Map();
  for (const [i, trace] of traces.entries())
    for (const [k, at] of trace.x.entries()) {
      if (!rows.has(at)) rows.set(at, Array(traces.length).fill(null));
      rows.get(at)[i] = trace.y[k];
    }
  const known = [...rows].filter(([, values]) => values.some((value) => value !== null)); // the rest are marks of gaps
  const ordered = known.sort(([one], [other]) => (one < other ? -1 : 1));
  const body = ordered.map(([at, values]) => [kind === "day" ? at : `${at}Z`, ...values]);
  return [[kind === "day" ? "day" : "utc", ...traces.map((trace) => `${trace.name} [${unit}]`)], ...body];
}
