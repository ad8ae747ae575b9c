// Form for maintenance of a site: asks the server whom it concerns and what it costs, and announces it once that is confirmed.
// Emits `order-look` and `order-announce` with what is entered.
export default {
  props: { first: Object, said: Object },
  emits: ["order-look", "order-announce"],
  data() {
    return { entered: { ...this.first, reason: "" }, isAsking: false, isBusy: false };
  },
  watch: {
    said(said) {
      this.isBusy = false;
      this.isAsking = Boolean(said.cost);
      if (said.taken) this.entered = { ...this.first, reason: "" };
    },
  },
  methods: {
    send(event) {
      this.isBusy = true;
      this.$emit(event, { ...this.entered });
    },
  },
  template: `
    <div class="promises">
      <form v-if="!isAsking" class="request-form" aria-label="Announce maintenance" @submit.prevent="send('order-look')">
        <div class="request-field exclude-begins">
          <label for="maintenance-begins">Begins (UTC)</label>
          <input id="maintenance-begins" v-model="entered.begins" class="field" type="datetime-local" required />
        </div>
        <div class="request-field exclude-begins">
          <label for="maintenance-ends">Ends (UTC)</label>
          <input id="maintenance-ends" v-model="entered.ends" class="field" type="datetime-local" required />
        </div>
        <div class="request-field exclude-reason">
          <label for="maintenance-reason">Reason</label>
          <input id="maintenance-reason" v-model="entered.reason" class="field" required maxlength="200" autocomplete="off" />
        </div>
        <button type="submit" class="button button-strong" :disabled="isBusy">Announce …</button>
      </form>
      <div v-else class="sheet-buttons" role="group" aria-label="Announce it">
        <p class="note exclude-note" role="status">
          {{ said.cost }} It goes out in ten seconds, after that it cannot be taken back.
        </p>
        <button type="button" class="button" @click="isAsking = false">Back</button>
        <button type="button" class="button button-strong" :disabled="isBusy" @click="send('order-announce')">Announce it</button>
      </div>
      <p v-if="said.error && !isAsking" class="request-refusal" role="alert">{{ said.error }}</p>
    </div>
  `,
};
