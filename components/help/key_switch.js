// Switches single keys as shortcuts on and off; this browser remembers it.
import { keys } from "mara";

export default {
  data() {
    return { isOn: keys.areOn() };
  },
  methods: {
    turn(event) {
      this.isOn = event.target.checked;
      keys.turn(this.isOn);
    },
  },
  template: `<input type="checkbox" :checked="isOn" @change="turn" />`,
};
