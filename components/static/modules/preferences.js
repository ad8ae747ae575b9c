// What this browser wants figures to be shown in: zone of times, currency at a stated rate, temperature. The server and
// the view model, which all viewers share, speak of UTC, USD and degrees Celsius alone; everything is converted here.
import { shallowReactive } from "vue";
import { number } from "./format.js";
import { channel } from "./state.js";
import { store, stored } from "./storage.js";

const KEY = "mara-preferences";
const CHANGED = "mara-preferences";
const DEFAULTS = { times: "utc", currency: "USD", rate: 1, temperature: "c" };
const MOST_RATE = 1_000_000; // USD for one unit of a currency
const S_PER_DAY = 86_400;
const MS_PER_S = 1000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = MONTHS.join("|");
const MONEY = /([\u2212+-]?)(\d[\d\u202f]*(?:\.\d+)?)([\s\u00a0]?)([kM]?)USD\b/g;
const TEMPERATURE = /(\u2212?)(\d+(?:\.\d+)?)([\s\u00a0]?)°C(?! (?:cooler|colder|warmer|hotter))/g;
const BARE = /^\s*(~?[\u2212+-]?)(\d[\d\u202f]*(?:\.\d+)?)(\s*| at \d\d:\d\d)$/; // also a guess, and a price with its time
const BETWEEN = /( \u2192 | \u00b1 )/; // two numbers: before and after a change, or a price and its risk
const NO_ZONE = "(?![+\u2212-])"; // a zone such as UTC+2 is no time of UTC
const MOMENT = new RegExp(`\\b(\\d{1,2}) (${MONTH})(?: (\\d{4}))?,? (\\d\\d):(\\d\\d) UTC\\b${NO_ZONE}`, "g");
const TIME = new RegExp(`\\b(?:(\\d\\d):(\\d\\d) to )?(\\d\\d):(\\d\\d) UTC\\b${NO_ZONE}`, "g");
const MOMENT_BACK = new RegExp(`\\b(\\d\\d):(\\d\\d) UTC on (\\d{1,2}) (${MONTH})(?: (\\d{4}))?`, "g");

export const preferences = shallowReactive({ ...DEFAULTS, ...kept() });

function kept() {
  try {
    const found = JSON.parse(stored(KEY) ?? "{}");
    return isValid({ ...DEFAULTS, ...found }) ? found : {};
  } catch {
    return {}; // something else is kept there
  }
}

export function isValid({ times, currency, rate, temperature }) {
  const isRate = typeof rate === "number" && rate > 0 && rate <= MOST_RATE;
  const isKnown = ["utc", "local"].includes(times) && ["c", "f"].includes(temperature);
  return isKnown && /^[A-Z]{3}$/.test(currency) && isRate && (currency !== "USD" || rate === 1);
}

// Takes and remembers some preferences; the page follows at once.
export function choose(changes) {
  Object.assign(preferences, changes);
  store(KEY, isDefault() ? null : JSON.stringify(preferences));
  window.dispatchEvent(new Event(CHANGED));
}

export function onPreferences(follow) {
  window.addEventListener(CHANGED, follow);
  return () => window.removeEventListener(CHANGED, follow);
}

export function isDefault() {
  return Object.entries(DEFAULTS).every(([key, value]) => preferences[key] === value);
}

export const isMoneyOther = () => preferences.currency !== "USD";
const isLocal = () => preferences.times === "local";
const isFahrenheit = () => preferences.temperature === "f";

// The rate, as every converted figure's axis or label states it.
export function rateText() {
  return `${preferences.currency} at ${preferences.rate} USD`;
}

// A unit of the server as {unit, long, of}: its short form, with the rate, and the conversion of a value.
export function measureOf(unit) {
  if (/USD/.test(unit ?? "") && isMoneyOther()) {
    const short = unit.replace("USD", preferences.currency);
    return { unit: short, long: unitText(unit), of: (value) => value / preferences.rate };
  }
  if (unit === "°C" && isFahrenheit()) return { unit: "°F", long: "°F", of: (value) => (value * 9) / 5 + 32 };
  return { unit, long: unit, of: (value) => value };
}

// A text as this browser wants it. `unit` is that of a bare number, or UTC for a bare time; `note` the date beside it.
export function localized(raw, unit = "", note = "") {
  if (isDefault()) return raw;
  if (unit === "UTC") return isLocal() ? ofColumn(raw, note) : raw;
  let text = unit ? raw.split(BETWEEN).map((part) => (BARE.test(part) ? ofNumber(part, unit) : part)).join("") : raw;
  if (isMoneyOther()) text = ofMoney(text);
  if (isFahrenheit()) text = text.replace(TEMPERATURE, (_, sign, digits, gap) => `${degrees(sign, digits)}${gap}°F`);
  if (isFahrenheit() && text.trim() === "°C") text = "°F";
  return isLocal() ? ofTimes(text) : text;
}

function ofMoney(text) {
  if (!text.includes("USD")) return text;
  const inNumbers = text.replace(MONEY, (_, sign, digits, gap, prefix) => {
    const value = valueOf("", digits) / preferences.rate;
    return `${sign}${number(value, decimalsOf(digits))}${gap}${prefix}${preferences.currency}`;
  });
  return inNumbers === text ? unitText(text) : inNumbers;
}

