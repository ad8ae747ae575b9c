// Everything that components import as `mara`. Loading it also starts what every page does: keys, connection notice,
// links that carry the time range on, units as this browser wants them.
import { apply, read, show } from "./state.js";
import { askOutage, carryRange, followConnection, followKeys, redraw, renew, toggleTheme } from "./page.js";
import { keepFocus } from "./focus.js";
import { followPreferences } from "./localize.js";
import { store } from "./storage.js";

export { CellText } from "./cell_text.js";
export { DateField } from "./date_field.js";
export { clockOf, momentText, number } from "./format.js";
export { askOutage, keys, markPage, pointAt, withRange } from "./page.js";
export { StateFilter } from "./state_filter.js";
export { channel, onChange, ranked, useCell, useChannel, useEntries, valuesOf } from "./state.js";

// Code that arrives as text, from the server or as a handler in the page, cannot import: it finds these here.
window.mara = { apply, askOutage, read, redraw, renew, show, store, toggleTheme };

followKeys();
keepFocus();
carryRange();
followConnection();
followPreferences();
