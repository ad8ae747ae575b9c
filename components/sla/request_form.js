// A request for a contract, priced while it is typed. Emits `order-quote` with what was entered and a number that grows, so
// that an answer that was overtaken is let go, and, after a question, `order-book` with the quote's id. Enter in a field asks
// for a price and never books. All texts come from the server, shown as texts.
import { CellText, markPage, number, useChannel } from "mara";

const PAUSE_MS = 350;
const TWO_TAPS_MS = 400; // a second press right after the question appeared was meant for the first button

// A labelled field of the form, with `options` a choice. Emits `field-typed` with its name and what was entered.
const RequestField = {
  props: { name: String, value: String, label: String, unit: String, options: Array, placeholder: String, title: String },
  emits: ["field-typed"],
  computed: {
    isNumber() {
      return Boolean(this.unit);
    },
  },
  methods: {
    type(event) {
      this.$emit("field-typed", this.name, event.target.value);
    },
  },
  template: `
    <div :class="['request-field', 'request-' + name]">
      <label :for="'request-' + name">{{ label }}<span v-if="unit" class="order-unit">{{ unit }}</span></label>
      <select v-if="options" :id="'request-' + name" class="field" :value="value" @change="type">
        <option v-for="one in options" :key="one.key" :value="one.key">{{ one.label }}</option>
      </select>
      <input
        v-else
        :id="'request-' + name"
        class="field"
        :value="value"
        autocomplete="off"
        spellcheck="false"
        form="request-form"
        :inputmode="isNumber ? 'decimal' : null"
        :maxlength="isNumber ? 12 : 80"
        :placeholder="placeholder"
        :title="title"
        @input="type"
      />
    </div>
  `,
};

const RequestCosts = {
  props: { costs: Array },
  template: `
    <dl class="request-costs">
      <div v-for="cost in costs" :key="cost.label" :title="cost.hint">
        <dt>{{ cost.label }}</dt>
        <dd class="figure">{{ cost.text }}</dd>
      </div>
    </dl>
  `,
};

