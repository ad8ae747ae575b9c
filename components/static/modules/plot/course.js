// A line's points as plotly wants them: times as texts on the wall, because plotly draws numbers and dates in the zone of
// the browser, whatever is preferred, and nothing drawn across a gap.
import { secondsOfWall, wallOf } from "../preferences.js";

const MS_PER_S = 1000;
const GAP_STEPS = 1.5; // of a series' own step: more than that between two points is a gap
const LEAST_POINTS = 3; // below that a series has no step of its own

// Seconds since 1970, or days on an axis of days, as a place on the axis.
export function placeOf(at, kind) {
  return kind === "day" ? at : wallOf(at);
}

// Epoch seconds of a place on an axis of dates, as plotly writes it: a text, or milliseconds.
export function secondsOf(place) {
  return typeof place === "number" ? place / MS_PER_S : secondsOfWall(place);
}

// Entries [at, value] in order of time, with empty points where a gap begins and ends; `holds` for lines whose points hold for
// a step. A value may be a list, one for each line.
export function courseOf(entries, holds = false) {
  const points = entries.map(([at, value]) => [Number(at), value]).sort(([one], [other]) => one - other);
  const step = stepOf(points);
  const course = [];
  for (const [i, point] of points.entries()) {
    if (i && point[0] - points[i - 1][0] > GAP_STEPS * step) {
      const last = points[i - 1][0];
      course.push([holds ? last + step : last + 1, null], [point[0] - 1, null]);
    }
    course.push(point);
  }
  return course;
}

// The area between the extremes that points state as `KEY_low` and `KEY_high`: a shape for each stretch of such points,
// as {x, y} of a trace that plotly fills "toself".
export function areaOf(course, key, holds, kind) {
  const x = [], y = [];
  let stretch = [];
  const close = (end) => {
    const corners = holds && end !== undefined && stretch.length ? [...stretch, { ...stretch.at(-1), at: end }] : stretch;
    const upper = corners.flatMap(({ at, high }, i) => (holds && i ? [[at, corners[i - 1].high], [at, high]] : [[at, high]]));
    const lower = corners.flatMap(({ at, low }, i) => (holds && i ? [[at, corners[i - 1].low], [at, low]] : [[at, low]]));
    const shape = [...upper, ...lower.reverse()];
    if (shape.length) shape.push([shape[0][0], null]);
    for (const [at, value] of shape) x.push(placeOf(at, kind)), y.push(value);
    stretch = [];
  };
  for (const [at, value] of course) {
    const low = value?.[`${key}_low`], high = value?.[`${key}_high`];
    if (low === undefined || high === undefined) close(at);
    else stretch.push({ at, low, high });
  }
  close();
  return { x, y };
}

// Half of the steps between points are at most this long.
function stepOf(points) {
  if (points.length < LEAST_POINTS) return Infinity;
  const steps = points.slice(1).map(([at], i) => at - points[i][0]);
  steps.sort((one, other) => one - other);
  return steps[(steps.length - 1) >> 1];
}
