// Contracted supply as a table whose last column draws the 24 hours of the local day as blocks, so high as their share.
import { CellText, ranked, useChannel } from "mara";

export default {
  components: { CellText },
  props: { empty: String, rows: Object },
  setup(props) {
    return { shown: useChannel("supply", props.rows) };
  },
  computed: {
    ordered() {
      return ranked(this.shown);
    },
  },
  template: `
    <p v-if="!ordered.length" class="empty">{{ empty }}</p>
    <table v-else class="live-table">
      <caption class="sr-only">Contracted supply and its shape over the local day</caption>
      <thead>
        <tr>
          <th scope="col">Site</th>
          <th scope="col">Contract</th>
          <th scope="col" title="Local hours, from 0 to 24">Today, 0 to 24 h</th>
          <th scope="col" class="number">Power</th>
          <th scope="col" class="number">Price</th>
        </tr>
      </thead>
      <tbody>
        <tr v-for="[key, row] in ordered" :key="key">
          <th scope="row"><cell-text :value="row.site" /></th>
          <td><cell-text :value="row.kind" /></td>
          <td>
            <cell-text v-if="row.taken" :value="row.taken" />
            <span v-else class="day-blocks" role="img" :aria-label="row.told" :title="row.told">
              <i v-for="(share, hour) in row.blocks" :key="hour" :style="{ '--share': share }" :data-now="hour === row.now || null"></i>
            </span>
          </td>
          <td class="number">{{ row.power }}</td>
          <td class="number">{{ row.price }}</td>
        </tr>
      </tbody>
    </table>
  `,
};
