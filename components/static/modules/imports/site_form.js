// The fields of one site: its place, and where each of its columns comes from.
import { CONSTANT, NOTHING, newReserve } from "mara/imports/draft.js";

const SourceField = {
  props: { entered: Object, label: String, choices: Array, unit: String, beside: String, is_optional: Boolean, place: String },
  data() {
    return { CONSTANT, NOTHING };
  },
  template: `
    <div class="source-field">
      <label class="order-field order-middle">
        {{ label }}
        <select v-model="entered.source" class="field">
          <option v-if="is_optional" :value="NOTHING">none</option>
          <option v-for="choice in choices" :key="choice.id" :value="choice.id">{{ choice.label }}</option>
          <option v-if="!is_optional" :value="CONSTANT">one number throughout</option>
        </select>
      </label>
      <label v-if="entered.source === CONSTANT" class="order-field order-short">
        {{ unit }}
        <input v-model="entered.constant" class="field" type="number" step="any" :aria-label="label + ' of ' + place + ', ' + unit" />
      </label>
      <label v-if="entered.source === CONSTANT && beside" class="order-field order-short">
        {{ beside }}
        <input v-model="entered.beside" class="field" type="number" step="any" :aria-label="beside + ' of ' + place" />
      </label>
    </div>
  `,
};

export const SiteForm = {
  components: { SourceField },
  props: { site: Object, choices: Object },
  emits: ["site-gone"],
  data() {
    return {
      fields: [
        { key: "id", label: "Id", look: "order-short" },
        { key: "name", label: "Name", look: "order-middle" },
        { key: "country", label: "Country", look: "order-short" },
        { key: "lat", label: "Latitude", look: "order-tiny", kind: "number" },
        { key: "lon", label: "Longitude", look: "order-tiny", kind: "number" },
        { key: "timezone", label: "Timezone", look: "order-short", hint: "Europe/Oslo" },
      ],
    };
  },
  computed: {
    place() {
      return this.site.name || this.site.id || "the site";
    },
  },
  methods: {
    addReserve() {
      this.site.reserves.push(newReserve(this.choices, this.site.reserves.map(({ name }) => name)));
    },
  },
  template: `
    <fieldset class="site-form">
      <legend class="site-legend">{{ place }}</legend>
      <div class="order-form">
        <label v-for="one in fields" :key="one.key" class="order-field" :class="one.look">
          {{ one.label }}
          <input
            v-model="site[one.key]"
            class="field"
            :type="one.kind ?? 'text'"
            step="any"
            spellcheck="false"
            autocomplete="off"
            :placeholder="one.hint"
            :aria-label="one.label + ' of ' + place"
          />
        </label>
      </div>
      <div class="source-fields">
        <SourceField :entered="site.price" label="Price" :choices="choices.price" unit="USD/MWh" :place="place" />
        <SourceField :entered="site.day_ahead" label="Known a day ahead" :choices="choices.price" is_optional :place="place" />
        <SourceField :entered="site.carbon" label="Carbon" :choices="choices.carbon" unit="g/kWh" beside="Renewable, %" :place="place" />
        <SourceField :entered="site.weather" label="Weather" :choices="choices.weather" unit="Dry bulb, C" beside="Wet bulb, C" :place="place" />
        <template v-if="choices.demand">
          <SourceField :entered="site.demand" label="Demand of the system" :choices="choices.demand" is_optional :place="place" />
          <SourceField :entered="site.demand_forecast" label="Its forecast" :choices="choices.demand" is_optional :place="place" />
        </template>
        <div v-for="(reserve, number) in site.reserves" :key="number" class="source-field reserve-row">
          <label class="order-field order-short">
            Reserve
            <input
              v-model="reserve.name"
              class="field"
              required
              maxlength="40"
              spellcheck="false"
              autocomplete="off"
              title="Its name in the history: small letters, digits and _"
              :aria-label="'Name of reserve ' + (number + 1) + ' of ' + place"
            />
          </label>
          <SourceField
            :entered="reserve.source"
            :label="'Price of ' + (reserve.name || 'the reserve')"
            :choices="choices.ancillary"
            unit="USD/MW/h"
            :place="place"
          />
          <button type="button" class="text-button" :aria-label="'Remove the reserve ' + reserve.name + ' of ' + place" @click="site.reserves.splice(number, 1)">
            Remove reserve
          </button>
        </div>
      </div>
      <button type="button" class="text-button reserve-add" :aria-label="'Add a reserve price to ' + place" @click="addReserve">Add a reserve price</button>
      <button type="button" class="text-button site-remove" :aria-label="'Remove the site ' + place" @click="$emit('site-gone')">Remove site</button>
    </fieldset>
  `,
};
