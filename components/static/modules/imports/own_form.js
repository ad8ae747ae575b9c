// The layout of a text file that no publisher's layout fits, said by whoever knows it: the table `csv` of a SPEC.
const FORMATS = [
  ["iso", "2024-01-31 14:00 (ISO 8601)"],
  ["%d.%m.%Y %H:%M", "31.01.2024 14:00"],
  ["%m/%d/%Y %H:%M", "01/31/2024 14:00"],
  ["%d/%m/%Y %H:%M", "31/01/2024 14:00"],
  ["%m/%d/%Y %I:%M %p", "01/31/2024 2:00 PM"],
  ["%Y%m%d%H%M", "202401311400"],
  ["epoch", "1706709600 (Unix seconds)"],
  ["", "another"],
];
const QUANTITIES = [
  ["price", "what power costs"],
  ["carbon", "carbon intensity"],
  ["weather", "dry bulb"],
  ["demand", "demand of the system"],
];
const UNITS = { price: "EUR/MWh", carbon: "g/kWh", weather: "C", demand: "MW" };
const NUMBERS = [
  [".", "", "1234.56"],
  [",", "", "1234,56"],
  [",", ".", "1.234,56"],
  [".", ",", "1,234.56"],
  [",", " ", "1 234,56"],
];
const ENCODINGS = [
  ["utf-8", "UTF-8"],
  ["cp1252", "Western (Windows)"],
  ["shift_jis", "Japanese (Shift JIS)"],
];
const DELIMITERS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar" };

