// The course of one key figure over the last day: follows the channel `figures` {epoch seconds: {figure: value}}.
// The change beside it says in words what the line shows, so screen readers skip it.
import { useEntries } from "mara";
import { courseOf } from "mara/plot/course.js";

const WIDTH = 100;
const HEIGHT = 30;
const EDGE = 3;
const LEAST_HALF_SHARE = 0.005; // of the value: a smaller swing is drawn as small as it is
const NOTHING = { path: "", end: null, zero: null };

function drawingOf(course, spanS) {
  const points = course.filter(([, value]) => value !== null);
  if (points.length < 2) return NOTHING;
  const values = points.map(([, value]) => value);
  const middle = (Math.min(...values) + Math.max(...values)) / 2;
  const half = Math.max(Math.max(...values) - middle, Math.abs(middle) * LEAST_HALF_SHARE);
  const [low, high] = [middle - half, middle + half];
  const from = points.at(-1)[0] - spanS;
  const height = HEIGHT - 2 * EDGE;
  const y = (value) => (high === low ? HEIGHT / 2 : EDGE + (height * (high - value)) / (high - low));
  const x = (at) => EDGE + ((WIDTH - 2 * EDGE) * (at - from)) / spanS;
  const places = course.map(([at, value]) => (value === null ? null : `${x(at).toFixed(1)} ${y(value).toFixed(1)}`));
  const path = places.map((place, i) => (place ? (places[i - 1] ? "L" : "M") + place : "")).join("");
  return { path, end: places.at(-1), zero: low < 0 && high > 0 ? y(0).toFixed(1) : null };
}

export default {
  props: { figure: String, spanS: Number },
  setup() {
    return { figures: useEntries("figures"), viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH };
  },
  computed: {
    drawing() {
      const own = this.figures.map(([at, values]) => [at, values[this.figure]]);
      return drawingOf(courseOf(own.filter(([, value]) => typeof value === "number")), this.spanS);
    },
  },
  template: `
    <svg class="spark" :viewBox="viewBox" preserveAspectRatio="none" aria-hidden="true">
      <path v-if="drawing.zero" class="spark-zero" :d="'M0 ' + drawing.zero + 'H' + width" />
      <path v-if="drawing.path" class="spark-course" :d="drawing.path" />
      <path v-if="drawing.end" class="spark-end" :d="'M' + drawing.end + 'h.01'" />
    </svg>
  `,
};
