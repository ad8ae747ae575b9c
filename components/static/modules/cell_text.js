// A cell of the view model: a text, or {text, state, share, href, note}. The share (0..1) is the length of a bar, the
// note a second line.
export const CellText = {
  inheritAttrs: false,
  props: { value: [String, Object] },
  computed: {
    parts() {
      return typeof this.value === "object" && this.value !== null ? this.value : { text: this.value };
    },
    bar() {
      return typeof this.parts.share === "number" ? { "--share": this.parts.share } : null;
    },
    href() {
      return this.parts.href ? (window.path_prefix ?? "") + this.parts.href : null;
    },
  },
  template: `
    <component
      :is="href ? 'a' : 'span'"
      v-bind="$attrs"
      :href="href"
      :data-state="parts.state || null"
      :class="bar ? 'bar' : null"
      :style="bar"
    >{{ parts.text }}</component>
    <span v-if="parts.note" class="cell-note">{{ parts.note }}</span>
  `,
};
