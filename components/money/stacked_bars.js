// Bars over time: a channel {epoch seconds: {key of a series: USD, total or so_far}}, a bar from each point to the next. Series
// without a value are not drawn, nor named in the legend below, which is drawn here because the values decide it.
import { ref } from "vue";
import { valuesOf } from "mara";
import { measureOf } from "mara/preferences.js";
import { placeOf } from "mara/plot/course.js";
import { usePlot } from "mara/plot/chart.js";
import { colour, download, downloadPicture, layoutOf, paint, tableOf } from "mara/plot/paint.js";
import { followZoom, isShownBy, rangeOf } from "mara/plot/zoom.js";

const MS_PER_S = 1000;
const PALE = 0.45; // opacity of a bar whose interval is not over
const DAY_S = 86_400;
const MOST_DAYS_NAMED = 8;

// Length of a bar [s]: the least distance between two points; `lone` of a single one, which does not tell.
function stepOf(places, lone) {
  const steps = places.slice(1).map((at, i) => at - places[i]);
  return steps.length ? Math.min(...steps) : lone;
}

// An axis that names days, each below its bar.
function daysOn(places) {
  const count = (places.at(-1) - places[0]) / DAY_S + 1;
  const dtick = Math.ceil(count / MOST_DAYS_NAMED) * DAY_S * MS_PER_S;
  const ticks = { dtick, tick0: placeOf(places[0]), ticklabelmode: "period", tickformat: "%-d %b", hoverformat: "%a %-d %b %Y" };
  return Object.fromEntries(Object.entries(ticks).map(([key, value]) => [`xaxis.${key}`, value]));
}

function markerOf(one) {
  const own = colour(one.colour);
  const pattern = { shape: one.pattern, size: 6, solidity: 0.4, fgcolor: own, bgcolor: own + "40", fillmode: "overlay" };
  return { color: own, pattern: one.pattern ? pattern : { shape: "" }, line: { width: 0 } };
}

export default {
  props: { name: String, label: String, unit: String, series: Array, empty: String, mode: String, span: Array, lone: Number },
  setup(props) {
    const element = ref(null);
    const isEmpty = ref(true);
    const used = ref([]);
    let drawnBy = null;

    function barOf(one) {
      const hovertemplate = `%{y:,.0f} ${measureOf(props.unit).unit}`;
      return { type: "bar", name: one.name, x: [], y: [], xperiodalignment: "middle", marker: markerOf(one), hovertemplate };
    }

    function totalOf() {
      const line = { color: colour("--ink"), width: 1.5 };
      const look = { mode: "lines+markers", line, marker: { color: line.color, size: 4 }, xperiodalignment: "middle" };
      return { type: "scatter", name: "Profit", x: [], y: [], ...look, hovertemplate: `%{y:,.0f} ${measureOf(props.unit).unit}` };
    }

    // The total of an interval that is not over: a ring, because a line down to it would look like a loss.
    function soFarOf() {
      const marker = { color: colour("--ink"), size: 9, symbol: "circle-open", line: { width: 1.5 } };
      return { ...totalOf(), name: "Profit so far", mode: "markers", marker };
    }

    function draw(pen) {
      const points = Object.entries(valuesOf(props.name)).sort(([one], [other]) => one - other);
      const places = points.map(([at]) => Number(at));
      const x = places.map((at) => placeOf(at));
      const { of } = measureOf(props.unit);
      const course = (key) => points.map(([, point]) => (typeof point[key] === "number" ? of(point[key]) : null));
      const y = props.series.map(({ key }) => course(key));
      const visible = y.map((values) => values.some((value) => value));
      used.value = props.series.filter((_, place) => visible[place]);
      if (props.mode === "relative") {
        y.push(course("total"), course("so_far"));
        visible.push(true, y.at(-1).some((value) => value !== null));
      }
      const opacity = points.map(([, point]) => ("so_far" in point ? PALE : 1));
      const stepS = stepOf(places, props.lone);
      const period = { xperiod: stepS * MS_PER_S, xperiod0: x[0] };
      const days = stepS >= DAY_S ? daysOn(places) : {};
      const axis = { "xaxis.type": "date", ...days, ...rangeOf(pen.chart) }; // new x would make plotly guess the axis anew
      const opacities = y.map((_, place) => (place < props.series.length ? opacity : undefined)); // bars alone are pale
      pen.update({ x: y.map(() => x), y, visible, "marker.opacity": opacities, ...period }, axis);
      isEmpty.value = !points.length;
    }

    const drawNow = usePlot(() => element.value, {
      build() {
        const layout = layoutOf(props.unit, "date");
        const range = props.span.map((at) => placeOf(at));
        if (range.length) Object.assign(layout.xaxis, { range, autorange: false });
        const bars = props.series.map(barOf);
        const traces = props.mode === "relative" ? [...bars, totalOf(), soFarOf()] : bars;
        return { traces, layout: { ...layout, barmode: props.mode, bargap: 0.18, bargroupgap: 0.05 } };
      },
      channels: [props.name],
      draw,
      follow(plotly, chart) {
        drawnBy = plotly;
        followZoom(plotly, chart);
      },
      repaint(plotly, chart) {
        for (const [place, one] of props.series.entries()) {
          const { opacity } = chart.data[place].marker;
          plotly.restyle(chart, { marker: { ...markerOf(one), opacity } }, [place]);
        }
        if (props.mode === "relative") {
          const ink = { "line.color": colour("--ink"), "marker.color": colour("--ink") };
          plotly.restyle(chart, ink, [props.series.length, props.series.length + 1]);
        }
        const flat = {};
        for (const [part, values] of Object.entries(paint(props.unit, "date")))
          for (const [key, value] of Object.entries(values)) flat[`${part}.${key}`] = value;
        plotly.relayout(chart, flat);
      },
    });

    function keep() {
      drawNow();
      const traces = (element.value.data ?? []).filter((trace) => trace.visible !== false);
      download(props.name, tableOf(traces, props.unit, "date", isShownBy(element.value, "date")));
    }
    function snap() {
      drawNow();
      if (drawnBy) downloadPicture(drawnBy, element.value, props.name, props.label);
    }
    return { element, isEmpty, used, keep, snap };
  },
  template: `
    <div class="stacked-bars" @mara-csv="keep" @mara-png="snap">
      <ul class="legend" :aria-label="'Colours of ' + label">
        <li v-for="one in used" :key="one.key" :class="'swatch look-' + one.look">{{ one.name }}</li>
        <li v-if="mode === 'relative' && !isEmpty" class="legend-line total-line">Profit</li>
      </ul>
      <div
        ref="element"
        class="line-chart"
        role="img"
        :aria-label="label"
        :data-empty="isEmpty"
        :data-waiting="empty"
      ></div>
    </div>
  `,
};
