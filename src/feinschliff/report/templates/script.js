"use strict";
// Sorting and filtering of tables, copying of the command, and open details on paper.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, by) => by === "text" ? row.cells[0].textContent.trim() : row.cells[by].dataset.v;
  const sort = (head) => {
    const by = head.dataset.by;
    const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && by !== "text");
    const sign = down ? -1 : 1;
    const compare = (a, b) => {
      const x = key(a, by), y = key(b, by);
      if (by === "text") return sign * x.localeCompare(y, undefined, { numeric: true });
      return (x === "") - (y === "") || sign * (x - y);
    };
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...[...body.rows].sort(compare));
  };
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = table.dataset.sort;
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
}
for (const input of document.querySelectorAll("input[data-filter]")) {
  const tools = input.closest(".tools");
  const rows = document.getElementById(input.dataset.filter).tBodies[0].rows;
  const status = tools.querySelector("[role=status]");
  tools.hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      shown += !row.hidden;
    }
    status.textContent = shown ? `${shown} / ${rows.length}` : status.dataset.empty;
  });
}
for (const button of document.querySelectorAll(".command button")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = button.dataset.copied;
  });
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
