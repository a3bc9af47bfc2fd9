/**
 * Short notes that go away by themselves, and what the stage says when no image is on it.
 */

import { element, fill } from "./dom.js";

const SHOWN = 3500;

export class Notices {
  /** @param {HTMLElement} notice @param {HTMLElement} empty */
  constructor(notice, empty) {
    this.notice = notice;
    this.empty = empty;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {string} text */
  tell(text) {
    clearTimeout(this.timer);
    this.notice.textContent = text;
    this.timer = setTimeout(() => {
      this.notice.textContent = "";
    }, SHOWN);
  }

  /**
   * In place of an image: why there is none, and what to do.
   *
   * @param {string} title
   * @param {string} text
   * @param {string} [command] to run.
   */
  say(title, text, command) {
    this.empty.hidden = false;
    fill(
      this.empty,
      element(
        "div",
        { class: "say" },
        element("h1", {}, title),
        element("p", {}, text),
        command ? element("code", {}, command) : null,
      ),
    );
  }

  /** Say what to do while there is no image. @param {import("./page.js").Page} page */
  watch(page) {
    page.store.watch(["phase", "sample", "project"], ({ phase, sample, project }) => {
      if (phase === "failed") return;
      this.empty.hidden = Boolean(sample) || !project || phase === "loading";
      if (this.empty.hidden) return fill(this.empty);
      const { todo, doing, done } = /** @type {import("./types.js").Project} */ (project).counts;
      if (todo + doing + done === 0) {
        const command = "maskloom import FOLDER PROJECT";
        this.say("No images yet", "Bring in a folder of images, then reload this page:", command);
      } else
        this.say("Choose an image", "Images are listed on the left. Press . for the first one.");
    });
  }
}
