// A clock for each time zone in which there are sites: follows the channels `places` and `moment`.
const clocks = new Map();

function clockOf(zone) {
  const style = { timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (!clocks.has(zone)) clocks.set(zone, new Intl.DateTimeFormat("en-GB", style));
  return clocks.get(zone);
}

export default {
  props: { most: Number },
  data() {
    return { zones: [], at: null };
  },
  created() {
    const { watch } = window.mara;
    this.unwatch = [
      watch("places", (_, all) => this.group(all)),
      watch("moment", (_, all) => (this.at = all.at)),
    ];
  },
  unmounted() {
    this.unwatch.forEach((stop) => stop());
  },
  methods: {
    group(places) {
      const names = {};
      for (const [name, zone] of Object.values(places)) (names[zone] ??= []).push(name);
      this.zones = Object.entries(names).slice(0, this.most);
    },
  },
  render() {
    if (this.at === null) return Vue.h("p", "Local times appear with the first tick.");
    const lines = this.zones.flatMap(([zone, names]) => {
      const more = names.length > 2 ? ` and ${names.length - 2} more` : "";
      const label = names.slice(0, 2).join(", ") + more;
      return [Vue.h("dt", label), Vue.h("dd", { class: "figure" }, clockOf(zone).format(new Date(this.at * 1000)))];
    });
    return Vue.h("dl", { class: "clocks" }, lines);
  },
};
