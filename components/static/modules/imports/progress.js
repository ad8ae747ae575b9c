// Brings the progress of what was ordered into view, as soon as the server has shown it.
const LOOK_EVERY_MS = 100;
const MOST_LOOKS = 50; // a refused order shows none

export function showProgress(looks = MOST_LOOKS) {
  const panel = document.querySelector(".progress-panel");
  if (panel?.getClientRects().length) panel.scrollIntoView({ block: "center" });
  else if (looks) setTimeout(() => showProgress(looks - 1), LOOK_EVERY_MS);
}
