// The SPEC that is being put together: from reports on files to the record that the server writes as TOML.

export const NOTHING = ""; // no source chosen
export const CONSTANT = "constant";
const SHIPPED = "shipped ";
const MOST_ID = 64;

const numberOf = (text) => (text === "" || text === null || Number.isNaN(Number(text)) ? null : Number(text));

export const slug = (text) =>
  text.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, MOST_ID) || "site";

const OWN = "csv"; // the layout that a user describes

// Names a series for as long as its files are chosen, whichever part of the series is shown.
export const seriesId = (report, series) =>
  ["series", report.layout, report.quantity, report.files[0], series.point, JSON.stringify(series.key), series.currency].join("/");

// The series of all reports as choices by what they tell: price, demand, carbon, weather, hashprice, fx.
export function choicesOf(reports) {
  const found = {};
  const seen = new Set();
  for (const report of reports) {
    for (const series of report.series ?? []) {
      const { point, key, currency } = series;
      const id = seriesId(report, series);
      if (seen.has(id)) continue;
      seen.add(id);
      const apart = Object.entries(key).map(([name, text]) => `${name} ${text}`);
      const publisher = report.layout === OWN ? report.files[0] : report.publisher;
      const label = [point || publisher, ...apart, ...(currency ? [currency] : [])].join(", ");
      const files = { files: report.files, layout: report.layout, point, key: keyOf(series, report.series), csv: report.own?.table ?? null };
      (found[report.quantity] ??= []).push({ id, label: `${label} (${report.layout})`, currency, series, files });
    }
  }
  return found;
}

// What tells a series apart; the currency too, where a point is quoted in several.
function keyOf(series, all) {
  const named = (one) => JSON.stringify([one.point, one.key]);
  const same = all.filter((one) => named(one) === named(series));
  return same.length > 1 && series.currency ? { ...series.key, currency: series.currency } : series.key;
}

// A site at a price's point; carbon and weather come from files where only one series tells them.
export function newSite(choice, taken, choices) {
  const only = (quantity) => (choices[quantity]?.length === 1 ? choices[quantity][0].id : CONSTANT);
  const place = choice?.series ?? {};
  const own = choice?.files.csv ? choice.files.files[0].split("/").at(-1).replace(/\.[a-z.]+$/i, "") : "";
  const name = place.point || own || choice?.label || "";
  let id = slug(name || `site ${taken.length + 1}`);
  while (taken.includes(id)) id = `${id}-2`;
  return {
    id,
    name,
    country: place.country ?? "",
    lat: "",
    lon: "",
    timezone: place.timezone ?? "",
    price: { source: choice?.id ?? CONSTANT, constant: "", beside: "" },
    day_ahead: { source: NOTHING, constant: "", beside: "" },
    carbon: { source: only("carbon"), constant: "", beside: "" },
    weather: { source: only("weather"), constant: "", beside: "" },
    demand: { source: NOTHING, constant: "", beside: "" },
    demand_forecast: { source: NOTHING, constant: "", beside: "" },
    reserves: [],
  };
}

// The price of a reserve product, named as its file names it, unless another of the site has that name.
export function newReserve(choices, taken) {
  const choice = (choices.ancillary ?? []).find(({ series }) => !taken.includes(reserveName(series)));
  return { name: choice ? reserveName(choice.series) : "", source: { source: choice?.id ?? CONSTANT, constant: "", beside: "" } };
}

const reserveName = ({ point }) => slug(point).replaceAll("-", "_");

// Every field of a site that takes a source.
export const sourcesOf = (site) => [
  ...["price", "day_ahead", "carbon", "weather", "demand", "demand_forecast"].map((name) => site[name]),
  ...site.reserves.map(({ source }) => source),
];

// Currencies other than the dollar among the series that sites take.
export function currenciesOf(sites, prices, reserves) {
  const used = sites.flatMap((site) => sourcesOf(site).map(({ source }) => source));
  const found = [...(prices ?? []), ...(reserves ?? [])].filter(({ id }) => used.includes(id)).map(({ currency }) => currency);
  return [...new Set(found)].filter((currency) => currency && currency !== "USD").sort();
}

function sourceOf(entered, choices, besideFactor) {
  if (entered.source === CONSTANT) {
    const beside = numberOf(entered.beside);
    return { constant: numberOf(entered.constant), beside: beside === null ? null : beside * besideFactor };
  }
  if (entered.source.startsWith(SHIPPED)) return { shipped: entered.source.slice(SHIPPED.length) };
  const choice = (choices ?? []).find(({ id }) => id === entered.source);
  return { series: choice?.files ?? null };
}

export const shippedId = (name) => SHIPPED + name;

// What the server reads as a draft.
export function draftOf(spec, choices, fxFiles) {
  const sites = spec.sites.map((site) => ({
    ...Object.fromEntries(["id", "name", "country", "timezone"].map((name) => [name, site[name]])),
    lat: site.lat === "" ? null : site.lat,
    lon: site.lon === "" ? null : site.lon,
    price: sourceOf(site.price, choices.price, 1),
    day_ahead: site.day_ahead.source === NOTHING ? null : sourceOf(site.day_ahead, choices.price, 1),
    carbon: sourceOf(site.carbon, choices.carbon, 0.01), // percent on the screen, a share in the SPEC
    weather: sourceOf(site.weather, choices.weather, 1),
    ...Object.fromEntries(
      ["demand", "demand_forecast"].map((name) => [name, site[name].source === NOTHING ? null : sourceOf(site[name], choices.demand, 1)]),
    ),
    reserves: site.reserves.map(({ name, source }) => ({ name, source: sourceOf(source, choices.ancillary, 1) })),
  }));
  const rates = Object.entries(spec.usd_per).map(([currency, text]) => [currency, numberOf(text)]);
  const wanted = currenciesOf(spec.sites, choices.price, choices.ancillary);
  return {
    step_minutes: Number(spec.step),
    usd_per: Object.fromEntries(rates.filter(([currency, rate]) => rate !== null && wanted.includes(currency))),
    fx_files: wanted.length ? fxFiles : [],
    sites,
    bitcoin: sourceOf(spec.bitcoin, choices.hashprice, 1),
  };
}
