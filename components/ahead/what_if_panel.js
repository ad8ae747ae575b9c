// What-if questions: changes are entered and asked, and the plan without and with them stand side by side.
// Emits `ask-what-if` with what is entered.
const FIRST_ROWS = 12;
const NOTHING = { site: "", price: "", usd: "", hashprice: "", tokens: "", off: [], tier: "", mw: "", hours: "" };

export default {
  props: { sites: Array, tiers: Array, answer: Object, size: String, isOpen: Boolean },
  emits: ["ask-what-if"],
  data() {
    return { entered: { ...NOTHING, off: [] }, isBusy: false, isWhole: false };
  },
  computed: {
    names() {
      return Object.fromEntries(this.sites.map(({ id, name }) => [id, name]));
    },
    standing() {
      return this.sites.filter(({ id }) => !this.entered.off.includes(id));
    },
  },
  watch: {
    answer() {
      this.isBusy = false;
    },
  },
  methods: {
    ask() {
      if (this.isBusy) return;
      this.isBusy = true;
      this.isWhole = false;
      this.$emit("ask-what-if", { ...this.entered });
    },
    clear() {
      this.entered = { ...NOTHING, off: [] };
    },
    turnOff(event) {
      if (event.target.value) this.entered.off = [...this.entered.off, event.target.value];
      event.target.value = "";
    },
    turnOn(id) {
      this.entered.off = this.entered.off.filter((one) => one !== id);
      this.$refs.off.focus();
    },
    unitOf(column) {
      return column.includes("USD") ? "USD" : null;
    },
    rowsOf(table) {
      return this.isWhole ? table.rows : table.rows.slice(0, FIRST_ROWS);
    },
  },
  template: `
    <div class="what-if">
      <form class="what-if-form" aria-label="Changes" @submit.prevent="ask">
        <fieldset>
          <legend>Power</legend>
          <label>Site<select v-model="entered.site" class="field">
            <option value="">All sites</option>
            <option v-for="site in sites" :key="site.id" :value="site.id">{{ site.name }}</option>
          </select></label>
          <label>Price, %<input v-model="entered.price" class="field" inputmode="decimal" placeholder="+20" autocomplete="off" /></label>
          <label>Price, USD/MWh<input v-model="entered.usd" class="field" inputmode="decimal" placeholder="+15" autocomplete="off" /></label>
        </fieldset>
        <fieldset>
          <legend>What is earned</legend>
          <label>Hashprice, %<input v-model="entered.hashprice" class="field" inputmode="decimal" placeholder="-30" autocomplete="off" /></label>
          <label>Token price, %<input v-model="entered.tokens" class="field" inputmode="decimal" placeholder="-30" autocomplete="off" /></label>
        </fieldset>
        <fieldset>
          <legend>Sites off</legend>
          <label>Turn off<select ref="off" class="field" @change="turnOff">
            <option value="">Choose a site</option>
            <option v-for="site in standing" :key="site.id" :value="site.id">{{ site.name }}</option>
          </select></label>
          <div v-if="entered.off.length" class="what-if-off">
            <button v-for="id in entered.off" :key="id" type="button" class="text-button" :aria-label="'Turn ' + names[id] + ' on again'" @click="turnOn(id)">{{ names[id] }} \u2715</button>
          </div>
        </fieldset>
        <fieldset>
          <legend>One more contract</legend>
          <label>Tier<select v-model="entered.tier" class="field">
            <option value="">None</option>
            <option v-for="tier in tiers" :key="tier" :value="tier">{{ tier }}</option>
          </select></label>
          <label>MW<input v-model="entered.mw" class="field" inputmode="decimal" :disabled="!entered.tier" autocomplete="off" /></label>
          <label>Hours<input v-model="entered.hours" class="field" inputmode="decimal" :disabled="!entered.tier" autocomplete="off" /></label>
        </fieldset>
        <div class="what-if-buttons">
          <button type="button" class="button" @click="clear">Clear</button>
          <button type="submit" class="button button-strong" :disabled="!isOpen" :aria-disabled="isBusy">{{ isBusy ? "Two plans are made \u2026" : "Ask" }}</button>
        </div>
      </form>
      <p v-if="size" class="note" role="note">{{ size }}</p>
      <p v-if="answer.error" class="request-refusal" role="alert">{{ answer.error }}</p>
      <p v-else-if="!answer.gain" class="empty">Enter one change or several, such as power 20 % dearer, and ask{{ size ? "." : ": the answer takes about a second." }}</p>
      <div v-else class="what-if-answer" :aria-busy="isBusy" role="status">
        <p class="note">{{ answer.span }}</p>
        <p><b class="what-if-gain figure" :data-state="answer.state">{{ answer.gain }}</b> {{ answer.profits }}</p>
        <p v-if="answer.within" class="note">{{ answer.within }}</p>
        <p class="note">{{ answer.in_force }}</p>
        <div v-for="table in answer.tables" :key="table.label" class="overflow" tabindex="0" role="region" :aria-label="table.label">
          <table class="live-table">
            <caption class="what-if-caption">{{ table.label }}</caption>
            <thead>
              <tr>
                <th scope="col">{{ table.head }}</th>
                <th v-for="column in table.columns" :key="column" scope="col" class="number">{{ column }}</th>
              </tr>
            </thead>
            <tbody>
              <tr v-for="row in rowsOf(table)" :key="row[0]">
                <th scope="row">{{ row[0] }}</th>
                <td v-for="(cell, place) in row.slice(1)" :key="place" class="number" :data-unit="unitOf(table.columns[place])" :data-state="cell.state">{{ cell.text }}</td>
              </tr>
            </tbody>
          </table>
          <button v-if="table.rows.length > rowsOf(table).length" type="button" class="text-button" @click="isWhole = true">
            {{ table.rows.length - rowsOf(table).length }} more, which change less
          </button>
        </div>
        <h3 class="panel-subtitle">Contracts that would move or be off in the next tick</h3>
        <p v-if="!answer.moves.length" class="note">None.</p>
        <ul v-else class="what-if-moves"><li v-for="move in answer.moves" :key="move">{{ move }}</li></ul>
      </div>
    </div>
  `,
};
