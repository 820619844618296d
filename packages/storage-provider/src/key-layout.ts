/** How the program that uses a store makes its keys, as far as adapters need to know. */
export interface KeyLayout {
  /**
   * The beginnings of the keys of copies. S3 tells of an unfinished upload no more than its key, so `sweepUploads` knows by
   * these which uploads are the program's own.
   */
  readonly copyPrefixes: readonly string[];
  /** Begins the keys of trial objects. The lifecycle rules of copies must cover it. No empty segment, which some stores refuse. */
  readonly trialPrefix: string;
  /**
   * Begins keys of copies that end with a SHA-256 in 64 hex digits: keys that every store takes. Policies for public reading
   * cover it.
   */
  readonly hashedPrefix: string;
}
