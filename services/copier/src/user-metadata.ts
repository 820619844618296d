/** Names that this program uses itself, in objects and in purge markers. */
const OWN_NAMES = new Set(['generation', 'hops', 'sha256', 'stored-at', 'token', 'upload-nonce']);
const OWN_PREFIX = 'upstream-';
const NAME = /^[a-z0-9][a-z0-9.-]{0,63}$/;
/** Stores accept ASCII values, or any text as encoded words (RFC 2047). Other bytes are assumed to be UTF-8. */
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * The user metadata of an origin's object, as far as it can be stored together with this program's own. `_` in names
 * becomes `-`, because radosgw converts headers so and then refuses the signature of a request with such a name. This
 * program's own names are left out, and so are names such as `x-amz-key`, which stores and their clients interpret as
 * instructions.
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
