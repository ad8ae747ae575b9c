// Asks which sites to take down and for how long, and which ordered outages to end. Follows the channel `places`.
function endText(until) {
  const style = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" };
  return `ordered down until ${new Intl.DateTimeFormat("en-GB", style).format(new Date(until * 1000))} UTC`;
}

const SAID = { down: "down", partial: "partly out", curtailed: "curtailed", running: "running" };

export default {
  props: { durations: Array },
  emits: ["order-down", "order-restore"],
  data() {
    return { places: {}, chosen: [], minutes: this.durations[1][0], wanted: "" };
  },
  created() {
    this.unwatch = window.mara.watch("places", (_, all) => this.shown && (this.places = { ...all }));
    this.ask = ({ detail }) => this.open(detail);
    window.addEventListener("mara-outage", this.ask);
  },
  unmounted() {
    this.unwatch();
    window.removeEventListener("mara-outage", this.ask);
  },
  methods: {
    open(site) {
      this.shown = true;
      this.places = { ...window.mara.read("places") };
      this.chosen = site ? [site] : [];
      this.wanted = "";
      this.$nextTick(() => this.$refs.sheet.showModal());
    },
    closed() {
      this.shown = false;
      this.places = {}; // nothing to keep up to date while nobody looks
    },
    send(event) {
      const detail = { sites: [...this.chosen], minutes: this.minutes };
      if (event === "down") this.$emit("order-down", detail);
      else this.$emit("order-restore", detail);
      this.$refs.sheet.close();
    },
    rows() {
      const wanted = this.wanted.trim().toLowerCase();
      return Object.entries(this.places)
        .filter(([id, [name]]) => !wanted || `${id} ${name}`.toLowerCase().includes(wanted))
        .map(([id, [name, , status, until]]) => {
          const box = {
            type: "checkbox",
            value: id,
            checked: this.chosen.includes(id),
            onChange: (event) => {
              this.chosen = this.chosen.filter((other) => other !== id).concat(event.target.checked ? [id] : []);
            },
          };
          const said = until ? endText(until) : (SAID[status] ?? status);
          return Vue.h("li", { key: id }, [
            Vue.h("label", [Vue.h("input", box), Vue.h("span", name), Vue.h("span", { class: "sheet-note" }, said)]),
          ]);
        });
    },
  },
  render() {
    const ordered = this.chosen.filter((id) => this.places[id]?.[3]);
    const search = {
      type: "search",
      class: "field",
      placeholder: "Find a site",
      "aria-label": "Find a site",
      value: this.wanted,
      onInput: (event) => (this.wanted = event.target.value),
    };
    const options = this.durations.map(([minutes, label]) => Vue.h("option", { value: minutes }, label));
    const select = {
      class: "field",
      id: "outage-minutes",
      value: this.minutes,
      onChange: (event) => (this.minutes = Number(event.target.value)),
    };
    const button = (label, look, off, act) =>
      Vue.h("button", { type: "button", class: `button ${look}`, disabled: off, onClick: act }, label);
    const many = Object.keys(this.places).length > 20;
    return Vue.h("dialog", { ref: "sheet", class: "sheet", "aria-labelledby": "outage-title", onClose: this.closed }, [
      Vue.h("h2", { class: "sheet-title", id: "outage-title" }, "Take sites down or back"),
      Vue.h("p", { class: "sheet-note" }, "From the next tick on. Their Premium load moves elsewhere at once, and Flexible, Spot and tokens there give way to it; the rest is off for a tick at least, until it fits again. Outages of the world itself end by themselves."),
      many || this.wanted ? Vue.h("input", search) : null,
      Vue.h("ul", { class: "sheet-list", "aria-label": "Sites" }, this.rows()),
      Vue.h("label", { class: "sheet-field", for: "outage-minutes" }, ["How long, on the fleet's clock", Vue.h("select", select, options)]),
      Vue.h("div", { class: "sheet-buttons" }, [
        button("Close", "", false, () => this.$refs.sheet.close()),
        button("End ordered outage", "", !ordered.length, () => this.send("restore")),
        button("Take down", "button-strong", !this.chosen.length, () => this.send("down")),
      ]),
    ]);
  },
};
