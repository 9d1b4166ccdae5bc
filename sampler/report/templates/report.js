// Sorting and filtering of the problems. The page is complete without it.
"use strict";
(() => {
  const table = document.querySelector("#problems table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const sections = Array.from(document.querySelectorAll("details.problem"));

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));

  const sortBy = (header) => {
    const up = header.getAttribute("aria-sort") !== (header.dataset.first || "ascending");
    const first = header.dataset.first || "ascending";
    const direction = up ? first : first === "ascending" ? "descending" : "ascending";
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = rows.map((row, i) => [valueOf(row, header.cellIndex), i, row]);
    keyed.sort((a, b) => sign * compare(a[0], b[0]) || a[1] - b[1]);
    body.append(...keyed.map((entry) => entry[2]));
  };

  for (const header of table.tHead.rows[0].cells) {
    if (header.dataset.sort === undefined) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(header));
    header.append(button);
  }

  const tools = document.querySelector("#problems .tools");
  const text = tools.querySelector("input");
  const difficulty = tools.querySelector("select");
  const shown = tools.querySelector("output");
  const matches = (element) => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const held = element.dataset.text.toLowerCase();
    const rated = difficulty.value === "any" || element.dataset.difficulty === difficulty.value;
    return rated && words.every((word) => held.includes(word));
  };
  const filter = () => {
    for (const element of [...rows, ...sections]) element.hidden = !matches(element);
    const count = rows.filter((row) => !row.hidden).length;
    shown.textContent = count === rows.length ? "" : `${count} of ${rows.length} problems shown, here and under Programs`;
  };
  text.addEventListener("input", filter);
  difficulty.addEventListener("change", filter);
  tools.hidden = false;
  filter();

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details.problem")) target.open = true;
  };
  window.addEventListener("hashchange", reveal);
  reveal();
})();
