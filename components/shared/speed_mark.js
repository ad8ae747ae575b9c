// A speed in the menu, with a mark where it is the one in force. Follows the cell `speed`.
import { useCell } from "mara";

export default {
  props: { text: String },
  setup() {
    return { speed: useCell("speed") };
  },
  computed: {
    isChosen() {
      const shown = this.speed;
      return (typeof shown === "object" ? shown.text : shown) === this.text;
    },
  },
  template: `
    <span class="speed-mark" :data-chosen="isChosen || null">{{ text }}<span v-if="isChosen" class="sr-only">, chosen</span></span>
  `,
};
