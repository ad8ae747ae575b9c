// A request for a contract, priced while it is typed. Emits `order-quote` with what was entered and a number that grows, so
// that an answer that was overtaken is let go, and, after a question, `order-book` with the quote's id. Enter in a field asks
// for a price and never books. All texts come from the server, shown as texts.
const PAUSE_MS = 350;
const TWO_TAPS_MS = 400; // a second press right after the question appeared was meant for the first button

export default {
  props: { tiers: Array, regions: Array, compact: Boolean, hint: String, offer: Object, booking: Object },
  emits: ["order-quote", "order-book"],
  data() {
    return {
      values: { tier: "standard", power: "", hours: "", customer: "", region: "" },
      asked: 0, // number of the newest question
      answered: 0, // and of the newest answer
      asks: false, // whether to book
      asksSinceMs: 0,
      booking_id: "",
      dirty: false, // something was entered that has not been asked yet
      at: 0, // simulated time, epoch s
    };
  },
  created() {
    this.unwatch = window.mara.watch("moment", (_, all) => (this.at = all.at ?? 0));
  },
  unmounted() {
    this.unwatch();
    clearTimeout(this.timer);
  },
  watch: {
    offer(offer) {
      this.answered = Math.max(this.answered, offer.number ?? 0);
      this.asks = false;
    },
    booking() {
      this.booking_id = "";
    },
  },
  computed: {
    complete() {
      return this.values.power.trim() !== "" && this.values.hours.trim() !== "";
    },
    busy() {
      return this.complete && (this.dirty || this.asked > this.answered);
    },
    current() {
      return this.offer.number === this.asked ? this.offer : {};
    },
    ticksLeft() {
      if (!this.current.id || !this.at) return 1;
      return Math.max(0, Math.floor((this.current.expires_s - this.at) / this.current.tick_s) - 1);
    },
    booked() {
      return this.booking.text && this.booking.id === this.current.id ? this.booking : null;
    },
    canBook() {
      const open = this.current.id && !this.current.refusal && this.ticksLeft > 0;
      return Boolean(open && !this.busy && !this.booked && !this.booking_id);
    },
  },
  methods: {
    set(key, value) {
      this.values[key] = value;
      this.dirty = true;
      this.asks = false;
      clearTimeout(this.timer);
      if (this.complete) this.timer = setTimeout(this.ask, PAUSE_MS);
      else this.asked += 1; // what is under way answers a question that nobody asks any more
    },
    ask() {
      clearTimeout(this.timer);
      this.dirty = false;
      if (!this.complete) return;
      this.asked += 1;
      this.$emit("order-quote", { ...this.values, number: this.asked });
    },
    askToBook() {
      this.asks = true;
      this.asksSinceMs = performance.now();
      this.$nextTick(() => this.$el.querySelector(".request-sure")?.focus());
    },
    book() {
      if (!this.canBook || performance.now() - this.asksSinceMs < TWO_TAPS_MS) return;
      this.asks = false;
      this.booking_id = this.current.id;
      this.$emit("order-book", { id: this.current.id, customer: this.values.customer });
    },
    send(event) {
      event.preventDefault();
      if (!this.canBook && !this.booking_id) this.ask();
    },
    choose(other) {
      Object.assign(this.values, { tier: other.tier, power: other.power, hours: other.hours });
      this.ask();
      this.$nextTick(() => this.$el.querySelector(".request-answer")?.focus());
    },
    input(key, label, unit, extra = {}) {
      const id = `request-${key}`;
      const control = Vue.h("input", {
        id,
        class: "field",
        value: this.values[key],
        autocomplete: "off",
        spellcheck: false,
        onInput: (event) => this.set(key, event.target.value),
        ...extra,
      });
      return this.labelled(id, key, label, unit, control);
    },
    select(key, label, options) {
      const id = `request-${key}`;
      const made = options.map(([value, name]) => Vue.h("option", { value }, name));
      const change = (event) => this.set(key, event.target.value);
      return this.labelled(id, key, label, "", Vue.h("select", { id, class: "field", value: this.values[key], onChange: change }, made));
    },
    labelled(id, key, label, unit, control) {
      const after = unit ? Vue.h("span", { class: "order-unit" }, unit) : null;
      return Vue.h("div", { class: `request-field request-${key}`, key }, [Vue.h("label", { for: id }, [label, after]), control]);
    },
    who() {
      return [
        this.input("customer", "Customer", "", { maxlength: 80, placeholder: "unnamed", form: "request-form" }),
        this.select("region", "Region", [["", "None, UTC"], ...this.regions]),
      ];
    },
    fields() {
      const decimal = { inputmode: "decimal", maxlength: 12 };
      return [
        this.select("tier", "Tier", this.tiers),
        this.input("power", "Power", "MW", { ...decimal, placeholder: "5", title: this.hint }),
        this.input("hours", "Duration", "h", { ...decimal, placeholder: "48" }),
        ...(this.compact ? [] : this.who()),
        this.go(),
      ];
    },
    go() {
      const look = { class: "button button-strong request-go", disabled: !this.complete || Boolean(this.booking_id) || this.asks };
      const does = this.canBook ? { key: "book", type: "button", onClick: this.askToBook } : { key: "quote", type: "submit" };
      return Vue.h("button", { ...look, ...does }, this.goes());
    },
    goes() {
      if (this.booking_id) return "Booking \u2026";
      if (this.canBook) return "Book \u2026";
      return this.busy ? "Pricing \u2026" : "Quote";
    },
    priced() {
      const { price, charge, costs, site, why, risk, starts } = this.current;
      const facts = costs.map(([label, value, hint]) =>
        Vue.h("div", { key: label, title: hint }, [Vue.h("dt", label), Vue.h("dd", { class: "figure" }, value)]),
      );
      const [ticks, state, share] = Array.isArray(risk.ticks) ? risk.ticks : [risk.ticks];
      const bar = typeof share === "number" ? { "--share": Math.min(share, 1) } : undefined;
      const own = Vue.h("dl", { class: "request-costs" }, this.compact ? facts.slice(1, 2) : facts);
      return [
        Vue.h("div", { class: "request-price" }, [
          Vue.h("span", { class: "figure request-big" }, price),
          Vue.h("span", { class: "kpi-unit" }, "USD/MWh"),
          this.compact ? own : null,
          Vue.h("span", { class: "note" }, charge),
        ]),
        this.compact ? null : own,
        Vue.h("p", { class: "request-site", title: this.compact ? why : undefined }, [Vue.h("strong", site), " ", Vue.h("span", { class: "note" }, why)]),
        Vue.h("p", { class: "request-risk", title: risk.hint }, [
          Vue.h("span", { class: "note" }, risk.label),
          Vue.h("span", { class: bar ? "figure bar" : "figure", style: bar, "data-state": state || undefined }, ticks),
          risk.miss ? Vue.h("span", { class: "request-miss", "data-state": risk.state }, risk.miss) : null,
        ]),
        Vue.h("p", { class: "note", "data-state": this.ticksLeft ? undefined : "warn" }, this.holds(starts)),
      ];
    },
    question() {
      const { price, charge, site } = this.current;
      const { power, tier, hours } = this.values;
      const words = `Book ${power} MW ${tier} for ${hours} h at ${site}, ${price} USD/MWh, ${charge}? It can be undone for ten seconds.`;
      return [
        Vue.h("p", { class: "request-question" }, words),
        Vue.h("div", { class: "sheet-buttons" }, [
          Vue.h("button", { type: "button", class: "button", onClick: () => (this.asks = false) }, "Not yet"),
          Vue.h("button", { type: "button", class: "button button-strong request-sure", onClick: this.book }, "Book it"),
        ]),
      ];
    },
    holds(starts) {
      if (!this.ticksLeft) return "This price has expired: press Quote for a new one.";
      const ticks = window.mara.number(this.ticksLeft);
      const more = `Holds ${ticks} ${this.ticksLeft === 1 ? "tick" : "ticks"} more`;
      return this.compact ? `${more}, starts ${starts}.` : `${more}. Booked now it starts at ${starts}.`;
    },
    refused() {
      const ways = this.current.alternatives.map((other, i) =>
        Vue.h("li", { key: i }, other.power
          ? Vue.h("button", { type: "button", class: "why-chip", onClick: () => this.choose(other) }, other.text)
          : Vue.h("span", { class: "note" }, other.text)),
      );
      return [
        Vue.h("p", { class: "request-refusal" }, this.current.refusal),
        ways.length ? Vue.h("p", { class: "note" }, "What would fit instead:") : Vue.h("p", { class: "note" }, "Nothing of it would fit now."),
        ways.length ? Vue.h("ul", { class: "why-chips" }, ways) : null,
      ];
    },
    answer() {
      if (this.booked) return [Vue.h("p", { class: "request-done" }, this.booked.text)];
      if (!this.complete) return [Vue.h("p", { class: "note" }, "Enter power and duration: the price, the site and the risk appear at once.")];
      if (!this.current.number) return [Vue.h("p", { class: "note" }, this.asked || this.dirty ? "Working out what it costs the fleet \u2026" : "Press Quote for a price.")];
      if (this.current.error) return [Vue.h("p", { class: "note", "data-state": "warn" }, this.current.error)];
      const failed = this.booking.error && this.booking.id === this.current.id ? this.booking.error : "";
      return [
        ...(this.current.refusal ? this.refused() : this.asks && this.canBook ? this.question() : this.priced()),
        failed ? Vue.h("p", { class: "note", role: "alert", "data-state": "bad" }, failed) : null,
      ];
    },
  },
  render() {
    const state = this.booked ? "booked" : this.current.refusal ? "refused" : this.current.id ? "offered" : "empty";
    return Vue.h("div", { class: "request-box", "data-look": this.compact ? "compact" : "wide" }, [
      Vue.h("form", { class: "request-form", id: "request-form", "aria-label": "Request a contract", novalidate: true, onSubmit: this.send }, this.fields()),
      Vue.h("div", { class: "request-answer", tabindex: -1, "aria-live": "polite", "aria-busy": String(this.busy), "data-answer": state }, this.answer()),
      this.compact
        ? Vue.h("details", { class: "request-more" }, [Vue.h("summary", "Customer and region"), Vue.h("div", { class: "request-who" }, this.who())])
        : null,
    ]);
  },
};