export default {
  components: { CellText, RequestCosts, RequestField },
  props: { tiers: Array, regions: Array, compact: Boolean, hint: String, offer: Object, booking: Object },
  emits: ["order-quote", "order-book"],
  setup() {
    return { moment: useChannel("moment") };
  },
  data() {
    return {
      values: { tier: "standard", power: "", hours: "", customer: "", region: "" },
      asked: 0, // number of the newest question
      answered: 0, // and of the newest answer
      asks: false, // whether to book
      asksSinceMs: 0,
      bookingId: "",
      dirty: false, // something was entered that has not been asked yet
    };
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  watch: {
    offer(offer) {
      this.answered = Math.max(this.answered, offer.number ?? 0);
      this.asks = false;
    },
    booking() {
      this.bookingId = "";
    },
    look(look) {
      markPage("quote", look === "empty" ? "" : look);
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
      if (!this.current.id || !this.moment.at) return 1;
      return Math.max(0, Math.floor((this.current.expires_s - this.moment.at) / this.current.tick_s) - 1);
    },
    booked() {
      return this.booking.text && this.booking.id === this.current.id ? this.booking : null;
    },
    canBook() {
      const open = this.current.id && !this.current.refusal && this.ticksLeft > 0;
      return Boolean(open && !this.busy && !this.booked && !this.bookingId);
    },
    look() {
      if (this.booked) return "booked";
      if (this.current.refusal) return "refused";
      return this.current.id ? "offered" : "empty";
    },
    go() {
      if (this.bookingId) return "Booking \u2026";
      if (this.canBook) return "Book \u2026";
      return this.busy ? "Pricing \u2026" : "Quote";
    },
    question() {
      const { price, charge, site } = this.current;
      const { power, tier, hours } = this.values;
      const what = `Book ${power} MW ${tier} for ${hours} h at ${site}, ${price} USD/MWh, ${charge}?`;
      return `${what} It can be undone for ten seconds.`;
    },
    holds() {
      if (!this.ticksLeft) return "This price has expired: press Quote for a new one.";
      const more = `Holds ${number(this.ticksLeft)} ${this.ticksLeft === 1 ? "tick" : "ticks"} more`;
      const { starts } = this.current;
      return this.compact ? `${more}, starts ${starts}.` : `${more}. Booked now it starts at ${starts}.`;
    },
    costs() {
      return this.compact ? this.current.costs.slice(1, 2) : this.current.costs;
    },
    failure() {
      return this.booking.id === this.current.id ? this.booking.error : "";
    },
  },
  methods: {
    typed(name, value) {
      this.values[name] = value;
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
    leave() {
      this.asks = false;
      this.$nextTick(() => this.$el.querySelector(".request-go").focus());
    },
    book() {
      if (!this.canBook || performance.now() - this.asksSinceMs < TWO_TAPS_MS) return;
      this.asks = false;
      this.bookingId = this.current.id;
      this.$el.querySelector(".request-answer").focus();
      this.$emit("order-book", { id: this.current.id, customer: this.values.customer });
    },
    send() {
      if (!this.canBook && !this.bookingId) this.ask();
    },
    choose(other) {
      Object.assign(this.values, { tier: other.tier, power: other.power, hours: other.hours });
      this.ask();
      this.$nextTick(() => this.$el.querySelector(".request-answer")?.focus());
    },
  },
  template: `
    <div class="request-box" :data-look="compact ? 'compact' : 'wide'">
      <form id="request-form" class="request-form" aria-label="Request a contract" novalidate @submit.prevent="send">
        <request-field name="tier" :value="values.tier" label="Tier" :options="tiers" @field-typed="typed" />
        <request-field name="power" :value="values.power" label="Power" unit="MW" placeholder="5" :title="hint" @field-typed="typed" />
        <request-field name="hours" :value="values.hours" label="Duration" unit="h" placeholder="48" @field-typed="typed" />
        <template v-if="!compact">
          <request-field name="customer" :value="values.customer" label="Customer" placeholder="unnamed" @field-typed="typed" />
          <request-field name="region" :value="values.region" label="Region" :options="regions" @field-typed="typed" />
        </template>
        <button
          :key="canBook ? 'book' : 'quote'"
          :type="canBook ? 'button' : 'submit'"
          class="button button-strong request-go"
          :disabled="!complete || Boolean(bookingId) || asks"
          @click="canBook && askToBook()"
        >{{ go }}</button>
      </form>
      <div class="request-answer" tabindex="-1" aria-live="polite" :aria-busy="busy" :data-answer="look">
        <p v-if="booked" class="request-done">{{ booked.text }}</p>
        <p v-else-if="!complete" class="note">Enter power and duration: the price, the site and the risk appear at once.</p>
        <p v-else-if="!current.number" class="note">
          {{ asked || dirty ? "Working out what it costs the fleet …" : "Press Quote for a price." }}
        </p>
        <p v-else-if="current.error" class="note" data-state="warn">{{ current.error }}</p>
        <template v-else>
          <template v-if="current.refusal">
            <p class="request-refusal">{{ current.refusal }}</p>
            <p class="note">{{ current.alternatives.length ? "What would fit instead:" : "Nothing of it would fit now." }}</p>
            <ul v-if="current.alternatives.length" class="why-chips">
              <li v-for="other in current.alternatives">
                <button v-if="other.power" type="button" class="why-chip" @click="choose(other)">{{ other.text }}</button>
                <span v-else class="note">{{ other.text }}</span>
              </li>
            </ul>
          </template>
          <template v-else-if="asks && canBook">
            <p class="request-question">{{ question }}</p>
            <div class="sheet-buttons" @keydown.esc="leave">
              <button type="button" class="button" @click="leave">Not yet</button>
              <button type="button" class="button button-strong request-sure" @click="book">Book it</button>
            </div>
          </template>
          <template v-else>
            <div class="request-price">
              <span class="figure request-big">{{ current.price }}</span>
              <span class="kpi-unit">USD/MWh</span>
              <request-costs v-if="compact" :costs="costs" />
              <span class="note">{{ current.charge }}</span>
            </div>
            <request-costs v-if="!compact" :costs="costs" />
            <p class="request-site" :title="compact ? current.why : null">
              <strong>{{ current.site }}</strong> <span class="note">{{ current.why }}</span>
            </p>
            <p class="request-risk" :title="current.risk.hint">
              <span class="note">{{ current.risk.label }}</span>
              <cell-text class="figure" :value="current.risk.ticks" />
              <span v-if="current.risk.miss" class="request-miss" :data-state="current.risk.state">{{ current.risk.miss }}</span>
            </p>
            <p class="note" :data-state="ticksLeft ? null : 'warn'">{{ holds }}</p>
          </template>
          <p v-if="failure" class="note" role="alert" data-state="bad">{{ failure }}</p>
        </template>
      </div>
      <details v-if="compact" class="request-more">
        <summary>Customer and region</summary>
        <div class="request-who">
          <request-field name="customer" :value="values.customer" label="Customer" placeholder="unnamed" @field-typed="typed" />
          <request-field name="region" :value="values.region" label="Region" :options="regions" @field-typed="typed" />
        </div>
      </details>
    </div>
  `,
};
