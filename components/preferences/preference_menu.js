// Preferences of this browser in a dialog. Each choice counts at once; a currency counts when its rate is stated.
import { choose, isValid, preferences } from "mara/preferences.js";

const THEMES = [["", "As the system"], ["dark", "Dark"], ["light", "Light"]];

export default {
  props: { currencies: Array },
  setup: () => ({ preferences, THEMES, zone: Intl.DateTimeFormat().resolvedOptions().timeZone }),
  data() {
    return { currency: preferences.currency, rate: preferences.rate, theme: "", refusal: "" };
  },
  methods: {
    open() {
      Object.assign(this, { currency: preferences.currency, rate: preferences.rate, refusal: "" });
      this.theme = window.maraTheme.chosen() ?? "";
      this.$refs.sheet.showModal();
    },
    take(changes) {
      choose(changes);
    },
    takeTheme() {
      window.mara.store(window.maraTheme.KEY, this.theme || null);
      window.maraTheme.paint();
    },
    takeMoney() {
      const currency = this.currency.trim().toUpperCase() || "USD";
      const rate = currency === "USD" ? 1 : Number(this.rate);
      const asked = { ...preferences, currency, rate };
      const said = "A currency is three letters such as EUR, and its rate a number above 0 of USD for one of it: correct them.";
      this.refusal = isValid(asked) ? "" : said;
      if (!this.refusal) choose({ currency, rate });
    },
  },
  template: `
    <div class="preferences" data-as-is>
      <button type="button" class="icon-button" title="Preferences of this browser" aria-haspopup="dialog" @click="open">
        <span class="sr-only">Preferences</span>
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M3 6h10v2H3zM17 6h4v2h-4zM14 4h2v6h-2zM3 16h4v2H3zM11 16h10v2H11zM8 14h2v6H8z" /></svg>
      </button>
      <dialog ref="sheet" class="sheet preference-sheet" aria-label="Preferences of this browser">
        <h2 class="sheet-title">Preferences of this browser</h2>
        <p class="sheet-note">They change what you see here, not what is stored, exported or typed: that stays in UTC, USD and °C.</p>
        <fieldset class="sheet-field">
          <legend>Times</legend>
          <label><input type="radio" name="times" :checked="preferences.times === 'utc'" @change="take({ times: 'utc' })" /> UTC</label>
          <label><input type="radio" name="times" :checked="preferences.times === 'local'" @change="take({ times: 'local' })" /> Yours ({{ zone }})</label>
        </fieldset>
        <form class="sheet-field" aria-label="Currency" @submit.prevent="takeMoney">
          <label>Money in <input v-model="currency" class="field" name="currency" list="preference-currencies" maxlength="3" size="4" /></label>
          <label v-if="currency.trim().toUpperCase() !== 'USD'">at USD <input v-model="rate" class="field" name="rate" inputmode="decimal" size="7" /></label>
          <button type="submit" class="button">Use</button>
          <datalist id="preference-currencies"><option value="USD" /><option v-for="one in currencies" :key="one" :value="one" /></datalist>
        </form>
        <p v-if="refusal" class="request-refusal" role="alert">{{ refusal }}</p>
        <fieldset class="sheet-field">
          <legend>Temperature</legend>
          <label><input type="radio" name="temperature" :checked="preferences.temperature === 'c'" @change="take({ temperature: 'c' })" /> °C</label>
          <label><input type="radio" name="temperature" :checked="preferences.temperature === 'f'" @change="take({ temperature: 'f' })" /> °F</label>
        </fieldset>
        <label class="sheet-field">Colours
          <select v-model="theme" class="field" name="theme" @change="takeTheme">
            <option v-for="[key, name] in THEMES" :key="key" :value="key">{{ name }}</option>
          </select>
        </label>
        <div class="sheet-buttons"><button type="button" class="button button-strong" @click="$refs.sheet.close()">Done</button></div>
      </dialog>
    </div>
  `,
};
