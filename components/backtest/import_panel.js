// Market files to a history: chosen or uploaded, inspected, mapped to sites, built. The server answers through the props
// `files`, `reports`, `spec` and `said`, each with the number of the question; how far a build is comes by the channel `build`.
import { DateField, useChannel } from "mara";
import { CONSTANT, choicesOf, currenciesOf, draftOf, newSite, shippedId, sourcesOf } from "mara/imports/draft.js";
import { showProgress } from "mara/imports/progress.js";
import { FileReport } from "mara/imports/report.js";
import { SiteForm } from "mara/imports/site_form.js";

const BYTES_PER_MB = 1e6;
const CREATED = 201;
const SPEC_DELAY_MS = 400;
const SHOWN_FILES = 8;
const reportKey = ({ files, layout, variant, quantity }) => [layout, variant, quantity, ...files].join("/");
const emptySpec = () => ({
  name: "",
  step: "60",
  from: "",
  to: "",
  fill: "none",
  usd_per: {},
  sites: [],
  bitcoin: { source: CONSTANT, constant: "", beside: "" },
});

export default {
  components: { DateField, FileReport, SiteForm },
  props: { files: Object, reports: Object, more: Object, spec: Object, said: Object, most_mb: Number, folder: String, why_not: String, why_not_run: String, shipped: Array },
  emits: ["ask-files", "ask-reports", "ask-more", "ask-spec", "order-reading-end", "order-build", "order-build-end", "order-remove-file", "order-run-built"],
  setup() {
    return { build: useChannel("build") };
  },
  data() {
    return {
      CONSTANT,
      chosen: [],
      wanted: "",
      layouts: {},
      own: {}, // layouts that were described, by the file's name
      found: [],
      seen: [], // reports with all series that have been shown, which sites may take
      uploads: [],
      problem: "",
      isOver: false,
      isReading: false,
      isOrdering: false,
      entered: emptySpec(),
    };
  },
  mounted() {
    if (!this.why_not) this.$emit("ask-files", {});
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  watch: {
    // Every answer brings all of them anew; their numbers tell which question is answered.
    reports(now, before) {
      if (now.number === before.number) return;
      this.isReading = false;
      if (!this.reports.found) return; // refused, or cancelled: what was found before stands
      this.found = this.reports.found;
      this.seen = this.found;
      const prices = this.choices.price ?? [];
      const known = new Set(Object.values(this.choices).flatMap((list) => list.map(({ id }) => id)));
      const holds = ({ source }) => !source.includes("/") || known.has(source);
      this.entered.sites = this.entered.sites.filter((site) => sourcesOf(site).every(holds));
      const { bitcoin } = this.entered;
      if (!holds(bitcoin) || (bitcoin.source === CONSTANT && bitcoin.constant === "")) bitcoin.source = this.choices.hashprice?.[0].id ?? CONSTANT;
      if (!this.entered.sites.length && prices.length === 1) this.addSite(prices[0].id);
    },
    more(now, before) {
      if (now.number === before.number) return;
      this.isReading = false;
      for (const report of this.more.found ?? []) {
        this.found = this.found.map((one) => (reportKey(one) === reportKey(report) ? report : one));
        this.seen = [...this.seen, report];
      }
    },
    said() {
      this.isOrdering = false;
    },
    entered: {
      deep: true,
      handler() {
        clearTimeout(this.timer);
        if (this.entered.sites.length) this.timer = setTimeout(this.askSpec, SPEC_DELAY_MS);
      },
    },
  },
  computed: {
    listed() {
      return this.files.found ?? [];
    },
    matching() {
      const wanted = this.wanted.trim().toLowerCase();
      return this.listed.filter(({ name }) => !wanted || name.toLowerCase().includes(wanted) || this.chosen.includes(name));
    },
    hasSearch() {
      return this.listed.length > SHOWN_FILES;
    },
    choices() {
      return choicesOf(this.seen);
    },
    fxFiles() {
      return [...new Set((this.choices.fx ?? []).flatMap(({ files }) => files.files))];
    },
    currencies() {
      return currenciesOf(this.entered.sites, this.choices.price, this.choices.ancillary);
    },
    hashprices() {
      const own = (this.choices.hashprice ?? []).map(({ id, label }) => ({ id, label }));
      return [...own, ...this.shipped.map(({ name, title }) => ({ id: shippedId(name), label: `of ${title}` }))];
    },
    isBuilding() {
      return this.build.state === "running";
    },
    refusal() {
      return this.said.refusal || "";
    },
  },
  methods: {
    size(bytes) {
      return bytes < 0.1 * BYTES_PER_MB ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / BYTES_PER_MB).toFixed(1)} MB`;
    },
    take(list) {
      this.isOver = false;
      for (const file of list) this.send(file);
      if (this.$refs.input) this.$refs.input.value = "";
    },
    send(file) {
      const upload = { name: file.name, share: 0, said: "", is_over: false };
      this.uploads = [...this.uploads.filter(({ is_over, said }) => !is_over || said), upload];
      const shown = this.uploads.at(-1);
      if (file.size > this.most_mb * BYTES_PER_MB) {
        Object.assign(shown, { is_over: true, said: `${file.name} has ${this.size(file.size)}, at most ${this.most_mb} MB are taken: split it, or put it into the import folder on the server.` });
        return;
      }
      const request = new XMLHttpRequest();
      request.open("PUT", `${window.path_prefix ?? ""}/api/imports/uploads/${encodeURIComponent(file.name)}`);
      request.upload.onprogress = (event) => event.lengthComputable && (shown.share = event.loaded / event.total);
      request.onloadend = () => {
        shown.is_over = true;
        if (request.status === CREATED) {
          this.chosen = [...new Set([...this.chosen, JSON.parse(request.responseText).file])];
          shown.share = 1;
        } else shown.said = this.reason(request, file.name);
        this.$emit("ask-files", {});
      };
      request.send(file);
    },
    reason(request, name) {
      try {
        return JSON.parse(request.responseText).detail;
      } catch {
        return `${name} was not sent whole, nothing of it is kept: send it again.`;
      }
    },
    inspect() {
      if (this.isReading) return;
      this.isReading = true;
      this.$emit("ask-reports", { files: [...this.chosen], layouts: this.layouts, own: this.own });
    },
    seek({ files }, find, skip) {
      this.isReading = true;
      this.$emit("ask-more", { files, layouts: this.layouts, own: this.own, find, skip });
    },
    endReading() {
      this.isReading = false;
      this.$emit("order-reading-end", {});
    },
    // What is said of a file holds for the others with the same columns, such as those of other months.
    describe(report, own) {
      const columns = JSON.stringify(report.outline?.columns);
      const alike = own ? this.found.filter(({ outline }) => outline && JSON.stringify(outline.columns) === columns) : [report];
      const names = alike.flatMap(({ files }) => files);
      const kept = Object.entries(this.own).filter(([name]) => !names.includes(name));
      this.own = Object.fromEntries([...kept, ...(own ? names.map((name) => [name, own]) : [])]);
      this.inspect();
    },
    choose(name, layout) {
      if (!layout) return;
      this.layouts = { ...this.layouts, [name]: layout };
      this.inspect();
    },
    addSite(id) {
      const choice = (this.choices.price ?? []).find((one) => one.id === id);
      this.entered.sites.push(newSite(choice, this.entered.sites.map((site) => site.id), this.choices));
      if (!this.entered.name) this.entered.name = this.entered.sites[0].id.replaceAll(".", "_");
    },
    draft() {
      return draftOf(this.entered, this.choices, this.fxFiles);
    },
    askSpec() {
      this.$emit("ask-spec", { draft: this.draft() });
    },
    order() {
      const { name, from, to, fill } = this.entered;
      if (this.isBuilding || this.isOrdering) return;
      this.isOrdering = true;
      this.$emit("order-build", { name, draft: this.draft(), from, to, fill });
    },
    run() {
      this.$emit("order-run-built", { name: this.build.name });
      showProgress();
    },
    remove(name) {
      this.chosen = this.chosen.filter((one) => one !== name);
      this.$emit("order-remove-file", { name });
    },
    save() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([this.spec.found], { type: "application/toml" }));
      link.download = `${this.entered.name || "history"}.toml`;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  },
  template: `
    <div class="import">
      <p v-if="why_not" class="empty">{{ why_not }}</p>
      <template v-else>
        <div class="import-files">
          <div
            class="drop"
            :data-over="isOver"
            @dragover.prevent="isOver = true"
            @dragleave="isOver = false"
            @drop.prevent="take($event.dataTransfer.files)"
          >
            <p class="drop-words">Drop market files here, as they were downloaded</p>
            <label class="button drop-button">
              Choose files
              <input ref="input" class="sr-only" type="file" multiple @change="take($event.target.files)" />
            </label>
            <p class="note">Up to {{ most_mb }} MB each, plain, gzip or zip. Their content decides what they are, not their names.</p>
          </div>
          <ul v-if="uploads.length" class="upload-list" aria-label="Uploads" aria-live="polite">
            <li v-for="(one, place) in uploads" :key="place">
              <span class="upload-name">{{ one.name }}</span>
              <span v-if="one.said" class="import-refusal">{{ one.said }}</span>
              <span v-else-if="one.is_over" class="note">kept</span>
              <progress v-else :value="one.share" max="1" :aria-label="'Upload of ' + one.name"></progress>
            </li>
          </ul>
          <p v-if="files.refusal" class="import-refusal" role="alert">{{ files.refusal }}</p>
          <template v-else-if="listed.length">
            <input v-if="hasSearch" v-model="wanted" type="search" class="field file-find" placeholder="Find a file" aria-label="Find a file" />
            <ul class="file-list" aria-label="Files on the server" tabindex="0">
              <li v-for="file in matching" :key="file.name">
                <label>
                  <input v-model="chosen" type="checkbox" :value="file.name" />
                  <span class="upload-name">{{ file.name }}</span>
                </label>
                <span class="note">{{ size(file.size_bytes) }}, {{ file.changed }}</span>
                <button
                  v-if="file.name.startsWith('uploads/')"
                  type="button"
                  class="text-button"
                  :aria-label="'Remove ' + file.name"
                  @click="remove(file.name)"
                >Remove</button>
              </li>
            </ul>
          </template>
          <p v-else class="note">No files yet. Send some from this computer, or put them into {{ folder }} on the server.</p>
          <div class="import-go">
            <button type="button" class="button button-strong" :disabled="!chosen.length" :aria-disabled="isReading" @click="inspect">
              {{ isReading ? "Reading …" : "See what they are" }}
            </button>
            <button v-if="isReading" type="button" class="button" @click="endReading">Cancel reading</button>
            <span class="note">{{ chosen.length ? (chosen.length === 1 ? "1 file chosen" : chosen.length + " files chosen") : "Choose files first" }}</span>
          </div>
        </div>
        <p v-if="reports.refusal" class="import-refusal" role="alert">{{ reports.refusal }}</p>
        <div v-if="found.length" class="import-reports" aria-live="polite" :aria-busy="isReading">
          <FileReport
            v-for="(report, place) in found"
            :key="place + report.files[0] + (report.refusal ?? '')"
            :report="report"
            :is_reading="isReading"
            @layout-chosen="choose"
            @site-wanted="addSite"
            @series-sought="seek"
            @own-described="describe"
          />
        </div>
        <form v-if="found.some((report) => report.series)" class="import-spec" aria-label="History" @submit.prevent="order">
          <h3 class="panel-subtitle">Sites of the history</h3>
          <p v-if="!entered.sites.length" class="note">Add a site at one of the points above, or one with a fixed price.</p>
          <SiteForm v-for="(site, place) in entered.sites" :key="place" :site="site" :choices="choices" @site-gone="entered.sites.splice(place, 1)" />
          <button type="button" class="text-button site-add" @click="addSite(null)">Add a site with a fixed price</button>
          <h3 class="panel-subtitle">The history</h3>
          <div class="order-form">
            <label class="order-field order-middle">
              Name
              <input v-model="entered.name" class="field" required pattern="[a-z0-9][a-z0-9_\\-]*" maxlength="60" spellcheck="false" autocomplete="off" title="Small letters, digits, _ and -" />
            </label>
            <label class="order-field order-tiny">
              Step
              <select v-model="entered.step" class="field">
                <option value="5">5 min</option>
                <option value="15">15 min</option>
                <option value="30">30 min</option>
                <option value="60">1 h</option>
              </select>
            </label>
            <div class="order-field order-short">
              <label for="import-from">From (UTC)</label>
              <DateField id="import-from" v-model="entered.from" aria-describedby="import-days" />
            </div>
            <div class="order-field order-short">
              <label for="import-to">Up to (UTC)</label>
              <DateField id="import-to" v-model="entered.to" aria-describedby="import-days" />
              <span id="import-days" class="order-hint">Empty: as files do.</span>
            </div>
            <label class="order-field order-middle">
              Where a value is missing
              <select v-model="entered.fill" class="field">
                <option value="none">refuse</option>
                <option value="carry">carry the last on, 24 h at most</option>
              </select>
            </label>
            <label class="order-field order-middle">
              Hashprice
              <select v-model="entered.bitcoin.source" class="field">
                <option v-for="one in hashprices" :key="one.id" :value="one.id">{{ one.label }}</option>
                <option :value="CONSTANT">one number throughout</option>
              </select>
            </label>
            <label v-if="entered.bitcoin.source === CONSTANT" class="order-field order-short">
              USD/PH/day
              <input v-model="entered.bitcoin.constant" class="field" type="number" step="any" min="0" />
            </label>
            <label v-for="currency in currencies" :key="currency" class="order-field order-short">
              USD for 1 {{ currency }}
              <input v-model="entered.usd_per[currency]" class="field" type="number" step="any" min="0" :placeholder="fxFiles.length ? 'by the ECB' : ''" />
            </label>
          </div>
          <details v-if="spec.found" class="spec-shown">
            <summary>The SPEC that this makes</summary>
            <pre class="spec-text" tabindex="0" aria-label="SPEC">{{ spec.found }}</pre>
            <button type="button" class="text-button" @click="save">Download for the command line</button>
          </details>
          <p v-if="entered.sites.length && spec.refusal" class="note" role="status">Still open: {{ spec.refusal }}</p>
          <p v-if="refusal" class="import-refusal" role="alert">{{ refusal }}</p>
          <div class="import-go">
            <button type="submit" class="button button-strong" :disabled="!entered.sites.length" :aria-disabled="isBuilding || isOrdering">Build history</button>
            <button v-if="isBuilding" type="button" class="button" @click="$emit('order-build-end', {})">Cancel build</button>
          </div>
        </form>
        <div v-if="build.state && build.state !== 'idle'" class="import-progress">
          <p class="build-state" :data-state="build.state" role="status">{{ build.text }}</p>
          <progress v-if="isBuilding" class="build-bar" :value="build.share" max="1" aria-label="Build"></progress>
          <p v-for="text in build.notes ?? []" :key="text" class="note">{{ text }}</p>
          <button v-if="build.state === 'done' && !why_not_run" type="button" class="button button-strong build-run" @click="run">Run {{ build.name }}</button>
          <button v-if="isBuilding && !found.length" type="button" class="button" @click="$emit('order-build-end', {})">Cancel build</button>
        </div>
      </template>
    </div>
  `,
};
