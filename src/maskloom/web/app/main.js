/**
 * Puts the page together: signs in, makes the parts and hands them to each other (page.js), then
 * opens what the address names. Nothing is decided here.
 */

import { ACTIONS } from "./actions.js";
import { api } from "./api.js";
import { Compositor } from "./compositor.js";
import { Concern } from "./concern.js";
import { Conflicts } from "./conflicts.js";
import { place } from "./dom.js";
import { DraftView } from "./draftview.js";
import { History } from "./history.js";
import { Layers } from "./layers.js";
import { Navigator } from "./navigate.js";
import { Notices } from "./notices.js";
import { Opened } from "./opened.js";
import { Outbox } from "./outbox.js";
import { createBar } from "./panels/bar.js";
import { createBrowse, createInspect } from "./panels/sides.js";
import { createCards } from "./panels/cards.js";
import { createFoot, createOptions, createRail } from "./panels/toolbox.js";
import { openHelp } from "./panels/help.js";
import { createOpening } from "./panels/opening.js";
import { parseRoute } from "./route.js";
import { Saving } from "./saving.js";
import { Sender } from "./sender.js";
import { Showing } from "./showing.js";
import { patiently, signIn } from "./session.js";
import { listenToKeys } from "./shortcuts.js";
import { Stage } from "./stage.js";
import { createStore } from "./store.js";
import { createBrush, createEraser } from "./tools/brush.js";
import { Polygon } from "./tools/polygon.js";
import { Trail } from "./trail.js";
import { createPan, createSelect } from "./tools/select.js";
import { View } from "./view.js";

/** @typedef {import("./page.js").Page} Page */

/** @returns {Page} */
function createPage() {
  const store = createStore();
  const view = new View();
  const notices = new Notices(place("notice"), place("empty"));
  const tell = (/** @type {string} */ text) => notices.tell(text);
  const compositor = new Compositor(/** @type {HTMLCanvasElement} */ (place("scene")), view);
  const draft = new DraftView(/** @type {HTMLCanvasElement} */ (place("draft")), view);
  const outbox = new Outbox();
  const sender = new Sender(outbox);
  const opened = new Opened(outbox, sender);
  const layers = new Layers(store, compositor, opened);
  const history = new History(opened, tell);
  const conflicts = new Conflicts(outbox, sender, opened, draft);
  /** @type {any} filled in below. */
  const page = { store, view, compositor, draft, outbox, sender };
  page.showing = new Showing(store, compositor);
  const trail = new Trail(page);
  const saving = new Saving({ store, outbox, sender, opened, history, trail, conflicts, tell });
  Object.assign(page, { opened, layers, history, trail, conflicts });
  const navigator = new Navigator(page);
  Object.assign(page, {
    tell,
    fail: (/** @type {string} */ title, /** @type {string} */ text) => notices.say(title, text),
    goTo: navigator.goTo.bind(navigator),
    reveal: navigator.reveal.bind(navigator),
    watchSaving: saving.watch.bind(saving),
    here: () => ({ sample: store.state.sample?.id ?? 0, layer: store.state.layer }),
    closeItem: () => page.goTo({ ...page.here() }),
    help: () => openHelp(/** @type {HTMLDialogElement} */ (place("dialog"))),
    refreshProject: () => saving.refresh(),
  });
  page.settle = () => {
    if (store.state.signedOut) return void saving.signInAgain();
    const entry = conflicts.current()[0] ?? conflicts.elsewhere();
    if (entry) return page.goTo({ sample: entry.sample, layer: entry.layer });
    const { trouble } = sender;
    if (trouble && sender.status().waiting) tell(`Not saved yet: ${trouble.message}`);
  };
  conflicts.appeared = (box) => navigator.revealBox(box, view.scale, true);
  addTools(page);
  notices.watch(page);
  // For the browser's console, for tests and measurements.
  Object.assign(window, { maskloom: page });
  return page;
}

/** @param {Page} page */
function addTools(page) {
  const { store, draft, layers } = page;
  const tools = [
    createSelect(page),
    createPan(page),
    createBrush(page),
    createEraser(page),
    new Polygon(page),
  ];
  page.tools = Object.fromEntries(tools.map((tool) => [tool.name, tool]));
  page.tool = /** @type {import("./page.js").Tool} */ (tools[0]);
  page.take = (name) => {
    const tool = page.tools[name];
    if (!tool || tool === page.tool) return;
    page.tool.cancel();
    page.tool = tool;
    store.set({ tool: name });
    draft.redraw();
  };
  page.toggleMasks = () => {
    layers.hidden = !layers.hidden;
    layers.restyle();
    page.tell(layers.hidden ? "Masks are hidden. M shows them again." : "Masks are shown.");
  };
  draft.painters.push((context) => page.tool.draw?.(context));
  new Concern(page);
}

/** @param {Page} page */
function addPanels(page) {
  createBrowse(page, place("browse"));
  createInspect(page, place("inspect"));
  createBar(page, place("bar"));
  createRail(page, place("rail"));
  createOptions(page, place("options"));
  createCards(page, place("card"));
  createOpening(page, place("opening"));
  const foot = createFoot(page, place("foot"));
  page.rehint = foot.draw;
  const stage = new Stage(page, place("stage"), place("ring"), foot.at);
  page.view.changed = () => {
    page.compositor.redraw();
    page.draft.redraw();
    stage.drawRing();
    foot.draw();
  };
  page.store.watch(
    ["tool", "selected", "category", "item", "edited", "mode", "sample", "layer", "phase"],
    () => {
      foot.draw();
      page.draft.redraw();
    },
  );
}

/** @param {Page} page */
async function start(page) {
  const { store, outbox, sender } = page;
  const { session, go } = await signIn();
  const project = await patiently(api.project);
  const [first] = project.taxonomy.categories.filter((one) => !one.retired);
  await outbox.open(project.id);
  const { reviews } = await patiently(api.reviews);
  store.set({
    session,
    project,
    reviews,
    category: first?.key ?? null,
    review: reviews[0]?.id ?? null,
  });
  addPanels(page);
  listenToKeys(page, ACTIONS);
  sender.wake();
  const route = parseRoute(go || location.hash);
  const named = route.sample !== undefined || route.review !== undefined;
  page.goTo(named ? route : parseRoute(session.start));
}

const page = createPage();
start(page).catch((error) => page.fail("The page could not begin", String(error?.message ?? error)));
