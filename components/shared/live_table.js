// A table whose rows are a channel of the view model: {key: {rank, and a cell for each column}}, highest rank first.
import { CellText, ranked, useChannel } from "mara";

export default {
  components: { CellText },
  props: { name: String, caption: String, empty: String, columns: Array, rows: Object },
  setup(props) {
    return { shown: useChannel(props.name, props.rows) };
  },
  computed: {
    ordered() {
      return ranked(this.shown);
    },
    drawn() {
      return this.columns.filter(({ key, if_any }) => !if_any || this.ordered.some(([, row]) => this.whole(row[key])));
    },
  },
  methods: {
    whole(cell) {
      return typeof cell === "object" ? cell?.text : cell;
    },
  },
  template: `
    <p v-if="!ordered.length" class="empty">{{ empty }}</p>
    <table v-else class="live-table">
      <caption class="sr-only">{{ caption }}</caption>
      <thead>
        <tr>
          <th v-for="column in drawn" scope="col" :class="column.look" :title="column.hint" :data-unit="column.unit || null">{{ column.label }}</th>
        </tr>
      </thead>
      <tbody>
        <tr v-for="[key, row] in ordered" :key="key">
          <component
            v-for="(column, place) in drawn"
            :is="place ? 'td' : 'th'"
            :scope="place ? null : 'row'"
            :class="column.look"
            :data-unit="column.unit || null"
            :title="column.clipped ? whole(row[column.key]) : null"
          >
            <cell-text :value="row[column.key]" />
          </component>
        </tr>
      </tbody>
    </table>
  `,
};
