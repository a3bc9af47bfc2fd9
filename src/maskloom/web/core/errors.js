/**
 * The two ways in which an operation or a tile is refused; everything else is a fault of the page.
 * The server's own answers are in ../app/api.js.
 */

/** Data that is not sound: the same would be refused by the server. */
export class DataError extends Error {
  /**
   * @param {string} what the problem, as a clause.
   * @param {string} [where] the field.
   */
  constructor(what, where = "") {
    super(where ? `${where}: ${what}` : what);
    this.name = "DataError";
    this.where = where;
  }
}

/** Someone else changed the same thing first. */
export class Conflict extends Error {
  /**
   * @param {string} what the problem, as a clause.
   * @param {string} uid the object, or "" for the document.
   * @param {string} field
   */
  constructor(what, uid, field) {
    super(`${uid || "document"}.${field}: ${what}`);
    this.name = "Conflict";
    this.uid = uid;
    this.field = field;
  }
}
