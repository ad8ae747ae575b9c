// Numbers and times as text, as components/shared/format.py writes them on the server.
const clocks = new Map();
const MOMENT = { timeZone: "UTC", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
const moments = new Intl.DateTimeFormat("en-GB", { ...MOMENT, hourCycle: "h23" });

// Thousands apart by thin spaces, a real minus, and no minus before a zero.
export function number(value, decimals = 0) {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const minus = value < 0 && Number(value.toFixed(decimals)) !== 0 ? "\u2212" : "";
  return minus + grouped + (fraction ? "." + fraction : "");
}

// Weekday and time in a time zone at an epoch second.
export function clockOf(atS, timeZone) {
  const style = { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (!clocks.has(timeZone)) clocks.set(timeZone, new Intl.DateTimeFormat("en-GB", style));
  return clocks.get(timeZone).format(new Date(atS * 1000));
}

// Date and time in UTC at an epoch second; its sentence must say "UTC".
export function momentText(atS) {
  return moments.format(new Date(atS * 1000)).replace(",", "");
}
