// A button that can be pressed while the cell `name` of the picture is empty; otherwise that cell says why not.
export default {
  props: { name: String, reason: String, label: String },
  emits: ["press"],
  data() {
    return { whyNot: this.reason };
  },
  created() {
    this.unwatch = window.mara.watch("cells", (changes) => {
      if (this.name in changes) this.whyNot = [].concat(changes[this.name] ?? "")[0];
    });
  },
  unmounted() {
    this.unwatch();
  },
  render() {
    const attributes = { type: "button", class: "text-button", disabled: Boolean(this.whyNot), title: this.whyNot || undefined };
    return Vue.h("button", { ...attributes, onClick: () => this.$emit("press") }, this.label);
  },
};
