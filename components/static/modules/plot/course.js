// A line's points as plotly wants them: times on the wall of UTC, because plotly draws numbers and dates in the zone of
// the browser, and nothing drawn across a gap.
const MS_PER_S = 1000;
const GAP_STEPS = 1.5; // of a series' own step: more than that between two points is a gap
const LEAST_POINTS = 3; // below that a series has no step of its own

// Seconds since 1970, or days on an axis of days, as a place on the axis.
export function placeOf(at, kind) {
  return kind === "day" ? at : new Date(at * MS_PER_S).toISOString().slice(0, -1);
}

// {at: value} in order of time, with empty points where a gap begins and ends; `holds` for lines whose points hold for
// a step. A value may be a list, one for each line.
export function courseOf(all, holds = false) {
  const points = Object.entries(all)
    .map(([at, value]) => [Number(at), value])
    .sort(([one], [other]) => one - other);
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

// Half of the steps between points are at most this long.
function stepOf(points) {
  if (points.length < LEAST_POINTS) return Infinity;
  const steps = points.slice(1).map(([at], i) => at - points[i][0]);
  steps.sort((one, other) => one - other);
  return steps[(steps.length - 1) >> 1];
}
