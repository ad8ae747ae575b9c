// The speed of simulated time, and the choice of another. Follows the cell `speed`, also where it is none of those offered.
import { useCell } from "mara";

export default {
  props: { speeds: Array, text: String },
  emits: ["order-speed"],
  setup(props) {
    return { speed: useCell("speed", props.text) };
  },
  computed: {
    shown() {
      return typeof this.speed === "object" ? this.speed.text : this.speed;
    },
    isOffered() {
      return this.speeds.some(({ text }) => text === this.shown);
    },
  },
  methods: {
    choose({ target }) {
      this.$emit("order-speed", this.speeds[target.selectedIndex - !this.isOffered].speed);
      target.value = this.shown; // until the engine says that it obeys
    },
  },
  template: `
    <select class="icon-button speed figure" aria-label="Speed of simulated time" title="Speed of simulated time" :value="shown" @change="choose">
      <option v-if="!isOffered" :value="shown">{{ shown }}</option>
      <option v-for="{ speed, text } in speeds" :key="speed" :value="text">{{ text }}</option>
    </select>
  `,
};
