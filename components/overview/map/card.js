// What the map says of one site: in full for the eye, in a sentence for a screen reader.
import { clockOf, number } from "mara";

const STATUS = {
  running: "Running",
  curtailed: "Miners curtailed: power is dear",
  partial: "Partly out of service",
  down: "Down",
};

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function factsOf(site, now, at) {
  return [
    ["Local time", at === undefined ? "\u2013" : clockOf(at, site.timezone)],
    ["Outside", `${number(now.dry_bulb_c, 1)} \u00b0C`],
    ["PUE", number(now.pue, 3)],
    ["Cooling efficiency", `${number(now.efficiency_share * 100, 1)} %`],
    ["Power price", `${number(now.price_usd_per_mwh, 1)} USD/MWh`],
    ["Carbon", `${number(now.carbon_g_per_kwh)} g CO2/kWh`],
    ["Power", `${number(now.power_mw, 1)} of ${number(site.grid_limit_mw, 1)} MW`],
    ["Revenue", `${number(now.revenue_usd_per_h)} USD/h`],
    ["Profit", `${number(now.profit_usd_per_h)} USD/h`],
  ];
}

function listOf(className, entries) {
  const list = element("dl", className);
  for (const [term, value] of entries) list.append(element("dt", "", term), element("dd", "", value));
  return list;
}

// Nodes for the card; at is simulated time in epoch seconds.
export function cardOf(site, now, workloads, at) {
  const status = element("p", "site-card-status", STATUS[now.status] ?? now.status);
  status.dataset.status = now.status;
  const loads = workloads.map(({ key, label }) => [label, now[key]]).filter(([, load]) => load >= 0.05);
  const shown = loads.map(([label, load]) => [label, `${number(load, 1)} MW`]);
  const nodes = [
    element("p", "site-card-name", site.name),
    element("p", "site-card-place", `${site.country} \u00b7 ${site.cooling}`),
    status,
    listOf("site-card-facts", factsOf(site, now, at)),
    element("p", "site-card-part", "IT power by workload"),
  ];
  nodes.push(shown.length ? listOf("site-card-facts", shown) : element("p", "site-card-place", "Nothing runs here"));
  return [...nodes, element("p", "site-card-part", "Click opens the site; O or right-click takes it down")];
}

export function summaryOf(site, now) {
  const price = `${number(now.price_usd_per_mwh, 1)} USD per megawatt hour`;
  const efficiency = `cooling efficiency ${number(now.efficiency_share * 100)} percent`;
  return `${site.name}: ${STATUS[now.status] ?? now.status}, ${number(now.power_mw, 1)} megawatt, ${efficiency}, ${price}`;
}
