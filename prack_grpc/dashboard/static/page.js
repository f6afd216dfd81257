// Puts the page together: what comes from the gateway goes to the sections.

import { notice } from "./elements/question.js";
import { get } from "./gateway/api.js";
import { History } from "./gateway/history.js";
import { follow } from "./gateway/stream.js";
import { curves } from "./sections/curves.js";
import { exchanges } from "./sections/exchanges.js";
import { figures } from "./sections/figures.js";
import { firstWorker } from "./sections/first_worker.js";
import { login } from "./sections/login.js";
import { list as listMarks } from "./sections/marks.js";
import { routes } from "./sections/routes.js";
import { verdict } from "./sections/verdict.js";
import { versions } from "./sections/versions.js";
import { workers } from "./sections/workers.js";

const part = (id) => document.getElementById(id);
const history = new History();
let overview;
const now = () => overview?.gateway.now ?? Date.now() / 1000;
const active = () => overview?.workers.active ?? 0;

const lookWho = login(part("who"));
const showVerdict = verdict(part("verdict"), part("spoken"));
const showFigures = figures(document);
const showFirst = firstWorker(part("first-worker"), () => history.marks);
const showCurves = curves(part("curves"), history);
const lists = [
  routes(part("routes"), now),
  versions(part("versions"), now, active),
  workers(part("workers"), now, active),
  exchanges(part("exchanges")),
];

function state(name) {
  document.documentElement.dataset.connection = name;
}

async function remember() {
  try {
    history.load(await get("api/v1/history"));
    showMarks();
    showCurves();
  } catch (error) {
    notice(`The last 15 minutes are not known: ${error.message}`);
  }
}

function showMarks() {
  listMarks(part("marks"), history.marks);
}

follow({
  opened() {
    lookWho();
    remember();
  },
  update(data) {
    overview = data.overview;
    state("live");
    showVerdict.show(overview);
    showFigures(overview);
    if (data.point.at) history.add(data.point, data.marks); // there is none in its first second
    if (data.marks.length) showMarks();
    showFirst(overview);
    showCurves();
    lists.forEach((list) => list.update());
  },
  lost() {
    state("lost");
    lookWho();
    showVerdict.lost(overview?.gateway.now);
  },
});
