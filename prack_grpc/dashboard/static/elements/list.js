// A section with a table that asks the API for its rows on each update, while somebody can see it.

import { get } from "../gateway/api.js";
import { say } from "./element.js";
import { count } from "./format.js";
import { Table } from "./table.js";

const MOST = 100; // rows

/**
 * `path` is asked for `{total?, [rows]: [...]}`, with those fields of the section's form that are valid;
 * `order` is the first order, where there are several.
 */
export class List {
  #section;
  #table;
  #form;
  #path;
  #name;
  #order;
  #seen = false;
  #asking = false;
  #again = false;

  constructor(section, { path, rows, columns, key, order = "" }) {
    this.#section = section;
    this.#path = path;
    this.#name = rows;
    this.#order = order;
    this.#form = section.querySelector("form");
    const sorted = (chosen) => this.#sort(chosen);
    this.#table = new Table(section.querySelector("table"), { columns, key, sorted });
    this.#table.mark(order);
    this.#form?.addEventListener("input", () => this.refresh());
    this.#form?.addEventListener("submit", (event) => event.preventDefault());
    new IntersectionObserver(([entry]) => {
      this.#seen = entry.isIntersecting;
      this.refresh();
    }).observe(section);
  }

  /** Ask now; if a question is under way, once more after it. */
  async refresh() {
    if (!this.#seen) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      do {
        this.#again = false;
        this.#show(await get(this.#path, this.#parameters()));
      } while (this.#again);
    } catch (error) {
      say(this.#section.querySelector(".count"), error.message);
    } finally {
      this.#asking = false;
    }
  }

  /** Ask, unless the reader holds the list still. */
  update() {
    if (!this.#form?.elements.still?.checked) this.refresh();
  }

  #parameters() {
    const fields = [...(this.#form?.elements ?? [])];
    const asked = fields.filter(({ name, validity }) => name !== "still" && validity.valid);
    const values = Object.fromEntries(asked.map(({ name, value }) => [name, value]));
    return { ...values, sort: this.#order, most: MOST };
  }

  #sort(order) {
    this.#order = order;
    this.#table.mark(order);
    this.refresh();
  }

  #show(answer) {
    const rows = answer[this.#name];
    const total = answer.total ?? rows.length;
    this.#table.show(rows);
    this.#section.toggleAttribute("data-empty", rows.length === 0);
    say(this.#section.querySelector(".count"), summary(rows.length, total));
  }
}

function summary(shown, total) {
  if (total === 0) return "None.";
  if (shown === total) return `${count(total)} shown.`;
  return `${count(shown)} of ${count(total)} shown; filter to see others.`;
}
