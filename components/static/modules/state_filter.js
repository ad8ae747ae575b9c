// Buttons of which one is pressed: the states of a list's rows, each with the number of rows that it would show. Tells
// its parent of a choice by `choose-state`.
export const StateFilter = {
  props: { states: Array, chosen: String, count: Function },
  emits: ["choose-state"],
  template: `
    <div class="filter-states" role="group" aria-label="State">
      <button
        v-for="one in states"
        :key="one.key"
        type="button"
        class="filter"
        :aria-pressed="chosen === one.key"
        @click="$emit('choose-state', one.key)"
      >{{ one.label }} <span class="figure filter-count">{{ count(one.key) }}</span></button>
    </div>
  `,
};
