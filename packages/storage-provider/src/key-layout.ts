/** The key prefixes of the program that uses a store, as far as adapters need them. */
export interface KeyLayout {
  /**
   * The prefixes of the keys of copies. S3 lists only the key of an unfinished upload, so `sweepUploads` recognizes the
   * program's own uploads by these prefixes.
   */
  readonly copyPrefixes: readonly string[];
  /**
   * The prefix of the keys of trial objects. The lifecycle rules of copies must cover it. It has no empty segment, because
   * some stores refuse those.
   */
  readonly trialPrefix: string;
  /**
   * The prefix of hashed keys of copies, which end with a SHA-256 in 64 hex digits and which every store accepts. Bucket
   * policies for public reads must cover it.
   */
  readonly hashedPrefix: string;
}
