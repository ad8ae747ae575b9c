// Lines over time, built once: a channel {epoch seconds: {key of a line: value}}, or a line's own {epoch seconds: value}.
// All of a channel is drawn at every change, so that the line is never more nor less than what the view model holds.
import { ref } from "vue";
import { number, valuesOf } from "mara";
import { measureOf } from "mara/preferences.js";
import { areaOf, courseOf, placeOf } from "mara/plot/course.js";
import { usePlot } from "mara/plot/chart.js";
import { colour, download, downloadPicture, layoutOf, paint, tableOf, typeOf } from "mara/plot/paint.js";
import { followZoom, isShownBy, rangeOf } from "mara/plot/zoom.js";

function groundOf(line) {
  const own = colour(line.colour);
  const pattern = { shape: line.pattern, size: 7, solidity: 0.45, fgcolor: own, bgcolor: own + "48" };
  if (line.stacked) return { fillcolor: own, ...(line.pattern ? { fillpattern: pattern } : {}) };
  if (line.band) return { fillcolor: own + "22" };
  return {};
}

function traceOf(line, { unit, decimals }) {
  const width = line.stacked ? 0.5 : line.is_thin ? 1 : 2;
  return {
    type: "scatter",
    mode: "lines",
    name: line.name,
    x: [],
    y: [],
    line: { color: colour(line.colour), width, dash: line.dash, shape: line.shape },
    fill: line.band ? "tonexty" : undefined,
    stackgroup: line.stacked ? "all" : undefined,
    ...groundOf(line),
    hovertemplate: `%{y:,.${decimals}f} ${measureOf(unit).unit}` + (line.has_extremes ? "%{customdata}" : ""),
  };
}

// Ground down to zero is a trace of its own, because plotly fills a line's across its gaps.
function fillOf(line, place) {
  const drawn = { type: "scatter", mode: "lines", x: [], y: [], line: { width: 0, shape: line.shape } };
  const fillcolor = colour(line.colour + "-faint");
  return { ...drawn, stackgroup: `fill-${place}`, fillcolor, hoverinfo: "skip", showlegend: false };
}

// The band from the lowest to the highest value of each bucket.
function extremesOf(line) {
  const drawn = { type: "scatter", mode: "lines", x: [], y: [], line: { width: 0 }, fill: "toself" };
  return { ...drawn, fillcolor: colour(line.colour) + "3d", hoverinfo: "skip", showlegend: false };
}

