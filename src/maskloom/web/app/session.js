/**
 * Signing in: the one-time token of the address that `maskloom label` prints becomes a cookie.
 * Without a session the page shows a gate that says how to get one; work in the outbox waits.
 */

import { api, Problem } from "./api.js";
import { element, fill } from "./dom.js";

/** @typedef {import("./types.js").Session} Session */

/**
 * The session of this browser, asking the person for a token if there is none.
 *
 * @returns {Promise<{session: Session, go: string}>} when signed in; `go` is where the link leads.
 */
export async function signIn() {
  const { token, go } = takeToken();
  let why = "";
  for (let spent = !token; !spent;) {
    try {
      return { session: await api.signIn(token ?? ""), go };
    } catch (error) {
      // A server that is busy has not spent the token.
      spent = !(error instanceof Problem && error.transient);
      if (spent) why = reason(error);
      else await askPatience(/** @type {Problem} */ (error));
    }
  }
  for (;;) {
    try {
      return { session: await patiently(api.session), go };
    } catch (error) {
      const unknown = error instanceof Problem && [401, 403].includes(error.status);
      if (!unknown) throw error;
      await askToken(why);
      why = "";
    }
  }
}

/**
 * An answer without which the page cannot begin; says so while the server is away or busy.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
export async function patiently(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Problem && error.transient)) throw error;
      await askPatience(error);
    }
  }
}

/**
 * A new session while the page is in use.
 *
 * @returns {Promise<Session | null>} null if the person would rather go on without.
 */
export async function renewSession() {
  try {
    return await api.session();
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) return null;
  }
  return (await askToken("Your work is kept on this computer and sent when you are in.", true))
    ? api.session()
    : null;
}

/**
 * The token in the address, `#token=...&go=...`, which is removed from it at once.
 *
 * @returns {{token: string | null, go: string}}
 */
function takeToken() {
  if (!location.hash.startsWith("#token=")) return { token: null, go: "" };
  const given = new URLSearchParams(location.hash.slice(1));
  const go = given.get("go") ?? "";
  history.replaceState(null, "", location.pathname + (go ? `#${go}` : ""));
  return { token: given.get("token"), go };
}

/** @param {unknown} error @returns {string} */
function reason(error) {
  const problem = error instanceof Problem ? error : null;
  if (problem && problem.status !== 401) return problem.message;
  return "This link is not valid: it was used before, is too old, or is not complete.";
}

/**
 * Show the gate until a token is accepted.
 *
 * @param {string} why the last token failed, or what else to say first.
 * @param {boolean} [leave] whether it can be closed without a token.
 * @returns {Promise<boolean>} whether one was accepted.
 */
function askToken(why, leave = false) {
  return new Promise((resolve) => {
    const message = element("p", { role: "alert", class: "why" }, why);
    const input = element("input", {
      class: "field",
      "aria-label": "Link or token",
      autocomplete: "off",
      placeholder: "Paste the link or its token",
    });
    const end = (/** @type {boolean} */ done) => {
      close();
      resolve(done);
    };
    const submit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      try {
        await api.signIn(tokenIn(input.value.trim()));
        end(true);
      } catch (error) {
        message.textContent = reason(error);
        input.select();
      }
    };
    const later = { class: "button outlined", type: "button", onclick: () => end(false) };
    const close = showGate(
      element("h1", {}, "Sign in to label"),
      message,
      element("p", {}, "Open the link that the server printed. To get a new one, run:"),
      element("code", {}, "maskloom label"),
      element(
        "form",
        { onsubmit: submit },
        input,
        element("button", { class: "button primary", type: "submit" }, "Sign in"),
        leave && element("button", later, "Not now"),
      ),
    );
    input.focus();
  });
}

/** @param {string} text a token, or a link that holds one. @returns {string} */
function tokenIn(text) {
  return new URLSearchParams(text.replace(/^.*#/, "")).get("token") ?? text;
}

/** Show why the server does not answer, and wait a little. @param {Problem} problem */
async function askPatience(problem) {
  const close = showGate(
    element("h1", {}, "Waiting for the server"),
    element("p", { role: "status" }, problem.message),
    element("p", {}, "The page goes on by itself. If the server was stopped, start it again:"),
    element("code", {}, "maskloom label"),
  );
  await new Promise((resolve) => setTimeout(resolve, 2000));
  close();
}

/** @param {...Node} content @returns {() => void} closes it. */
function showGate(...content) {
  const box = element("div", { class: "box" });
  fill(box, ...content);
  const gate = element("div", { class: "gate", role: "dialog", "aria-modal": "true" }, box);
  document.body.append(gate);
  return () => gate.remove();
}
