// Lines over time, built once: a channel {epoch seconds: {key of a line: value}}, or a line's own {epoch seconds: value}.
// All of a channel is drawn at every change, so that the line is never more nor less than what the view model holds.
import { ref } from "vue";
import { onChange } from "mara";
import { courseOf, placeOf } from "mara/plot/course.js";
import { usePlot } from "mara/plot/chart.js";
import { colour, download, layoutOf, paint, tableOf, typeOf } from "mara/plot/paint.js";

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
    hovertemplate: `%{y:,.${decimals}f} ${unit}`,
  };
}

// Ground down to zero is a trace of its own, because plotly fills a line's across its gaps.
function fillOf(line, place) {
  const drawn = { type: "scatter", mode: "lines", x: [], y: [], line: { width: 0, shape: line.shape } };
  return { ...drawn, stackgroup: `fill-${place}`, fillcolor: colour(line.colour + "-faint"), hoverinfo: "skip" };
}

export default {
  props: { name: String, unit: String, label: String, lines: Array, waiting: String, decimals: Number, axis: String },
  setup(props) {
    const element = ref(null);
    const empty = ref(true);
    const places = props.lines.map((_, place) => place);
    const filled = places.filter((place) => props.lines[place].filled);
    const fillPlace = (place) => props.lines.length + filled.indexOf(place);

    function draw(plotly, chart, all, drawn) {
      const course = courseOf(all, drawn.every((place) => props.lines[place].shape === "hv"));
      const x = course.map(([at]) => placeOf(at, props.axis));
      const valueOf = (value, { key, channel }) => (channel ? value : (value?.[key] ?? null));
      const y = drawn.map((place) => course.map(([, value]) => valueOf(value, props.lines[place])));
      const grounds = drawn.filter((place) => props.lines[place].filled);
      const traces = [...drawn, ...grounds.map(fillPlace)];
      const ys = [...y, ...grounds.map((place) => y[drawn.indexOf(place)])];
      const axis = { "xaxis.type": typeOf(props.axis) }; // new x would make plotly guess the axis anew
      plotly.update(chart, { x: traces.map(() => x), y: ys }, axis, traces);
      empty.value = chart.data.every((trace) => !trace.x.length);
    }

    usePlot(() => element.value, {
      build: () => ({
        traces: [
          ...props.lines.map((line) => traceOf(line, props)),
          ...filled.map((place) => fillOf(props.lines[place], place)),
        ],
        layout: layoutOf(props.unit, props.axis),
      }),
      follow(plotly, chart) {
        const shared = places.filter((place) => !props.lines[place].channel);
        if (shared.length) onChange(props.name, (all) => draw(plotly, chart, all, shared));
        for (const place of places.filter((place) => props.lines[place].channel))
          onChange(props.lines[place].channel, (all) => draw(plotly, chart, all, [place]));
      },
      repaint(plotly, chart) {
        for (const [place, line] of props.lines.entries()) {
          plotly.restyle(chart, { "line.color": colour(line.colour), ...groundOf(line) }, [place]);
          if (line.filled) plotly.restyle(chart, { fillcolor: colour(line.colour + "-faint") }, [fillPlace(place)]);
        }
        const flat = {};
        for (const [part, values] of Object.entries(paint(props.unit, props.axis)))
          for (const [key, value] of Object.entries(values)) flat[`${part}.${key}`] = value;
        plotly.relayout(chart, flat);
      },
    });

    function keep() {
      const traces = element.value.data?.slice(0, props.lines.length) ?? [];
      download(props.name, tableOf(traces, props.unit, props.axis));
    }
    return { element, empty, keep };
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
    ></div>
  `,
};
