// A question box. Emits `ask-why` with the text, or `order-answer` for one that costs money; the server answers through
// the prop `answer`, texts only, shown as text.
export default {
  props: { examples: Array, longest: Number, answer: Object, by_claude: Boolean, asked: String },
  emits: ["ask-why", "order-answer"],
  data() {
    return { text: "", busy: false, isSure: false };
  },
  mounted() {
    if (!this.asked) return;
    this.$el.scrollIntoView({ block: "center" });
    this.ask(this.asked);
  },
  watch: {
    answer() {
      this.busy = false;
    },
  },
  computed: {
    canAsk() {
      return !this.busy && Boolean(this.text.trim());
    },
    isAnswered() {
      return Boolean(this.answer.sentences);
    },
    chips() {
      if (!this.isAnswered) return this.examples;
      return this.answer.is_answered ? [] : (this.answer.can_ask ?? []);
    },
    author() {
      const { author } = this.answer;
      return author === "stored decisions" ? "" : `Answered by ${author} from what is stored`;
    },
  },
  methods: {
    ask(text, byClaude = false) {
      const asked = text.trim();
      if (!asked || this.busy) return;
      this.text = asked;
      this.busy = true;
      this.isSure = false;
      this.$emit(byClaude ? "order-answer" : "ask-why", { text: asked });
    },
    askClaude() {
      if (this.isSure) this.ask(this.text, true);
      else this.isSure = true;
    },
    urlOf(path) {
      return (window.path_prefix ?? "") + path;
    },
  },
  template: `
    <div class="why-box">
      <form class="why-form" role="search" @submit.prevent="ask(text)">
        <label class="sr-only" for="why-field">Your question</label>
        <input
          id="why-field"
          v-model="text"
          class="field why-field"
          type="search"
          :maxlength="longest"
          autocomplete="off"
          enterkeyhint="send"
          :placeholder="examples[0] ?? 'Why was a site curtailed at 14:00?'"
        />
        <button type="submit" class="button button-strong" :disabled="!canAsk && !busy" :aria-disabled="busy">{{ busy ? "Looking …" : "Ask" }}</button>
        <button
          v-if="by_claude"
          type="button"
          class="button"
          :disabled="!canAsk && !busy"
          :aria-disabled="busy"
          title="Looks up what is stored and puts it into words; every number stays a stored fact. Costs some cents."
          @click="askClaude"
          @blur="isSure = false"
        >{{ isSure ? "It costs some cents: ask" : "Ask Claude" }}</button>
      </form>
      <div class="why-answer" aria-live="polite" :aria-busy="busy">
        <template v-if="isAnswered">
          <p class="why-question">{{ answer.question }}</p>
          <p v-if="answer.understood" class="why-understood">{{ answer.understood }}</p>
          <div class="why-text" :data-state="answer.is_answered ? null : 'unknown'">
            <p v-for="sentence in answer.sentences">{{ sentence }}</p>
          </div>
          <p v-if="answer.author" class="note">{{ author }}</p>
          <p v-if="answer.when || answer.links?.length" class="note why-when">
            {{ answer.when }}<a v-for="link in answer.links" :key="link.label" :href="urlOf(link.path)">{{ link.label }}</a>
          </p>
          <details v-if="answer.facts?.length" class="why-facts">
            <summary>{{ answer.facts.length === 1 ? "1 fact" : answer.facts.length + " facts" }}</summary>
            <table class="live-table">
              <caption class="sr-only">Facts of the answer</caption>
              <tbody>
                <tr v-for="fact in answer.facts" :key="fact.ref">
                  <th scope="row">{{ fact.label }}</th>
                  <td class="number">{{ fact.text }}</td>
                </tr>
              </tbody>
            </table>
          </details>
        </template>
        <ul v-if="chips.length" class="why-chips" aria-label="Questions you can ask">
          <li v-for="question in chips" :key="question">
            <button type="button" class="why-chip" @click="ask(question)">{{ question }}</button>
          </li>
        </ul>
      </div>
    </div>
  `,
};
