// A clock for each time zone in which there are sites: follows the channels `places` and `moment`.
import { clockOf, useChannel } from "mara";

const MOST_NAMED = 2; // sites of a zone

export default {
  props: { most: Number },
  setup() {
    return { places: useChannel("places"), moment: useChannel("moment") };
  },
  computed: {
    zones() {
      const names = {};
      for (const { name, timezone } of Object.values(this.places)) (names[timezone] ??= []).push(name);
      return Object.entries(names).slice(0, this.most);
    },
  },
  methods: {
    clockOf,
    label(names) {
      const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : "";
      return names.slice(0, MOST_NAMED).join(", ") + more;
    },
  },
  template: `
    <p v-if="moment.at === undefined">Local times appear with the first tick.</p>
    <dl v-else class="clocks">
      <template v-for="[zone, names] in zones" :key="zone">
        <dt>{{ label(names) }}</dt>
        <dd class="figure">{{ clockOf(moment.at, zone) }}</dd>
      </template>
    </dl>
  `,
};
