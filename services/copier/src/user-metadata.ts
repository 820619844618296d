/** Names that this program gives a meaning, in objects and in purge markers. */
const OWN_NAMES = new Set(['generation', 'hops', 'sha256', 'stored-at', 'token', 'upload-nonce']);
const OWN_PREFIX = 'upstream-';
const LONGEST_NAME = 64;
/** Values of user metadata are ASCII, or anything in encoded words (RFC 2047); senders of others meant UTF-8. */
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * What an origin's users said of its object, as far as it can be stored beside what this program says. Left out are
 * names of ours, also as a store may read them (radosgw takes `_` for `-`), and names such as `x-amz-key`, by which
 * stores and their clients take metadata for instructions.
 */
export function storableUserMetadata(received: Readonly<Record<string, string>>): Record<string, string> {
  const kept = new Map<string, [name: string, value: string]>();
  for (const [name, value] of Object.entries(received)) {
    const asRead = name.toLowerCase().replaceAll('_', '-');
    const text = asUtf8(value).trim();
    const storable =
      /^[a-z0-9][a-z0-9._-]*$/.test(name) && name.length <= LONGEST_NAME && !CONTROL.test(text);
    if (storable && text !== '' && !isOwn(asRead) && !asRead.startsWith('x-') && !kept.has(asRead))
      kept.set(asRead, [name, text]);
  }
  return Object.fromEntries(kept.values());
}

function isOwn(name: string): boolean {
  return OWN_NAMES.has(name) || name.startsWith(OWN_PREFIX);
}

function asUtf8(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
