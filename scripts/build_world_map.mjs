// Makes components/static/world/{land,borders}.json, the offline background of the site map, from Natural Earth 1:50m
// (public domain) as packed by world-atlas. Its output is committed; run this only to change the map:
//
//   mkdir -p build/world && cd build/world
//   npm install world-atlas@2.0.2 d3-geo@3.1.2 d3-geo-projection@4.0.0 \
//     topojson-client@3.1.0 topojson-server@3.0.1 topojson-simplify@3.0.3
//   node ../../scripts/build_world_map.mjs ../../components/static/world
//
// world-atlas is stitched across the antimeridian, which draws bars through the far north on a flat map, so every shape
// is cut at 180 degrees before it is simplified.
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import zlib from "node:zlib";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const SMALLEST_TRIANGLE_SQ_DEG = 0.035; // Visvalingam weight: finer detail is under a pixel at the usual zoom
const DECIMALS = 2; // about 1 km
const QUANTIZATION = 1e5;
const BUDGET_BYTES = 250_000;

const here = path.join(process.cwd(), "node.mjs");
const require = createRequire(here);
const imported = (name) => import(pathToFileURL(require.resolve(name)));
const { geoEquirectangular } = await imported("d3-geo");
const { geoProject } = await imported("d3-geo-projection");
const { feature, merge, mesh } = await imported("topojson-client");
const { topology } = await imported("topojson-server");
const { filter, filterWeight, presimplify, simplify } = await imported("topojson-simplify");

const outFolder = path.resolve(process.argv[2] ?? ".");
const atlas = JSON.parse(fs.readFileSync(require.resolve("world-atlas/countries-50m.json")));

const flat = cutAtAntimeridian(countriesOf(atlas));
const detailed = presimplify(topology({ countries: flat }, QUANTIZATION));
const simple = simplify(detailed, SMALLEST_TRIANGLE_SQ_DEG);
const world = filter(simple, filterWeight(simple, SMALLEST_TRIANGLE_SQ_DEG));

fs.mkdirSync(outFolder, { recursive: true });
const total =
  write("land.json", merge(world, world.objects.countries.geometries)) +
  write("borders.json", mesh(world, world.objects.countries, (one, other) => one !== other));
if (total > BUDGET_BYTES) throw new Error(`${total} bytes, more than ${BUDGET_BYTES}: raise SMALLEST_TRIANGLE_SQ_DEG`);

function countriesOf(atlas) {
  const countries = feature(atlas, atlas.objects.countries);
  return { ...countries, features: countries.features.filter((country) => country.properties.name !== "Antarctica") };
}

function cutAtAntimeridian(countries) {
  const degrees = geoEquirectangular()
    .scale(180 / Math.PI)
    .translate([0, 0])
    .reflectY(true)
    .precision(0);
  const cut = geoProject(countries, degrees);
  return { ...cut, features: cut.features.filter((country) => country?.geometry) };
}

function write(name, geometry) {
  const text = JSON.stringify({ type: "Feature", properties: {}, geometry: rounded(geometry) });
  fs.writeFileSync(path.join(outFolder, name), text + "\n");
  console.log(name, text.length, "bytes,", zlib.gzipSync(text).length, "gzipped");
  return text.length;
}

function rounded(geometry) {
  const lines = (minimum) => (rings) => rings.map(roundedLine).filter((line) => line.length >= minimum);
  const parts =
    geometry.type === "MultiPolygon"
      ? geometry.coordinates.map(lines(4)).filter((rings) => rings.length)
      : lines(2)(geometry.coordinates);
  return { type: geometry.type, coordinates: parts };
}

function roundedLine(line) {
  const factor = 10 ** DECIMALS;
  const points = line.map((point) => point.map((degrees) => Math.round(degrees * factor) / factor));
  return points.filter((point, i) => i === 0 || point[0] !== points[i - 1][0] || point[1] !== points[i - 1][1]);
}
