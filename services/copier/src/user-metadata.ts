/** Names that this program gives a meaning, in objects and in purge markers. */
const OWN_NAMES = new Set(['generation', 'hops', 'sha256', 'stored-at', 'token', 'upload-nonce']);
const OWN_PREFIX = 'upstream-';
const NAME = /^[a-z0-9][a-z0-9.-]{0,63}$/;
/** Values of user metadata are ASCII, or anything in encoded words (RFC 2047); senders of others meant UTF-8. */
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * What an origin's users said of its object, as far as it can be stored beside what this program says. `_` in names
 * becomes `-`: radosgw reads headers so, and refuses the signature of a request with such a name. Left out are names of
 * ours, and names such as `x-amz-key`, by which stores and their clients take metadata for instructions.
 */
export function storableUserMetadata(received: Readonly<Record<string, string>>): Record<string, string> {
  const kept = new Map<string, string>();
  for (const [name, value] of Object.entries(received)) {
    const stored = name.toLowerCase().replaceAll('_', '-');
    const text = asUtf8(value).trim();
    const storable = NAME.test(stored) && !isOwn(stored) && !stored.startsWith('x-');
    if (storable && text !== '' && !CONTROL.test(text) && !kept.has(stored)) kept.set(stored, text);
  }
  return Object.fromEntries(kept);
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
