// A field for a day, or for a moment with `time`, that is typed as 2025-07-05 14:00 in every browser: the browser's own field
// follows its language, so that one cannot say what to type. The button beside it opens the browser's calendar.
export const DateField = {
  inheritAttrs: false,
  props: { modelValue: String, time: Boolean },
  emits: ["update:modelValue"],
  computed: {
    shown() {
      return (this.modelValue ?? "").replace("T", " ");
    },
    form() {
      return this.time ? "YYYY-MM-DD HH:MM" : "YYYY-MM-DD";
    },
    pattern() {
      const day = "\\d{4}-\\d{2}-\\d{2}";
      return this.time ? `${day}[ T]\\d{2}:\\d{2}` : day;
    },
  },
  methods: {
    open() {
      this.$refs.picker.value = this.time ? this.shown.replace(" ", "T") : this.shown; // what cannot be read empties it
      this.$refs.picker.showPicker();
    },
    pick({ target }) {
      if (target.value) this.$emit("update:modelValue", target.value.replace("T", " "));
      this.$refs.typed.focus();
    },
  },
  template: `
    <span class="date-field">
      <input ref="typed" v-bind="$attrs" class="field" type="text" :value="shown" :pattern="pattern" :placeholder="form" :title="form" autocomplete="off" spellcheck="false" @input="$emit('update:modelValue', $event.target.value)" />
      <button type="button" class="date-open" aria-label="Choose from a calendar" title="Choose from a calendar" @click="open"></button>
      <input ref="picker" class="date-picker" :type="time ? 'datetime-local' : 'date'" tabindex="-1" aria-hidden="true" @change="pick" />
    </span>
  `,
};
