// A question box. Emits `ask-why` with the text, or `order-answer` for one that costs money; the server answers through the prop `answer`, texts only, shown as text.
export default {
  props: { examples: Array, longest: Number, answer: Object, by_claude: Boolean },
  emits: ["ask-why", "order-answer"],
  data() {
    return { text: "", busy: false, isSure: false };
  },
  watch: {
    answer() {
      this.busy = false;
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
    form() {
      const field = {
        id: "why-field",
        class: "field why-field",
        type: "search",
        value: this.text,
        maxlength: this.longest,
        autocomplete: "off",
        enterkeyhint: "send",
        placeholder: this.examples[0] ?? "Why was a site curtailed at 14:00?",
        onInput: (event) => (this.text = event.target.value),
      };
      const submit = { type: "submit", class: "button button-strong", disabled: this.busy || !this.text.trim() };
      const claude = {
        type: "button",
        class: "button",
        disabled: this.busy || !this.text.trim(),
        title: "Looks up what is stored and puts it into words; every number stays a stored fact. Costs some cents.",
        onClick: () => (this.isSure ? this.ask(this.text, true) : (this.isSure = true)),
        onBlur: () => (this.isSure = false),
      };
      const send = (event) => {
        event.preventDefault();
        this.ask(this.text);
      };
      return Vue.h("form", { class: "why-form", role: "search", onSubmit: send }, [
        Vue.h("label", { class: "sr-only", for: "why-field" }, "Your question"),
        Vue.h("input", field),
        Vue.h("button", submit, this.busy ? "Looking \u2026" : "Ask"),
        this.by_claude ? Vue.h("button", claude, this.isSure ? "It costs some cents: ask" : "Ask Claude") : null,
      ]);
    },
    chips(questions) {
      if (!questions?.length) return null;
      const chip = (question) =>
        Vue.h("li", { key: question }, [
          Vue.h("button", { type: "button", class: "why-chip", onClick: () => this.ask(question) }, question),
        ]);
      return Vue.h("ul", { class: "why-chips", "aria-label": "Questions you can ask" }, questions.map(chip));
    },
    facts(facts) {
      if (!facts?.length) return null;
      const row = ([ref, label, value]) =>
        Vue.h("tr", { key: ref }, [Vue.h("th", { scope: "row" }, label), Vue.h("td", { class: "number" }, value)]);
      return Vue.h("details", { class: "why-facts" }, [
        Vue.h("summary", facts.length === 1 ? "1 fact" : `${facts.length} facts`),
        Vue.h("table", { class: "live-table" }, [
          Vue.h("caption", { class: "sr-only" }, "Facts of the answer"),
          Vue.h("tbody", facts.map(row)),
        ]),
      ]);
    },
    answered(shown) {
      const links = (shown.links ?? []).map(([label, address]) => Vue.h("a", { key: label, href: (window.path_prefix ?? "") + address }, label));
      return [
        Vue.h("p", { class: "why-question" }, shown.question),
        Vue.h("div", { class: "why-text", "data-state": shown.is_answered ? undefined : "unknown" },
          shown.sentences.map((sentence, i) => Vue.h("p", { key: i }, sentence))),
        shown.author ? Vue.h("p", { class: "note" }, shown.author === "stored decisions" ? "" : `Answered by ${shown.author} from what is stored`) : null,
        shown.when || links.length ? Vue.h("p", { class: "note why-when" }, [shown.when, ...links]) : null,
        this.facts(shown.facts),
        shown.is_answered ? null : this.chips(shown.can_ask),
      ];
    },
  },
  render() {
    const shown = this.answer.sentences ? this.answered(this.answer) : [this.chips(this.examples)];
    return Vue.h("div", { class: "why-box" }, [
      this.form(),
      Vue.h("div", { class: "why-answer", "aria-live": "polite", "aria-busy": String(this.busy) }, shown),
    ]);
  },
};
