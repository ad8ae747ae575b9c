// One text of the view model. Its state colours it, its share (0..1) is the length of its bar. With `marks` the page states
// its state too, for the styles of other elements.
import { watchEffect } from "vue";
import { markPage, useCell } from "mara";

const partsOf = (shown) => (typeof shown === "string" ? { text: shown } : shown);

export default {
  props: { name: String, text: String, state: String, share: Number, as: String, marks: String },
  setup(props) {
    const shown = useCell(props.name, { text: props.text, state: props.state, share: props.share });
    if (props.marks)
      watchEffect(() => {
        const { text, state } = partsOf(shown.value);
        markPage(props.marks, state || (text && "told"));
      });
    return { shown };
  },
  computed: {
    parts() {
      return partsOf(this.shown);
    },
    bar() {
      return typeof this.parts.share === "number" ? { "--share": this.parts.share } : null;
    },
  },
  template: `<component :is="as" :data-state="parts.state || null" :style="bar">{{ parts.text }}</component>`,
};
