// The course of one key figure over the last day: follows the channel `figures` {epoch seconds: [value, ...]}.
// The change beside it says in words what the line shows, so screen readers skip it.
import { courseOf } from "mara-plot/course.js";

const WIDTH = 100;
const HEIGHT = 30;
const EDGE = 3;
const LEAST_HALF = 0.005; // of the value: a smaller swing is drawn as small as it is

export default {
  props: { place: Number, spanS: Number },
  data() {
    return { path: "", end: null, zero: null };
  },
  created() {
    this.unwatch = window.mara.watch("figures", (_, all) => this.draw(all));
  },
  unmounted() {
    this.unwatch();
  },
  methods: {
    draw(all) {
      const own = Object.entries(all).map(([at, values]) => [at, values[this.place]]);
      const course = courseOf(Object.fromEntries(own.filter(([, value]) => typeof value === "number")));
      const points = course.filter(([, value]) => value !== null);
      if (points.length < 2) return ([this.path, this.end, this.zero] = ["", null, null]);
      const values = points.map(([, value]) => value);
      const middle = (Math.min(...values) + Math.max(...values)) / 2;
      const half = Math.max(Math.max(...values) - middle, Math.abs(middle) * LEAST_HALF);
      const [low, high] = [middle - half, middle + half];
      const from = points.at(-1)[0] - this.spanS;
      const room = HEIGHT - 2 * EDGE;
      const y = (value) => (high === low ? HEIGHT / 2 : EDGE + (room * (high - value)) / (high - low));
      const x = (at) => EDGE + ((WIDTH - 2 * EDGE) * (at - from)) / this.spanS;
      const placeOf = ([at, value]) => (value === null ? null : [x(at).toFixed(1), y(value).toFixed(1)]);
      const places = course.map(placeOf);
      this.path = places.map((place, i) => (place ? (places[i - 1] ? "L" : "M") + place.join(" ") : "")).join("");
      this.end = places.at(-1);
      this.zero = low < 0 && high > 0 ? y(0).toFixed(1) : null;
    },
  },
  render() {
    const parts = [];
    if (this.zero) parts.push(Vue.h("path", { class: "spark-zero", d: `M0 ${this.zero}H${WIDTH}` }));
    if (this.path) parts.push(Vue.h("path", { class: "spark-course", d: this.path }));
    if (this.end) parts.push(Vue.h("path", { class: "spark-end", d: `M${this.end.join(" ")}h.01` }));
    const look = { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    return Vue.h("svg", look, parts);
  },
};
