// Which part of the earth shows a whole fleet: the shortest stretch of longitudes that holds every site, across the date
// line where that is clearly shorter than the map as everybody knows it.
const ROUND_DEG = 360;
const CLEARLY_SHARE = 0.85;
const COPY_EDGE_DEG = 180; // of the ground as it is drawn once

// {south, north, west, east} of sites {lat, lon}; west and east may lie beyond 180 degrees. Null without sites.
export function viewOf(sites) {
  if (!sites.length) return null;
  const lats = sites.map(({ lat }) => lat);
  const lons = sites.map(({ lon }) => lon).sort((one, other) => one - other);
  const gapAfter = (i) => (i + 1 < lons.length ? lons[i + 1] : lons[0] + ROUND_DEG) - lons[i];
  const widest = lons.reduce((best, _, i) => (gapAfter(i) > gapAfter(best) ? i : best), lons.length - 1);
  const [shortest, known] = [ROUND_DEG - gapAfter(widest), lons.at(-1) - lons[0]];
  const isKnown = shortest > CLEARLY_SHARE * known;
  const first = isKnown ? lons[0] : lons[(widest + 1) % lons.length];
  const span = isKnown ? known : shortest;
  const west = first + span / 2 > COPY_EDGE_DEG ? first - ROUND_DEG : first;
  return { south: Math.min(...lats), north: Math.max(...lats), west, east: west + span };
}

// The longitude at which a view shows a place.
export function shownAt(lon, { west }) {
  return west + ((((lon - west) % ROUND_DEG) + ROUND_DEG) % ROUND_DEG);
}

// By how many degrees copies of the ground are moved that are seen between two longitudes.
export function copiesBetween(west, east) {
  const first = Math.ceil((west - COPY_EDGE_DEG) / ROUND_DEG);
  const last = Math.floor((east + COPY_EDGE_DEG) / ROUND_DEG);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * ROUND_DEG);
}
