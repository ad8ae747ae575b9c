// Histories to run by one click, and those that were deleted. Follows the channels `histories` and `deleted`.
import { ranked, useChannel } from "mara";
import { showProgress } from "mara/imports/progress.js";

export default {
  props: { why_not_run: String, can_change: Boolean, form_field: String },
  emits: ["order-run-history", "order-delete-history", "order-restore-history"],
  setup() {
    return { histories: useChannel("histories"), deleted: useChannel("deleted") };
  },
  data() {
    return { asked: "" };
  },
  computed: {
    cards() {
      return ranked(this.histories);
    },
    gone() {
      return this.can_change ? ranked(this.deleted) : [];
    },
  },
  methods: {
    run(name) {
      this.$emit("order-run-history", { name });
      showProgress();
    },
    choose(name) {
      const field = document.getElementById(this.form_field);
      if (!field) return;
      field.value = name;
      field.dispatchEvent(new Event("change", { bubbles: true }));
      field.focus();
      field.scrollIntoView({ block: "center" });
    },
    askDelete(name) {
      this.asked = name;
      this.$nextTick(() => this.$refs.sheet.showModal());
    },
    close() {
      this.$refs.sheet.close();
    },
    remove() {
      this.$emit("order-delete-history", { name: this.asked });
      this.close();
    },
  },
  template: `
    <div class="histories">
      <ul class="history-list" aria-label="Histories">
        <li v-for="[name, card] in cards" :key="name" class="history-card">
          <div class="history-words">
            <h3 class="history-title">{{ card.title }} <span class="history-name figure">{{ name }}</span></h3>
            <p class="history-facts">{{ card.period }}, {{ card.step }}, {{ card.sites }}<template v-if="card.prices">, {{ card.prices }}</template></p>
            <p class="note">{{ card.markets }}</p>
            <p class="note history-licence">{{ card.licences }}</p>
          </div>
          <div class="history-buttons">
            <button
              type="button"
              class="button button-strong"
              :disabled="Boolean(why_not_run)"
              :title="why_not_run || card.how"
              :aria-label="'Run ' + name"
              @click="run(name)"
            >Run</button>
            <button type="button" class="button" :aria-label="'Use ' + name + ' in the form'" @click="choose(name)">In the form</button>
            <button
              v-if="can_change && !card.is_shipped"
              type="button"
              class="button"
              :aria-label="'Delete ' + name"
              @click="askDelete(name)"
            >Delete</button>
          </div>
        </li>
      </ul>
      <ul v-if="gone.length" class="history-gone" aria-label="Deleted">
        <li v-for="[entry, one] in gone" :key="entry" class="note">
          <span>{{ one.text }}</span>
          <button type="button" class="text-button" :aria-label="'Bring back ' + one.name" @click="$emit('order-restore-history', { entry })">
            Bring back
          </button>
        </li>
      </ul>
      <dialog ref="sheet" class="sheet" aria-labelledby="history-delete-title">
        <h2 id="history-delete-title" class="sheet-title">Delete {{ asked }}?</h2>
        <p class="sheet-note">The history and its SPEC go to the trash, from which they come back for seven days. Market files stay.</p>
        <div class="sheet-buttons">
          <button type="button" class="button" @click="close">Keep it</button>
          <button type="button" class="button button-strong" @click="remove">Delete</button>
        </div>
      </dialog>
    </div>
  `,
};
