/** Identifies one object in one back end. */
export interface ObjectId {
  /** `service/region`. */
  readonly backend: string;
  /** SHA-256 of the normal form of the origin URL, lower-case hex. */
  readonly sha256: string;
  /**
   * Set if the keys of copies are hashed. Such an object has a separate entry, because an entry written by a process
   * with the other setting would lead to a key without a copy.
   */
  readonly keys?: 'hashed' | undefined;
}
