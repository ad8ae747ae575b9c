// A form whose fields are told by the server: [{key, label, kind, value, ...}]. What was entered goes out in one event,
// and is judged by the server; the browser only spares a round trip for what is plainly missing or out of range.
export default {
  props: { name: String, fields: Array, submit: String, label: String, refusal: String, forbidden: String },
  emits: ["order-work"],
  data() {
    return { values: Object.fromEntries(this.fields.map((field) => [field.key, field.value])) };
  },
  methods: {
    send(event) {
      event.preventDefault();
      if (!this.forbidden) this.$emit("order-work", { ...this.values });
    },
    control(field) {
      const id = `${this.name}-${field.key}`;
      const described = field.hint ? { "aria-describedby": `${id}-hint` } : {};
      const common = { id, class: "field", ...described };
      const set = (event) => (this.values[field.key] = event.target.value);
      if (field.kind === "choice") {
        const options = field.options.map(([value, label]) => Vue.h("option", { value }, label));
        return Vue.h("select", { ...common, value: this.values[field.key], onChange: set }, options);
      }
      const limits = { min: field.min, max: field.max, step: field.step, placeholder: field.placeholder };
      const required = field.required || undefined;
      const pattern = field.pattern || undefined;
      const plain = { type: field.kind, ...limits, required, pattern, spellcheck: false, autocomplete: "off" };
      return Vue.h("input", { ...common, ...plain, value: this.values[field.key], onInput: set });
    },
    several(field) {
      const boxes = field.options.map(([value, label]) => {
        const checked = this.values[field.key].includes(value);
        const change = (event) => {
          const others = this.values[field.key].filter((one) => one !== value);
          const chosen = event.target.checked ? [...others, value] : others;
          this.values[field.key] = field.options.map(([one]) => one).filter((one) => chosen.includes(one));
        };
        return Vue.h("label", { class: "order-box", key: value }, [
          Vue.h("input", { type: "checkbox", value, checked, onChange: change }),
          Vue.h("span", label),
        ]);
      });
      return Vue.h("fieldset", { class: "order-field order-several", key: field.key }, [
        Vue.h("legend", field.label),
        Vue.h("div", { class: "order-boxes" }, boxes),
        this.hint(field),
      ]);
    },
    hint(field) {
      return field.hint ? Vue.h("span", { class: "order-hint", id: `${this.name}-${field.key}-hint` }, field.hint) : null;
    },
    one(field) {
      const unit = field.unit ? Vue.h("span", { class: "order-unit" }, field.unit) : null;
      return Vue.h("div", { class: `order-field order-${field.look || "short"}`, key: field.key }, [
        Vue.h("label", { for: `${this.name}-${field.key}` }, [field.label, unit]),
        this.control(field),
        this.hint(field),
      ]);
    },
  },
  render() {
    const fields = this.fields.map((field) => (field.kind === "several" ? this.several(field) : this.one(field)));
    const look = { type: "submit", class: "button button-strong order-submit", disabled: Boolean(this.forbidden) };
    const button = Vue.h("button", look, this.submit);
    const said = this.forbidden || this.refusal;
    const refusal = said ? Vue.h("p", { class: "order-refusal", role: this.forbidden ? undefined : "alert" }, said) : null;
    const attributes = { class: "order-form", "aria-label": this.label, onSubmit: this.send };
    return Vue.h("form", attributes, [...fields, button, refusal]);
  },
};
