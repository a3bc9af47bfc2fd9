/**
 * Gestures that the server has not confirmed, kept in IndexedDB so that a closed tab, a crash or a
 * server that is away loses none. It only keeps them, in order; sender.js sends.
 * Each tab owns its records; those of tabs that are gone are adopted by one that lives.
 */

/** @typedef {import("../core/operations.js").Operation} Operation */
/** @typedef {import("./api.js").Committed} Committed */

/**
 * @typedef {object} Entry
 * @property {number} order in which gestures were made.
 * @property {string} tab that sends it.
 * @property {string} maker tab on whose document it was drawn.
 * @property {number} sample
 * @property {string} layer
 * @property {"rows" | "map"} form
 * @property {Operation} op drawn on revision `op.base`, on `own`, and on earlier entries.
 * @property {string[]} own ids of operations of this tab, committed after `op.base`.
 * @property {boolean} sent sent once: its bytes must not change any more.
 * @property {"waiting" | "conflict" | "refused"} state
 * @property {string} group id of the first gesture that collided, and on which this builds.
 * @property {Committed[]} missing what it collides with.
 * @property {{base: number, own: string[]} | null} drawn what it was drawn on, if it was moved since.
 * @property {string} reason why it was refused.
 */

const STORE = "gestures";

export class Outbox {
  constructor() {
    /** @type {Entry[]} of this tab, oldest first. */
    this.entries = [];
    this.tab = crypto.randomUUID();
    /** @type {IDBDatabase | null} */
    this.database = null;
    this.last = 0;
    /** @type {() => void} */
    this.changed = () => {};
  }

  /** Whether gestures survive this tab. */
  get lasting() {
    return this.database !== null;
  }

  /**
   * Open the box of a project and adopt what gone tabs left.
   *
   * @param {string} project id.
   */
  async open(project) {
    try {
      this.database = await openDatabase(`maskloom/${project}`);
    } catch {
      this.database = null;
    }
    await holdLock(`maskloom-tab/${this.tab}`);
    await this.adopt();
  }

  /** Take over entries whose tab is gone. @returns {Promise<number>} how many. */
  async adopt() {
    if (!this.database) return 0;
    return withLock("maskloom-adopt", async () => {
      const living = await livingTabs();
      const all = await this.run("readonly", (store) => store.getAll()).catch(() => []);
      const here = new Set(this.entries.map(({ op }) => op.id));
      const gone = /** @type {Entry[]} */ (all).filter(
        (entry) => entry.tab !== this.tab && !living?.has(entry.tab) && !here.has(entry.op.id),
      );
      for (const entry of gone) entry.tab = this.tab;
      this.entries = [...this.entries, ...gone].sort((a, b) => a.order - b.order);
      // All or none are noted as this tab's; unnoted, they are found again and sent again at most.
      if (gone.length) await this.update(gone);
      return gone.length;
    });
  }

  /**
   * Keep a new gesture; it is safe when the promise is fulfilled.
   *
   * @param {Pick<Entry, "sample" | "layer" | "form" | "op" | "own">} given
   * @returns {Promise<Entry>}
   */
  async add(given) {
    this.last = Math.max(this.last + 1, Date.now() * 1000);
    /** @type {Entry} */
    const entry = {
      ...given,
      order: this.last,
      tab: this.tab,
      maker: this.tab,
      sent: false,
      state: "waiting",
      group: "",
      missing: [],
      drawn: null,
      reason: "",
    };
    this.entries.push(entry);
    await this.update([entry]);
    return entry;
  }

  /** @param {Entry[]} entries changed in place. @param {Entry[]} [removed] in one transaction. */
  async update(entries, removed = []) {
    const gone = new Set(removed);
    this.entries = this.entries.filter((entry) => !gone.has(entry));
    try {
      await this.run("readwrite", (store) => {
        for (const entry of removed) store.delete(entry.op.id);
        for (const entry of entries) store.put(entry);
        return null;
      });
    } catch {
      this.database = null;
    }
    this.changed();
  }

  /** @param {number} sample @param {string} layer @returns {Entry[]} oldest first. */
  of(sample, layer) {
    return this.entries.filter((entry) => entry.sample === sample && entry.layer === layer);
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest | null} act
   * @returns {Promise<any>} its result, when the transaction is on disk.
   */
  run(mode, act) {
    const database = this.database;
    if (!database) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  }
}

/** @param {string} name @returns {Promise<IDBDatabase>} */
function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: "op.id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab holds an older version open"));
  });
}

/** Hold a lock until the tab is gone. @param {string} name @returns {Promise<void>} */
function holdLock(name) {
  return new Promise((resolve) => {
    if (!navigator.locks) return resolve();
    void navigator.locks.request(name, () => {
      resolve();
      return new Promise(() => {});
    });
  });
}

/** @template T @param {string} name @param {() => Promise<T>} act @returns {Promise<T>} */
async function withLock(name, act) {
  return navigator.locks ? navigator.locks.request(name, act) : act();
}

/** @returns {Promise<Set<string> | null>} ids, or null where the browser cannot tell. */
async function livingTabs() {
  if (!navigator.locks) return null;
  const { held } = await navigator.locks.query();
  return new Set((held ?? []).map(({ name }) => (name ?? "").replace("maskloom-tab/", "")));
}
