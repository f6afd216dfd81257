// A table whose rows are changed in place, so that focus and selection stay where they are.

import { element, say } from "./element.js";

/**
 * A column is {title, text(row)} or {title, part()}, where a part is {node, show(row)};
 * `kind` is "number", "wide" or nothing, `sort` what the API calls this order.
 */
export class Table {
  #rows = new Map();
  #columns;
  #key;
  #body = element("tbody", { role: "rowgroup" });
  #headings;

  /** Fill an empty <table>. `key(row)` tells rows apart; `sorted(order)` hears a pressed heading. */
  constructor(table, { columns, key, sorted }) {
    this.#columns = columns;
    this.#key = key;
    this.#headings = columns.map((column) => heading(column, sorted));
    const line = element("tr", { role: "row" }, ...this.#headings);
    table.setAttribute("role", "table"); // on a phone its display is another one
    table.append(element("thead", { role: "rowgroup" }, line), this.#body);
  }

  /** Mark the heading by which the rows are sorted. */
  mark(order) {
    this.#columns.forEach(({ sort }, index) => {
      if (sort) this.#headings[index].setAttribute("aria-sort", sort === order ? "other" : "none");
    });
  }

  /** Show these rows, in this order. */
  show(rows) {
    const focused = document.activeElement;
    const left = new Map(this.#rows);
    let place = this.#body.firstElementChild;
    for (const row of rows) {
      const key = this.#key(row);
      left.delete(key);
      const line = this.#line(key);
      for (const cell of line.cells) cell.show(row);
      if (line.node === place) place = place.nextElementSibling;
      else this.#body.insertBefore(line.node, place);
    }
    for (const [key, { node }] of left) {
      node.remove();
      this.#rows.delete(key);
    }
    if (focused !== document.activeElement && this.#body.contains(focused)) focused.focus();
  }

  #line(key) {
    if (!this.#rows.has(key)) {
      const cells = this.#columns.map(cell);
      const node = element("tr", { role: "row" }, ...cells.map(({ node }) => node));
      this.#rows.set(key, { node, cells });
    }
    return this.#rows.get(key);
  }
}

function heading({ title, kind = "", sort }, sorted) {
  const inside = sort
    ? element("button", { type: "button", onclick: () => sorted(sort) }, title)
    : title;
  const attributes = { role: "columnheader", scope: "col", class: kind };
  return element("th", sort ? { ...attributes, "aria-sort": "none" } : attributes, inside);
}

function cell({ title, kind = "", text, part }) {
  const node = element("td", { role: "cell", class: kind, "data-title": title });
  if (text) return { node, show: (row) => say(node, text(row)) };
  const { node: inside, show } = part();
  node.append(inside);
  return { node, show };
}
