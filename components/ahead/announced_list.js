// What is announced, with a button that takes an entry back once that is confirmed.
// Emits `order-retract` with the site or contract and the begin of the entry.
import { ranked, useChannel } from "mara";

export default {
  props: { first: Object, empty: String, forbidden: String, said: Object },
  emits: ["order-retract"],
  setup({ first }) {
    return { found: useChannel("announced", first) };
  },
  data() {
    return { asked: "", isBusy: false };
  },
  computed: {
    rows() {
      return ranked(this.found);
    },
  },
  watch: {
    said(said) {
      this.isBusy = false;
      if (said.taken) this.back(this.asked);
    },
  },
  methods: {
    async ask(key) {
      this.asked = key;
      await this.$nextTick();
      this.$el.querySelector(".announced-no")?.focus();
    },
    async back(key) {
      this.asked = "";
      await this.$nextTick();
      this.$el.querySelector(`[data-entry="${CSS.escape(key)}"]`)?.focus();
    },
    send({ site, contract, begins }) {
      if (this.isBusy) return;
      this.isBusy = true;
      this.$emit("order-retract", { site, contract, begins });
    },
  },
  template: `
    <div class="announced">
      <p v-if="!rows.length" class="empty">{{ empty }}</p>
      <ul v-else class="announced-list">
        <li v-for="[key, row] in rows" :key="key">
          <div class="announced-what">
            <strong>{{ row.name }}</strong> <span>{{ row.when }}</span> <span v-if="row.state" class="announced-state">{{ row.state }}</span>
            <span class="note">{{ row.contracts }}: {{ row.reason }}, by {{ row.by }}</span>
          </div>
          <button v-if="!forbidden && row.can && asked !== key" type="button" class="button" :data-entry="key" @click="ask(key)">{{ row.button }}<span class="sr-only"> {{ row.name }}</span></button>
          <div v-if="asked === key" class="sheet-buttons" role="group" :aria-label="row.button + ' ' + row.name" @keydown.esc="back(key)">
            <p class="note exclude-note" role="status">{{ row.ask }}</p>
            <button type="button" class="button announced-no" @click="back(key)">Leave it</button>
            <button type="button" class="button button-strong" :aria-disabled="isBusy" @click="send(row)">Take it back</button>
          </div>
        </li>
      </ul>
      <p v-if="forbidden && rows.length" class="note">To take it back: {{ forbidden }}.</p>
      <p v-if="said.error" class="request-refusal" role="alert">{{ said.error }}</p>
    </div>
  `,
};
