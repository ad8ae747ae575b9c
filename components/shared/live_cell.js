// One text of the view model. Its state colours it, its share (0..1) is the length of its bar.
import { useCell } from "mara";

export default {
  props: { name: String, text: String, state: String, share: Number, as: String },
  setup(props) {
    return { shown: useCell(props.name, { text: props.text, state: props.state, share: props.share }) };
  },
  computed: {
    parts() {
      return typeof this.shown === "string" ? { text: this.shown } : this.shown;
    },
    bar() {
      return typeof this.parts.share === "number" ? { "--share": this.parts.share } : null;
    },
  },
  template: `<component :is="as" :data-state="parts.state || null" :style="bar">{{ parts.text }}</component>`,
};
