// One text of the picture. Its state colours it, its share (0..1) is the length of its bar.
const MISSING = ["\u2013", "missing"];

function partsOf(value) {
  return Array.isArray(value) ? value : value === null ? MISSING : [value];
}

export default {
  props: { name: String, text: String, state: String, share: Number, as: String },
  data() {
    return { parts: [this.text, this.state, this.share] };
  },
  created() {
    this.unwatch = window.mara.watch("cells", (changes) => {
      if (this.name in changes) this.parts = partsOf(changes[this.name]);
    });
  },
  unmounted() {
    this.unwatch();
  },
  render() {
    const [text, state, share] = this.parts;
    const style = typeof share === "number" ? { "--share": share } : undefined;
    return Vue.h(this.as, { "data-state": state || undefined, style }, text);
  },
};