// The unit that stands in a label, with the rate beside it.
function unitText(text) {
  if (!/\bk?M?USD\b/.test(text)) return text;
  const short = text.replace(/\b([kM]?)USD\b/g, `$1${preferences.currency}`);
  return short.trim() === preferences.currency ? rateText() : `${short}, ${rateText()}`;
}

function ofNumber(raw, unit) {
  const [, sign, digits, rest] = BARE.exec(raw);
  const at = isLocal() ? rest.replace(/(\d\d):(\d\d)/, (_, hour, minute) => timeText(lastAt(hour, minute))) : rest;
  if (/USD/.test(unit)) return `${sign}${number(valueOf("", digits) / preferences.rate, decimalsOf(digits))}${at}`;
  return unit === "°C" && isFahrenheit() ? degrees(sign, digits) : raw;
}

function degrees(sign, digits) {
  return number((valueOf(sign, digits) * 9) / 5 + 32, decimalsOf(digits));
}

function valueOf(sign, digits) {
  return Number(digits.replaceAll("\u202f", "")) * (sign === "\u2212" || sign === "-" ? -1 : 1);
}

function decimalsOf(digits) {
  return digits.split(".")[1]?.length ?? 0;
}

function ofTimes(text) {
  if (!text.includes("UTC")) return text;
  const later = text.replace(MOMENT, (_, day, month, year, hour, minute) => {
    const at = instantOf(day, month, year, hour, minute);
    return `${dateText(at)}${year ? ` ${at.getFullYear()}` : ""} ${timeText(at)} ${zoneOf(at)}`;
  });
  const dated = later.replace(MOMENT_BACK, (_, hour, minute, day, month, year) => {
    const at = instantOf(day, month, year, hour, minute);
    return `${timeText(at)} ${zoneOf(at)} on ${dateText(at)}${year ? ` ${at.getFullYear()}` : ""}`;
  });
  // A time of day without a date: by the distance of the zones today.
  return dated.replace(TIME, (_, fromHour, fromMinute, hour, minute) => {
    const at = lastAt(hour, minute);
    return `${fromHour ? `${timeText(lastAt(fromHour, fromMinute))} to ` : ""}${timeText(at)} ${zoneOf(at)}`;
  });
}

// A bare time in a column of UTC: `14:05`, with its date before it, or beside it as a note, or the newest that there was.
function ofColumn(raw, note) {
  if (raw.trim() === "UTC") return zoneOf(now());
  const own = new RegExp(`^(?:(\\d{1,2}) (${MONTH}) )?(\\d\\d):(\\d\\d)$`).exec(raw.trim());
  const dated = new RegExp(`^(\\d{1,2}) (${MONTH})$`);
  if (own) {
    const [day, month] = own[1] ? [own[1], own[2]] : (dated.exec(note)?.slice(1) ?? []);
    const at = day ? instantOf(day, month, "", own[3], own[4]) : lastAt(own[3], own[4]);
    return own[1] ? `${dateText(at)} ${timeText(at)}` : timeText(at);
  }
  const date = dated.exec(raw.trim());
  const time = /^(\d\d):(\d\d)$/.exec(note);
  return date && time ? dateText(instantOf(date[1], date[2], "", time[1], time[2])) : raw;
}

const now = () => new Date((channel("moment").at ?? Date.now() / MS_PER_S) * MS_PER_S);

// An instant of UTC; without a year it is the one nearest to the present.
function instantOf(day, month, year, hour, minute) {
  const place = MONTHS.indexOf(month);
  const inYear = (of) => new Date(Date.UTC(of, place, Number(day), Number(hour), Number(minute)));
  if (year) return inYear(Number(year));
  const present = now();
  const near = [-1, 0, 1].map((more) => inYear(present.getUTCFullYear() + more));
  return near.reduce((one, other) => (Math.abs(other - present) < Math.abs(one - present) ? other : one));
}

function lastAt(hour, minute) {
  const present = now();
  const at = new Date(present);
  at.setUTCHours(Number(hour), Number(minute), 0, 0);
  return at > present ? new Date(at - S_PER_DAY * MS_PER_S) : at;
}

const dateText = (at) => `${at.getDate()} ${MONTHS[at.getMonth()]}`;
const timeText = (at) => [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");

function zoneOf(at) {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "shortOffset" }).formatToParts(at);
  return parts.find(({ type }) => type === "timeZoneName").value.replace("GMT", "UTC");
}

// Name of the zone in which charts draw times.
export function zoneName() {
  return isLocal() ? `local time, ${zoneOf(now())} now` : "UTC";
}

// Epoch seconds on the wall that charts draw, and back: plotly draws a text as it stands.
export function wallOf(atS) {
  const offsetS = isLocal() ? new Date(atS * MS_PER_S).getTimezoneOffset() * 60 : 0;
  return new Date((atS - offsetS) * MS_PER_S).toISOString().slice(0, -1);
}

export function secondsOfWall(text) {
  const whole = text.replace(" ", "T");
  const timed = whole.includes("T") ? whole : `${whole}T00:00`;
  return Date.parse(isLocal() ? timed : `${timed}Z`) / MS_PER_S;
}
