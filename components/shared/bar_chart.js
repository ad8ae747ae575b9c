// Bars as a table, so that every number is text too: a channel {key: {rank, label, and a value for each series}}, highest
// rank first, null for no value. All bars of the chart share one scale; negative ones go left of zero.
import { number, ranked, useChannel } from "mara";
import { download } from "mara/plot/paint.js";

const LEAST_WIDTH_PERCENT = 0.4; // a small value is still to be seen

export default {
  props: { name: String, unit: String, caption: String, empty: String, series: Array, rows: Object, decimals: Number },
  setup(props) {
    return { shown: useChannel(props.name, props.rows) };
  },
  computed: {
    ordered() {
      return ranked(this.shown);
    },
    low() {
      return Math.min(0, ...this.values());
    },
    span() {
      return Math.max(0, ...this.values()) - this.low || 1;
    },
  },
  methods: {
    values() {
      const all = this.ordered.flatMap(([, row]) => this.series.map(({ key }) => row[key]));
      return all.filter((value) => typeof value === "number");
    },
    place(value) {
      const width = Math.max(LEAST_WIDTH_PERCENT, (100 * Math.abs(value)) / this.span);
      return { left: `${(100 * (Math.min(value, 0) - this.low)) / this.span}%`, width: value ? `${width}%` : 0 };
    },
    text(value) {
      return typeof value === "number" ? number(value, this.decimals) : "\u2013";
    },
    keep() {
      const head = ["", ...this.series.map((one) => `${one.name} [${this.unit}]`)];
      const body = this.ordered.map(([, row]) => [row.label, ...this.series.map(({ key }) => row[key])]);
      download(this.name, [head, ...body]);
    },
  },
  template: `
    <div class="bar-chart" :data-unit="unit" @mara-csv="keep">
      <p v-if="!ordered.length" class="empty">{{ empty }}</p>
      <table v-else class="bar-table">
        <caption class="sr-only">{{ caption }}, {{ unit }}</caption>
        <tbody>
          <tr v-for="[key, row] in ordered" :key="key">
            <th scope="row" :title="row.label">{{ row.label }}</th>
            <td>
              <div v-for="one in series" :key="one.key" class="bar-line">
                <span class="sr-only">{{ one.name }}: </span>
                <span class="bar-track" aria-hidden="true">
                  <i v-if="typeof row[one.key] === 'number'" :class="one.look" :style="place(row[one.key])"></i>
                </span>
                <span class="figure" :data-state="one.is_loss && row[one.key] < 0 ? 'bad' : null">{{ text(row[one.key]) }}</span>
              </div>
            </td>
          </tr>
        </tbody>
      </table>
    </div>
  `,
};
