// One contract in a dialog: facts, a strip of all its ticks, windows, exclusions, and forms to exclude ticks and cancel.
const HIGHT = { good: 1, bad: 1, excluded: 0.55 };
const LEAST_SHARE = 0.0035; // of the strip: a single bad tick of a month is still to be seen

export default {
  props: { kinds: Array, life: Object, said: Object, forbidden: String },
  emits: ["order-cancel", "order-exclude", "show-evidence"],
  data() {
    return { asks: "", values: this.blank(), busy: "" };
  },
  watch: {
    life(life, before) {
      if (life.id !== before.id) this.reset();
      this.busy = "";
    },
    said(said) {
      this.busy = "";
      if (!said.taken) return;
      this.asks = "";
      this.$refs.sheet?.close(); // the bar that undoes it lies outside
    },
  },
  methods: {
    blank() {
      return { kind: "maintenance", begins: "", hours: "1", reason: "" };
    },
    reset() {
      this.asks = "";
      this.values = { ...this.blank(), begins: this.life.begins ?? "" };
    },
    open() {
      this.reset();
      if (!this.$refs.sheet.open) this.$refs.sheet.showModal();
      this.$refs.sheet.scrollTop = 0;
    },
    send(event, detail) {
      this.busy = event;
      this.$emit(event, detail);
    },
    strip() {
      const { total, runs, first, last } = this.life.strip;
      if (!total || !runs.length) return Vue.h("p", { class: "note" }, "No tick has been judged yet: it starts with the next one.");
      const drawn = runs.filter(([state]) => state !== "good");
      const span = (from, to) => Math.max((to - from) / total, LEAST_SHARE);
      const until = runs.at(-1)[2] / total;
      const bars = drawn.map(([state, from, to], i) =>
        Vue.h("rect", {
          key: i, class: `tick-${state}`, x: Math.min(from / total, 1 - span(from, to)), width: span(from, to),
          y: 1 - HIGHT[state], height: HIGHT[state],
        }),
      );
      const count = (state) => runs.filter((run) => run[0] === state).reduce((sum, [, from, to]) => sum + to - from, 0);
      const words = `${count("good")} good, ${count("bad")} bad and ${count("excluded")} excluded ticks of ${total}`;
      return Vue.h("figure", { class: "strip-figure" }, [
        Vue.h("svg", { class: "tick-strip", viewBox: "0 0 1 1", preserveAspectRatio: "none", role: "img", "aria-label": words }, [
          Vue.h("rect", { class: "tick-future", x: 0, y: 0, width: 1, height: 1 }),
          Vue.h("rect", { class: "tick-good", x: runs[0][1] / total, y: 0, width: until - runs[0][1] / total, height: 1 }),
          ...bars,
        ]),
        Vue.h("figcaption", { class: "strip-ends note" }, [Vue.h("span", first), Vue.h("span", last)]),
        Vue.h("ul", { class: "legend" }, [
          Vue.h("li", { class: "swatch tick-good" }, "good"),
          Vue.h("li", { class: "swatch tick-bad" }, "bad"),
          Vue.h("li", { class: "swatch tick-excluded" }, "excluded"),
          Vue.h("li", { class: "swatch tick-future" }, "to come"),
        ]),
      ]);
    },
    table(caption, labels, rows, empty) {
      if (!rows.length) return Vue.h("p", { class: "note" }, empty);
      const cells = (row) => row.map((text, i) => Vue.h(i ? "td" : "th", { key: i, scope: i ? undefined : "row", class: this.look(labels[i]) }, text));
      return Vue.h("div", { class: "overflow" }, [
        Vue.h("table", { class: "live-table" }, [
          Vue.h("caption", { class: "sr-only" }, caption),
          Vue.h("thead", Vue.h("tr", labels.map((label) => Vue.h("th", { scope: "col", key: label, class: this.look(label) }, label)))),
          Vue.h("tbody", rows.map((row, i) => Vue.h("tr", { key: i }, cells(row)))),
        ]),
      ]);
    },
    look(label) {
      return ["Availability", "Bad ticks", "Billed", "Credit"].includes(label) ? "number" : undefined;
    },
    field(key, label, attributes) {
      const id = `exclude-${key}`;
      const control = { id, class: "field", value: this.values[key], onInput: (event) => (this.values[key] = event.target.value), ...attributes };
      return Vue.h("div", { class: `request-field exclude-${key}`, key }, [Vue.h("label", { for: id }, label), Vue.h("input", control)]);
    },
    exclusion() {
      const options = this.kinds.map(([kind, label]) => Vue.h("option", { value: kind, key: kind }, label));
      const choose = { id: "exclude-kind", class: "field", value: this.values.kind, onChange: (event) => (this.values.kind = event.target.value) };
      const send = (event) => {
        event.preventDefault();
        this.asks = "announce";
      };
      return Vue.h("form", { class: "request-form", "aria-label": "Exclude ticks", onSubmit: send }, [
        Vue.h("div", { class: "request-field request-tier" }, [Vue.h("label", { for: "exclude-kind" }, "By order of"), Vue.h("select", choose, options)]),
        this.field("begins", "Begins (UTC)", { required: true, maxlength: 25, autocomplete: "off", placeholder: "2025-07-05 14:00" }),
        this.field("hours", "Hours", { inputmode: "decimal", required: true, maxlength: 8 }),
        this.field("reason", "Reason", { required: true, maxlength: 200, autocomplete: "off" }),
        Vue.h("button", { type: "submit", class: "button button-strong" }, "Announce \u2026"),
        this.dismiss(),
        Vue.h("p", { class: "note exclude-note" }, "Maintenance is announced 72 hours ahead and takes at most 4 hours a calendar month. What is announced cannot be taken back."),
      ]);
    },
    question(label, words, no, before, event, detail) {
      return Vue.h("div", { class: "sheet-buttons", role: "group", "aria-label": label }, [
        Vue.h("p", { class: "note cancel-note" }, words),
        Vue.h("button", { type: "button", class: "button", onClick: () => (this.asks = before) }, no),
        Vue.h("button", { type: "button", class: "button button-strong", disabled: this.busy === event, onClick: () => this.send(event, detail) }, label),
      ]);
    },
    dismiss() {
      return Vue.h("button", { type: "button", class: "button", onClick: () => (this.asks = "") }, "Not now");
    },
    orders() {
      const evidence = Vue.h("button", { type: "button", class: "button", disabled: this.busy === "show-evidence", onClick: () => this.send("show-evidence") }, "Download evidence (CSV)");
      if (this.forbidden) return Vue.h("div", { class: "sheet-buttons" }, [Vue.h("p", { class: "note cancel-note" }, `No orders here: ${this.forbidden}.`), evidence]);
      if (!this.life.is_live) return Vue.h("div", { class: "sheet-buttons" }, [evidence]);
      if (this.asks === "exclude") return this.exclusion();
      if (this.asks === "announce") {
        const { kind, begins, hours } = this.values;
        const words = `${kind[0].toUpperCase()}${kind.slice(1)} from ${begins} UTC for ${hours} h: these ticks will not count. It goes out in ten seconds, after that it cannot be taken back.`;
        return this.question("Announce it", words, "Back", "exclude", "order-exclude", { ...this.values });
      }
      if (this.asks === "cancel") {
        const words = "It ends for good, and its window is settled as if it had ended. It goes out in ten seconds, after that it cannot be taken back.";
        return this.question("Cancel the contract", words, "Keep it", "", "order-cancel");
      }
      return Vue.h("div", { class: "sheet-buttons" }, [
        evidence,
        Vue.h("button", { type: "button", class: "button", onClick: () => (this.asks = "exclude") }, "Exclude ticks \u2026"),
        Vue.h("button", { type: "button", class: "button", onClick: () => (this.asks = "cancel") }, "Cancel \u2026"),
      ]);
    },
    body() {
      const life = this.life;
      if (life.error) return [Vue.h("p", { class: "note", "data-state": "warn" }, life.error)];
      const facts = life.facts.flatMap(([label, value]) => [Vue.h("dt", label), Vue.h("dd", value)]);
      const faults = life.faults.length
        ? Vue.h("ul", { class: "fault-list" }, life.faults.map((text, i) => Vue.h("li", { key: i }, text)))
        : Vue.h("p", { class: "note" }, "No bad tick so far.");
      return [
        Vue.h("dl", { class: "life-facts" }, facts),
        Vue.h("h3", { class: "panel-subtitle" }, "Its ticks"),
        this.strip(),
        Vue.h("h3", { class: "panel-subtitle" }, "Windows"),
        this.table("Measurement windows", ["Window", "Availability", "Bad ticks", "Billed", "Credit"], life.windows, "No window has begun."),
        Vue.h("h3", { class: "panel-subtitle" }, "Bad ticks, the newest first"),
        faults,
        Vue.h("h3", { class: "panel-subtitle" }, "Excluded by announcement"),
        this.table("Exclusions", ["When", "Reason", "By"], life.exclusions, "Nothing was announced: every tick counts."),
        this.orders(),
      ];
    },
  },
  render() {
    const life = this.life;
    const close = () => this.$refs.sheet.close();
    return Vue.h("dialog", { class: "sheet contract-sheet", ref: "sheet", "aria-labelledby": "contract-title" }, life.id ? [
      Vue.h("div", { class: "sheet-top" }, [
        Vue.h("div", [Vue.h("h2", { class: "sheet-title", id: "contract-title" }, life.title), Vue.h("p", { class: "sheet-note" }, life.about)]),
        Vue.h("button", { type: "button", class: "icon-button", "aria-label": "Close", title: "Close (Esc)", onClick: close }, "\u2715"),
      ]),
      Vue.h("p", { class: "note sheet-said", role: "status", "data-state": this.said.error ? "bad" : undefined }, this.said.error ?? ""),
      ...this.body(),
    ] : []);
  },
};
