// A table whose rows open: the rows are a channel {key: {rank, and a cell for each column}}, highest rank first; what is
// inside a row is asked of the server when it is opened and comes as `details`: {key: [line, ...]}.
import { CellText, ranked, useChannel } from "mara";

export default {
  components: { CellText },
  props: { name: String, caption: String, empty: String, columns: Array, rows: Object, details: Object },
  emits: ["show-inside"],
  setup(props) {
    return { shown: useChannel(props.name, props.rows) };
  },
  data() {
    return { open: {} };
  },
  computed: {
    ordered() {
      return ranked(this.shown);
    },
  },
  methods: {
    toggle(key) {
      this.open = { ...this.open, [key]: !this.open[key] };
      if (this.open[key] && !this.details[key]) this.$emit("show-inside", { key });
    },
  },
  template: `
    <p v-if="!ordered.length" class="empty">{{ empty }}</p>
    <table v-else class="live-table fold-table">
      <caption class="sr-only">{{ caption }}</caption>
      <thead>
        <tr>
          <th v-for="column in columns" scope="col" :class="column.look" :title="column.hint" :data-unit="column.unit || null">{{ column.label }}</th>
        </tr>
      </thead>
      <tbody>
        <template v-for="[key, row] in ordered" :key="key">
          <tr>
            <th scope="row" :data-unit="columns[0].unit || null">
              <button
                type="button"
                class="fold-button"
                :aria-expanded="Boolean(open[key])"
                :aria-controls="open[key] ? name + '-' + key : null"
                @click="toggle(key)"
              >{{ row[columns[0].key] }}</button>
            </th>
            <td v-for="column in columns.slice(1)" :class="column.look" :data-unit="column.unit || null"><cell-text :value="row[column.key]" /></td>
          </tr>
          <tr v-if="open[key]" :id="name + '-' + key" class="fold-inside">
            <td :colspan="columns.length">
              <ul v-if="details[key]" class="reasons">
                <li v-for="line in details[key]">{{ line }}</li>
              </ul>
              <p v-else class="note" role="status">Reading what is stored of it …</p>
            </td>
          </tr>
        </template>
      </tbody>
    </table>
  `,
};