export default {
  props: {
    name: String,
    unit: String,
    label: String,
    lines: Array,
    waiting: String,
    decimals: Number,
    axis: String,
    span: Array,
  },
  setup(props) {
    const element = ref(null);
    const empty = ref(true);
    const places = props.lines.map((_, place) => place);
    const filled = places.filter((place) => props.lines[place].filled);
    const banded = places.filter((place) => props.lines[place].has_extremes);
    const fillPlace = (place) => props.lines.length + filled.indexOf(place);
    const bandPlace = (place) => props.lines.length + filled.length + banded.indexOf(place);
    const extremes = {}; // lowest and highest values of a line's points by its place
    const linesOf = linesBy();
    let drawnBy = null;

    // Lines by the channel that they follow.
    function linesBy() {
      const lines = {};
      for (const place of places) (lines[props.lines[place].channel || props.name] ??= []).push(place);
      return lines;
    }

    // What plotly is to be told of the lines that a channel holds: a list for each, and the places of their traces.
    function partOf(name) {
      const drawn = linesOf[name];
      const all = converted(valuesOf(name));
      const holds = drawn.every((place) => props.lines[place].shape === "hv");
      const course = courseOf(Object.entries(all), holds);
      const x = course.map(([at]) => placeOf(at, props.axis));
      const valueOf = (value, { key, channel }) => (channel ? value : (value?.[key] ?? null));
      const y = drawn.map((place) => course.map(([, value]) => valueOf(value, props.lines[place])));
      const grounds = drawn.filter((place) => props.lines[place].filled);
      const bands = drawn.filter((place) => props.lines[place].has_extremes);
      for (const place of bands) extremes[place] = extremesIn(course, x, props.lines[place].key);
      const areas = bands.map((place) => areaOf(course, props.lines[place].key, holds, props.axis));
      const traces = [...drawn, ...grounds.map(fillPlace), ...bands.map(bandPlace)];
      const xs = [...drawn.map(() => x), ...grounds.map(() => x), ...areas.map((area) => area.x)];
      const ys = [...y, ...grounds.map((place) => y[drawn.indexOf(place)]), ...areas.map((area) => area.y)];
      const words = traces.map((place) => (bands.includes(place) ? wordsOf(place, x) : undefined));
      return { xs, ys, words, traces };
    }

    function draw(pen, names) {
      const parts = names.map(partOf);
      const whole = (key) => parts.flatMap((part) => part[key]);
      const axis = { "xaxis.type": typeOf(props.axis), ...rangeOf(pen.chart) }; // new x would make plotly guess the axis anew
      const said = banded.length ? { customdata: whole("words") } : {};
      pen.update({ x: whole("xs"), y: whole("ys"), ...said }, axis, whole("traces"));
      empty.value = pen.chart.data.every((trace) => !trace.x.length);
    }

    // The points in the unit that this browser wants.
    function converted(all) {
      const { unit, of } = measureOf(props.unit);
      if (unit === props.unit) return all;
      const one = (value) => (typeof value === "number" ? of(value) : value);
      const values = (point) => Object.fromEntries(Object.entries(point).map(([key, value]) => [key, one(value)]));
      return Object.fromEntries(
        Object.entries(all).map(([at, point]) => [at, typeof point === "object" && point ? values(point) : one(point)]),
      );
    }

    function extremesIn(course, x, key) {
      const [low, high] = ["low", "high"].map((end) => course.map(([, value]) => value?.[`${key}_${end}`] ?? null));
      return low.some((value) => value !== null) ? { x, low, high } : null;
    }

    // What the pointer is told of the extremes beside a mean.
    function wordsOf(place, x) {
      const { low, high } = extremes[place] ?? {};
      const between = (i) => `${number(low[i], props.decimals)} to ${number(high[i], props.decimals)}`;
      return x.map((_, i) => (low && low[i] !== null && high[i] !== null ? ` (${between(i)})` : ""));
    }

    const drawNow = usePlot(() => element.value, {
      build() {
        const layout = layoutOf(props.unit, props.axis);
        const range = props.span.map((at) => placeOf(at, props.axis));
        if (range.length) Object.assign(layout.xaxis, { range, autorange: false });
        return {
          traces: [
            ...props.lines.map((line) => traceOf(line, props)),
            ...filled.map((place) => fillOf(props.lines[place], place)),
            ...banded.map((place) => extremesOf(props.lines[place])),
          ],
          layout,
        };
      },
      channels: Object.keys(linesOf),
      draw,
      follow(plotly, chart) {
        drawnBy = plotly;
        if (props.axis === "date") followZoom(plotly, chart);
      },
      repaint(plotly, chart) {
        for (const [place, line] of props.lines.entries()) {
          plotly.restyle(chart, { "line.color": colour(line.colour), ...groundOf(line) }, [place]);
          if (line.filled) plotly.restyle(chart, { fillcolor: colour(line.colour + "-faint") }, [fillPlace(place)]);
          if (line.has_extremes) plotly.restyle(chart, { fillcolor: colour(line.colour) + "3d" }, [bandPlace(place)]);
        }
        const flat = {};
        for (const [part, values] of Object.entries(paint(props.unit, props.axis)))
          for (const [key, value] of Object.entries(values)) flat[`${part}.${key}`] = value;
        plotly.relayout(chart, flat);
      },
    });

    function keep() {
      drawNow();
      const columns = places.flatMap((place) => {
        const trace = element.value.data?.[place] ?? { name: props.lines[place].name, x: [], y: [] };
        if (!extremes[place]) return [trace];
        const { x, low, high } = extremes[place];
        return [trace, { name: `${trace.name}, lowest`, x, y: low }, { name: `${trace.name}, highest`, x, y: high }];
      });
      download(props.name, tableOf(columns, props.unit, props.axis, isShownBy(element.value, props.axis)));
    }
    function snap() {
      drawNow();
      if (drawnBy) downloadPicture(drawnBy, element.value, props.name, props.label);
    }
    return { element, empty, keep, snap };
  },
  template: `
    <div
      ref="element"
      class="line-chart"
      role="img"
      :aria-label="label"
      :data-empty="empty"
      :data-waiting="waiting"
      @mara-csv="keep"
      @mara-png="snap"
    ></div>
  `,
};
