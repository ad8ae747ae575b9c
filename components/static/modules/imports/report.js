// One report on market files: what they are, and what is in them; or why they are refused.
import { seriesId } from "mara/imports/draft.js";
import { OwnForm } from "mara/imports/own_form.js";

const MOST_ROWS = 12;
const SEEK_DELAY_MS = 300;
const MEASURED = ["price", "carbon"]; // which seldom stand still
const number = (value) => (value === null || value === undefined ? "\u2013" : value.toLocaleString("en-US", { maximumFractionDigits: 2 }));
const when = (text) => text.replace("T", " ").replace("Z", "");

export const FileReport = {
  components: { OwnForm },
  props: { report: Object, is_reading: Boolean },
  emits: ["layout-chosen", "site-wanted", "series-sought", "own-described"],
  data() {
    return { wanted: "", all: false };
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  watch: {
    wanted() {
      clearTimeout(this.timer);
      if (this.hasMore) this.timer = setTimeout(() => this.seek(0), SEEK_DELAY_MS);
    },
  },
  computed: {
    // Of many series the server shows a part, and does the searching.
    hasMore() {
      return this.report.series_count > this.report.series?.length || this.report.skipped > 0 || this.report.matching_count < this.report.series_count;
    },
    found() {
      const wanted = this.hasMore ? "" : this.wanted.trim().toLowerCase();
      const rows = (this.report.series ?? []).map((series) => ({ series, id: seriesId(this.report, series) }));
      return rows.filter(({ series }) => !wanted || this.named(series).toLowerCase().includes(wanted));
    },
    last() {
      return this.report.skipped + this.report.series.length;
    },
    shown() {
      return this.all ? this.found : this.found.slice(0, MOST_ROWS);
    },
    isPrice() {
      return this.report.quantity === "price";
    },
    title() {
      return this.report.files.length === 1 ? this.report.files[0] : `${this.report.files[0]} and ${this.report.files.length - 1} more`;
    },
    // That of the values shown, and that of the file where it is another.
    unit() {
      const { unit, read_unit: read } = this.report;
      return read && read !== unit ? `${read} (in the file: ${unit})` : unit;
    },
    facts() {
      const { report } = this;
      return [
        ["Report", report.own ? "a file of your own, as described" : `${report.publisher}, ${report.report}`],
        ["Layout", report.variant ? `${report.layout} (${report.variant})` : report.layout],
        ["Tells", [report.quantity, this.unit].filter(Boolean).join(", ")],
        ["Clock", report.clock],
        ["Stamps", `name the ${report.stamp_side} of an interval`],
        ["Repeated hour", report.repeated_hour === "never" ? "does not occur" : `told by ${report.repeated_hour}`],
        ["Rows", `${number(report.rows)}, ${number(report.rows_without_value)} without a value`],
        ...(report.licence ? [["Licence", report.licence]] : []),
      ];
    },
  },
  methods: {
    seek(skip) {
      this.$emit("series-sought", this.report, this.wanted.trim(), skip);
    },
    number,
    when,
    named(series) {
      return [series.point || "all rows", ...Object.entries(series.key).map(([name, text]) => `${name} ${text}`)].join(", ");
    },
    steps(series) {
      return series.steps_minutes.map((step) => number(step)).join(", ");
    },
    // What a reader has to know before trusting the series, in words; empty for a clean one.
    doubts(series) {
      const told = [];
      const count = (n, one, many) => n && told.push(`${number(n)} ${n === 1 ? one : many}`);
      count(series.gap_count, "gap", "gaps");
      count(series.overlap_count, "overlap", "overlaps");
      count(series.days.short_count, "short day", "short days");
      count(series.repeats, "equal repeat", "equal repeats");
      count(series.revisions, "revised row", "revised rows");
      count(series.at_cap, "at a cap", "at a cap");
      if (MEASURED.includes(this.report.quantity)) count(series.equal_runs.length, "long run of one value", "long runs of one value");
      return told.join(", ");
    },
    details(series) {
      return [...series.gaps.map((gap) => `no value: ${when(gap)}`), ...series.days.odd.map((odd) => `${odd.day}: ${odd.hours} h, ${odd.intervals} intervals`)];
    },
  },
  template: `
    <section class="file-report" :data-state="report.refusal && !report.outline ? 'bad' : null">
      <h3 class="file-name">{{ title }}</h3>
      <template v-if="report.refusal">
        <p class="import-refusal">{{ report.refusal }}</p>
        <OwnForm v-if="report.outline" :report="report" :title="title" @described="$emit('own-described', report, $event)" />
      </template>
      <label v-else-if="report.choices" class="import-choice">
        Two layouts fit. Which is it?
        <select class="field" :aria-label="'Layout of ' + title" @change="$emit('layout-chosen', report.files[0], $event.target.value)">
          <option value="">choose</option>
          <option v-for="id in report.choices" :key="id" :value="id">{{ id }}</option>
        </select>
      </label>
      <template v-else>
        <dl class="file-facts">
          <div v-for="[name, text] in facts" :key="name"><dt>{{ name }}</dt><dd>{{ text }}</dd></div>
        </dl>
        <input v-if="report.series.length > 12 || hasMore" v-model="wanted" type="search" class="field file-find" placeholder="Find a point" :aria-label="'Find a point of ' + title" />
        <div class="overflow" tabindex="0" role="region" :aria-label="'Series of ' + title">
          <table class="live-table series-table">
            <caption class="sr-only">Series of {{ title }}</caption>
            <thead>
              <tr>
                <th scope="col">Point</th>
                <th v-if="isPrice" scope="col"><span class="sr-only">Use</span></th>
                <th scope="col" class="number">Step, min</th>
                <th scope="col">From, UTC</th>
                <th scope="col">To, UTC</th>
                <th scope="col" class="number">Intervals</th>
                <th scope="col" class="number">Lowest</th>
                <th scope="col" class="number">Highest</th>
                <th v-if="isPrice" scope="col" class="number">Negative</th>
                <th scope="col">To look at</th>
              </tr>
            </thead>
            <tbody>
              <tr v-for="{ series, id } in shown" :key="id">
                <th scope="row">{{ named(series) }} <span v-if="series.currency" class="note">{{ series.currency }}</span></th>
                <td v-if="isPrice">
                  <button type="button" class="text-button" :aria-label="'Add a site at ' + named(series)" @click="$emit('site-wanted', id)">Add site</button>
                </td>
                <td class="number">{{ steps(series) }}</td>
                <td>{{ when(series.first) }}</td>
                <td>{{ when(series.last) }}</td>
                <td class="number">{{ number(series.intervals) }}</td>
                <td class="number">{{ number(series.least) }}</td>
                <td class="number">{{ number(series.most) }}</td>
                <td v-if="isPrice" class="number">{{ number(series.negative) }}</td>
                <td>
                  <details v-if="details(series).length" class="series-doubts">
                    <summary>{{ doubts(series) || "clock changes" }}</summary>
                    <p v-for="text in details(series)" :key="text" class="note">{{ text }}</p>
                  </details>
                  <template v-else>{{ doubts(series) || "nothing" }}</template>
                </td>
              </tr>
            </tbody>
          </table>
        </div>
        <p v-if="!found.length" class="note">No point has that in its name.</p>
        <button v-if="found.length > shown.length" type="button" class="text-button file-more" @click="all = true">All {{ found.length }} series</button>
        <div v-if="hasMore" class="import-go">
          <button type="button" class="text-button" :disabled="!report.skipped || is_reading" @click="seek(0)">First</button>
          <button type="button" class="text-button" :disabled="last >= report.matching_count || is_reading" @click="seek(last)">Next</button>
          <span class="note" role="status">
            {{ report.series.length ? number(report.skipped + 1) + " to " + number(last) : "None" }} of {{ number(report.matching_count) }}
            {{ report.matching_count < report.series_count ? "series with that in their names, of " + number(report.series_count) : "series" }}
          </span>
        </div>
        <button v-if="report.own" type="button" class="text-button file-more" @click="$emit('own-described', report, null)">Describe the file otherwise</button>
      </template>
    </section>
  `,
};
