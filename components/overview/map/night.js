// The night side of the earth as [lat, lon] corners. The sun's place by the Astronomical Almanac's low-precision
// formulas (good to 0.01 degrees): https://aa.usno.navy.mil/faq/sun_approx
const DAY_S = 86400;
const J2000_S = 946728000; // 2000-01-01T12:00Z
const STEP_DEG = 2;
const EDGE_DEG = 720; // well beyond the map's edge, so that no seam is ever in view

const rad = (degrees) => (degrees * Math.PI) / 180;
const deg = (radians) => (radians * 180) / Math.PI;

// Where the sun is overhead: [lat, lon] in degrees.
function overhead(at) {
  const days = (at - J2000_S) / DAY_S;
  const anomaly = rad(357.529 + 0.98560028 * days);
  const mean = 280.459 + 0.98564736 * days;
  const longitude = rad(mean + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly));
  const tilt = rad(23.439 - 0.00000036 * days);
  const declination = deg(Math.asin(Math.sin(tilt) * Math.sin(longitude)));
  const ascension = deg(Math.atan2(Math.cos(tilt) * Math.sin(longitude), Math.cos(longitude)));
  const sidereal = (18.697374558 + 24.06570982441908 * days) * 15;
  return [declination, ((((ascension - sidereal + 180) % 360) + 360) % 360) - 180];
}

export function nightOf(at) {
  const [declination, noon] = overhead(at);
  const slope = Math.tan(rad(Math.abs(declination) < 0.01 ? 0.01 : declination)); // at the equinox the edge is upright
  const corners = [];
  for (let lon = -EDGE_DEG; lon <= EDGE_DEG; lon += STEP_DEG)
    corners.push([deg(Math.atan(-Math.cos(rad(lon - noon)) / slope)), lon]);
  const darkPole = declination > 0 ? -90 : 90;
  return [...corners, [darkPole, EDGE_DEG], [darkPole, -EDGE_DEG]];
}
