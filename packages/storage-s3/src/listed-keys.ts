/**
 * Characters that every URL encoding of keys replaces. AWS documents its own only by example:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_RequestSyntax (encoding-type)
 */
const ALWAYS_ENCODED = /[^\x21-\x7e]|[:?#[\]@&=,;$"<>\\^`{|}]/;
/** Characters that no encoding leaves, however lenient it is. */
const NEVER_LEFT = /[^\x21-\x7e]|["<>\\^`{|}]/;

/**
 * Reads keys as a store lists them. A listing is asked for with `encoding-type=url`, since XML cannot hold every
 * character of a key. Stores answer in three ways: they encode and say so (AWS), they encode and do not say so (radosgw
 * 16, for uploads), or they do not encode. All keys of one page are written in one way.
 */
export class ListedKeys {
  readonly #encoded: boolean;

  /**
   * @param listed the keys of one page, as listed
   * @param encodingType what the page says of their encoding
   */
  constructor(listed: readonly string[], encodingType: string | undefined) {
    const decodable = listed.every((key) => decode(key) !== null);
    // What the page says is believed unless a key proves it wrong.
    const raw = encodingType === 'url' ? NEVER_LEFT : ALWAYS_ENCODED;
    this.#encoded = decodable && !listed.some((key) => raw.test(key));
  }

  /** What the key most likely is, and, where it may be read in another way, what else it may be. */
  readings(listed: string): readonly [string, ...string[]] {
    const decoded = decode(listed);
    if (decoded === null || decoded === listed) return [listed];
    return this.#encoded ? [decoded, listed] : [listed, decoded];
  }
}

/** S3's URL encoding writes a space as `+`. @returns `null` where the text is no encoding */
function decode(listed: string): string | null {
  try {
    return decodeURIComponent(listed.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
