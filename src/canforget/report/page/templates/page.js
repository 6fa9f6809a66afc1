"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const bar = one("bar"), root = document.documentElement;
  bar.hidden = false;

  const theme = one("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = (on) => { root.dataset.theme = on ? "dark" : "light"; theme.setAttribute("aria-pressed", String(on)); };
  theme.setAttribute("aria-pressed", String(dark.matches));
  theme.addEventListener("click", () => paint(theme.getAttribute("aria-pressed") !== "true"));

  const selects = all("select[data-by]", bar), controls = one("controls-too");
  const filtered = all("[data-0],[data-3]");
  const filter = () => {
    for (const element of filtered) {
      element.hidden = selects.some((s) => {
        const own = element.getAttribute("data-" + s.dataset.by);
        return s.value !== "" && own !== null && own !== s.value;
      });
    }
    document.body.classList.toggle("no-controls", !controls.checked);
    const rows = all("table.main tbody:not([hidden]) tr:not(.group)" + (controls.checked ? "" : ":not(.control)")).length;
    one("shown").textContent = rows + " rows shown";
  };
  bar.addEventListener("change", filter);
  bar.addEventListener("submit", (event) => event.preventDefault());
  filter();

  const key = (row, place) => {
    const text = row.cells[place] ? row.cells[place].textContent.trim() : "";
    const number = parseFloat(text.replace("−", "-"));
    return Number.isNaN(number) ? text : number;
  };
  const order = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : typeof a === "number" ? -1 : typeof b === "number" ? 1 : a.localeCompare(b);
  for (const table of all("table.main")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((h) => h.setAttribute("aria-sort", h === head ? (up ? "ascending" : "descending") : "none"));
        for (const body of table.tBodies) {
          const first = [...body.querySelectorAll("tr.group, tr.retrain")];
          const rest = [...body.rows].filter((r) => !first.includes(r));
          rest.sort((a, b) => (up ? 1 : -1) * order(key(a, place), key(b, place)));
          body.append(...first, ...rest);
        }
      });
    });
  }

  const cases = all("details.case"), chooser = one("case");
  const showCase = (key) => {
    for (const c of cases) { c.hidden = c.id !== key; c.open = c.id === key; }
    chooser.value = key;
  };
  if (cases.length) {
    one("choose").hidden = false;
    chooser.addEventListener("change", () => showCase(chooser.value));
    const wanted = () => cases.some((c) => c.id === location.hash.slice(1)) ? location.hash.slice(1) : "";
    addEventListener("hashchange", () => { if (wanted()) { showCase(wanted()); one(wanted()).scrollIntoView(); } });
    showCase(wanted() || cases[0].id);
  }

  const save = one("csv-save");
  save.hidden = false;
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([one("csv").textContent], { type: "text/csv" }));
    link.download = "canforget.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
})();
