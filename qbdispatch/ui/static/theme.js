// Light or dark before anything is drawn: what the user chose here, else what the system prefers.
"use strict";
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => (document.cookie.match(/(?:^|; )theme=(light|dark)/) || [])[1];
  const show = () => { root.dataset.bsTheme = chosen() || (system.matches ? "dark" : "light"); };
  show();
  system.addEventListener("change", show);
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "theme") return;
    event.preventDefault();
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    document.cookie = `theme=${theme}; path=${event.target.dataset.path}; max-age=31536000; samesite=lax`;
    show();
  });
})();
