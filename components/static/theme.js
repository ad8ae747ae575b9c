// Sets the colour theme before the first paint: a plain script in the head, because modules run after it.
window.maraTheme = (() => {
  const KEY = "mara-theme";
  const prefersLight = window.matchMedia("(prefers-color-scheme: light)");

  // What was chosen in this browser; null where nothing was, or where nothing can be stored.
  function chosen() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  }

  function paint() {
    const theme = chosen() ?? (prefersLight.matches ? "light" : "dark");
    document.documentElement.dataset.theme = theme;
    window.Quasar?.Dark?.set(theme === "dark");
    window.dispatchEvent(new Event("mara-theme"));
  }

  paint();
  prefersLight.addEventListener("change", paint);
  document.addEventListener("DOMContentLoaded", paint); // Quasar has loaded by then
  return { KEY, chosen, paint };
})();
