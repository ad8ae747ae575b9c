// A day in a form of plain HTML fields, which reads it by its name. It holds what is typed, so that drawing anew keeps it.
import { DateField } from "mara";

export default {
  components: { DateField },
  props: { name: String, place: String, hint: String },
  data() {
    return { typed: "" };
  },
  template: `
    <div><DateField :id="place" v-model="typed" :name="name" :aria-describedby="hint" /></div>
  `,
};
