/** One object in one back end. */
export interface ObjectId {
  /** `service/region`. */
  readonly backend: string;
  /** SHA-256 of the normal form of the origin URL, lower-case hex. */
  readonly sha256: string;
  /**
   * Set where keys of copies are hashed: then the object has an entry of its own. An entry of a process that has the
   * other setting would lead to a key at which nothing is.
   */
  readonly keys?: 'hashed' | undefined;
}
