// Before the page is drawn: dark or light as it was chosen here, and that scripts run.
(() => {
  const root = document.documentElement;
  root.dataset.scripted = "";
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen) root.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden: then the system's choice stands.
  }
})();