export const OwnForm = {
  props: { report: Object, title: String },
  emits: ["described"],
  data() {
    const { own, outline } = this.report;
    const said = own?.table ?? {};
    const format = said.formats?.[0] ?? "iso";
    const isListed = FORMATS.some(([one]) => one === format);
    return {
      FORMATS,
      QUANTITIES,
      NUMBERS,
      ENCODINGS,
      numbers: String(Math.max(0, NUMBERS.findIndex(([decimal, thousands]) => decimal === (said.decimal ?? ".") && thousands === (said.thousands ?? "")))),
      format: isListed ? format : "",
      typed: isListed ? "" : format,
      quantity: own?.quantity ?? "price",
      entered: {
        date: said.date ?? "",
        time: said.time ?? "",
        side: said.side ?? "",
        clock: said.clock ?? "",
        repeat: said.repeat ?? "never",
        step: String(said.steps_minutes?.[0] ?? ""),
        value: said.value ?? "",
        unit: said.unit ?? "",
        point: said.point ?? "",
        known: said.known ?? "",
        encoding: said.encoding ?? outline.encoding,
        delimiter: said.delimiter ?? outline.delimiter,
      },
    };
  },
  computed: {
    unit() {
      return UNITS[this.quantity];
    },
    separator() {
      return DELIMITERS[this.report.outline.delimiter] ?? this.report.outline.delimiter;
    },
  },
  methods: {
    describe() {
      const { date, time, side, clock, repeat, step, value, unit, point, known, encoding, delimiter } = this.entered;
      const [decimal, thousands] = NUMBERS[Number(this.numbers)];
      const table = { time, side, formats: [this.format || this.typed], clock, repeat, steps_minutes: [Number(step)], value, delimiter, decimal };
      if (date) table.date = date;
      if (thousands) table.thousands = thousands;
      if (encoding !== "utf-8") table.encoding = encoding;
      if (unit) table.unit = unit;
      if (point) table.point = point;
      if (known && this.quantity === "price") table.known = known;
      this.$emit("described", { quantity: this.quantity, table });
    },
  },
  template: `
    <form class="own-form" :aria-label="'Description of ' + title" @submit.prevent="describe">
      <p class="note">It is a table with a {{ separator }} between {{ report.outline.columns.length }} columns. Say what they mean; nothing is guessed.</p>
      <div class="overflow" tabindex="0" role="region" :aria-label="'First rows of ' + title">
        <table class="live-table own-rows">
          <caption class="sr-only">First rows of {{ title }}</caption>
          <thead><tr><th v-for="name in report.outline.columns" :key="name" scope="col">{{ name }}</th></tr></thead>
          <tbody>
            <tr v-for="(row, place) in report.outline.rows" :key="place"><td v-for="(cell, column) in row" :key="column">{{ cell }}</td></tr>
          </tbody>
        </table>
      </div>
      <div class="order-form">
        <label class="order-field order-middle">
          It tells
          <select v-model="quantity" class="field"><option v-for="[one, words] in QUANTITIES" :key="one" :value="one">{{ words }}</option></select>
        </label>
        <label class="order-field order-short">
          Value column
          <select v-model="entered.value" class="field" required>
            <option value="" disabled>choose</option>
            <option v-for="name in report.outline.columns" :key="name" :value="name">{{ name }}</option>
          </select>
        </label>
        <label class="order-field order-short">
          Unit
          <input v-model="entered.unit" class="field" :placeholder="unit" :required="quantity === 'price'" spellcheck="false" autocomplete="off" />
        </label>
        <label class="order-field order-short">
          Time column
          <select v-model="entered.time" class="field" required>
            <option value="" disabled>choose</option>
            <option v-for="name in report.outline.columns" :key="name" :value="name">{{ name }}</option>
          </select>
        </label>
        <label class="order-field order-short">
          Its date is in
          <select v-model="entered.date" class="field">
            <option value="">the same column</option>
            <option v-for="name in report.outline.columns" :key="name" :value="name">{{ name }}</option>
          </select>
        </label>
        <label class="order-field order-middle">
          Times read
          <select v-model="format" class="field"><option v-for="[one, words] in FORMATS" :key="one" :value="one">{{ words }}</option></select>
        </label>
        <label v-if="!format" class="order-field order-short">
          As of strptime
          <input v-model="typed" class="field" required placeholder="%d.%m.%y %H:%M" spellcheck="false" autocomplete="off" />
        </label>
        <label class="order-field order-short">
          A time names the
          <select v-model="entered.side" class="field" required>
            <option value="" disabled>choose</option>
            <option value="begin">begin of a step</option>
            <option value="end">end of a step</option>
          </select>
        </label>
        <label class="order-field order-tiny">
          Step
          <select v-model="entered.step" class="field" required>
            <option value="" disabled>choose</option>
            <option value="5">5 min</option>
            <option value="15">15 min</option>
            <option value="30">30 min</option>
            <option value="60">1 h</option>
          </select>
        </label>
        <label class="order-field order-short">
          Clock
          <input v-model="entered.clock" class="field" required placeholder="Europe/Berlin" title="UTC, UTC+10:00, a zone such as Europe/Berlin, or stated: each time has its offset" spellcheck="false" autocomplete="off" />
        </label>
        <label class="order-field order-middle">
          Autumn's repeated hour
          <select v-model="entered.repeat" class="field">
            <option value="never">does not occur</option>
            <option value="order">told by the order of rows</option>
          </select>
        </label>
        <label class="order-field order-short">
          Point column
          <select v-model="entered.point" class="field">
            <option value="">one place</option>
            <option v-for="name in report.outline.columns" :key="name" :value="name">{{ name }}</option>
          </select>
        </label>
        <label v-if="quantity === 'price'" class="order-field order-short">
          Known
          <select v-model="entered.known" class="field">
            <option value="">in its hour</option>
            <option value="day_ahead">a day ahead</option>
          </select>
        </label>
        <label class="order-field order-short">
          Numbers read
          <select v-model="numbers" class="field"><option v-for="([, , words], place) in NUMBERS" :key="words" :value="String(place)">{{ words }}</option></select>
        </label>
        <label class="order-field order-short">
          Letters
          <select v-model="entered.encoding" class="field"><option v-for="[one, words] in ENCODINGS" :key="one" :value="one">{{ words }}</option></select>
        </label>
      </div>
      <div class="import-go"><button type="submit" class="button">Read it so</button></div>
    </form>
  `,
};
