// Says which figures of the page are converted, and by which rate.
import { isDefault, isMoneyOther, preferences, rateText, zoneName } from "mara/preferences.js";

export default {
  setup: () => ({ preferences }),
  computed: {
    words() {
      const { times, temperature } = this.preferences;
      if (isDefault()) return "";
      const parts = [
        isMoneyOther() ? `money in ${rateText()}` : "",
        times === "local" ? `times in ${zoneName()}` : "",
        temperature === "f" ? "temperatures in °F" : "",
      ];
      return `Shown here: ${parts.filter(Boolean).join(", ")}. Stored, exported and typed figures stay in USD, UTC and °C.`;
    },
  },
  template: `<p class="preference-note note" role="status" data-as-is>{{ words }}</p>`,
};
