// Form for maintenance of a site: asks the server whom it concerns and what it costs, and announces it once that is confirmed.
// Emits `order-look` and `order-announce` with what is entered, and `order-propose` for newer times: the proposed ones are
// moved on with the fleet's clock until somebody enters their own.
import { DateField } from "mara";

export default {
  components: { DateField },
  props: { first: Object, proposed: Object, said: Object, sites: Array },
  emits: ["order-propose", "order-look", "order-announce"],
  data() {
    return { entered: { ...this.first, ...this.proposed, reason: "" }, isOwn: false, isAsking: false, isBusy: false };
  },
  computed: {
    localZone() {
      return this.sites.find(({ id }) => id === this.entered.site)?.timezone ?? "the site's zone";
    },
  },
  watch: {
    // Newer times bring the last answer anew; its number tells whether it is another one.
    said(said, before) {
      if (said.number === before.number) return;
      this.isBusy = false;
      this.isAsking = Boolean(said.cost);
      if (said.taken) {
        this.entered = { ...this.first, ...this.proposed, reason: "" };
        this.isOwn = false;
      }
      if (!said.cost) this.propose();
    },
    isAsking() {
      // What had the focus is gone: it goes to the harmless button of the question, and back to that of the form.
      this.$nextTick(() => this.$el.querySelector(this.isAsking ? ".sheet-buttons .button" : "[type=submit]").focus());
    },
    proposed(proposed) {
      if (!this.isOwn && !this.isAsking) Object.assign(this.entered, proposed);
    },
  },
  methods: {
    propose() {
      if (!this.isOwn) this.$emit("order-propose", { ...this.entered });
    },
    come(event) {
      if (!event.currentTarget.contains(event.relatedTarget)) this.propose();
    },
    send(event) {
      if (this.isBusy) return;
      this.isBusy = true;
      this.$emit(event, { ...this.entered });
    },
  },
  template: `
    <div class="promises">
      <form v-if="!isAsking" class="request-form" aria-label="Announce maintenance" @focusin="come" @submit.prevent="send('order-look')">
        <div v-if="sites.length > 1" class="request-field exclude-begins">
          <label for="maintenance-site">Site</label>
          <select id="maintenance-site" v-model="entered.site" class="field" required @change="propose">
            <option value="">Choose a site</option>
            <option v-for="site in sites" :key="site.id" :value="site.id">{{ site.name }}</option>
          </select>
        </div>
        <div class="request-field exclude-begins">
          <label for="maintenance-zone">Times in</label>
          <select id="maintenance-zone" v-model="entered.zone" class="field" @change="propose">
            <option value="utc">UTC</option>
            <option value="local">{{ localZone }}</option>
          </select>
        </div>
        <div class="request-field exclude-time">
          <label for="maintenance-begins">Begins</label>
          <date-field id="maintenance-begins" v-model="entered.begins" time required @update:model-value="isOwn = true" />
        </div>
        <div class="request-field exclude-time">
          <label for="maintenance-ends">Ends</label>
          <date-field id="maintenance-ends" v-model="entered.ends" time required @update:model-value="isOwn = true" />
        </div>
        <div class="request-field exclude-reason">
          <label for="maintenance-reason">Reason</label>
          <input id="maintenance-reason" v-model="entered.reason" class="field" required maxlength="200" autocomplete="off" />
        </div>
        <button type="submit" class="button button-strong" :aria-disabled="isBusy">Announce …</button>
      </form>
      <div v-else class="sheet-buttons" role="group" aria-label="Announce it" @keydown.esc="isAsking = false">
        <p class="note exclude-note" role="status">
          {{ said.cost }} It goes out in ten seconds, and can be taken back until it ends.
        </p>
        <button type="button" class="button" @click="isAsking = false">Back</button>
        <button type="button" class="button button-strong" :aria-disabled="isBusy" @click="send('order-announce')">Announce it</button>
      </div>
      <p v-if="said.error && !isAsking" class="request-refusal" role="alert">{{ said.error }}</p>
    </div>
  `,
};
