// Brings the progress of what was ordered into view, as soon as the server has shown it; its button then has the focus.
const LOOK_EVERY_MS = 100;
const MOST_LOOKS = 50; // a refused order shows none

export function showProgress(looks = MOST_LOOKS, isInView = false) {
  const panel = document.querySelector(".progress-panel");
  const isShown = Boolean(panel?.getClientRects().length);
  if (isShown && !isInView) panel.scrollIntoView({ block: "center" });
  const cancel = panel?.querySelector(".bt-cancel");
  if (cancel?.getClientRects().length) cancel.focus({ preventScroll: true });
  else if (looks) setTimeout(() => showProgress(looks - 1, isInView || isShown), LOOK_EVERY_MS);
}
