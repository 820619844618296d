import contentDisposition from 'content-disposition';

/** File systems allow names of 255 bytes, and clients append suffixes (`.aria2`, `.part`) during a download. */
const LONGEST_NAME_BYTES = 230;
/** Characters of the extension (`.tar.gz`), which is kept when a name is shortened. */
const LONGEST_EXTENSION = 20;

/**
 * The `Content-Disposition` to store with a copy of `url`: the origin's, or else `inline` with the file name in `url`.
 * The address of a copy in a bucket ends with the whole percent-encoded URL, so a client that takes the file name from
 * the address would save `http:%2F%2F…`. The name comes from the requested URL, which clients of the origin see, not
 * from a redirect target. An `attachment` without a file name gets this one too.
 *
 * @returns `undefined` if the origin sends none and the URL does not end with a usable file name
 */
export function dispositionOf(received: string | null, url: URL): string | undefined {
  const given = received?.trim() ?? '';
  const name = given === '' || asksForName(given) ? nameIn(url) : null;
  if (name === null) return received ?? undefined;
  // RFC 6266, appendix D: `filename` has only the ASCII that old clients read correctly; `filename*` has the full name.
  const fallback = name.replace(/[^\x20-\x7e]|["%]/gu, '_');
  const named = contentDisposition(name, { type: 'inline', fallback });
  return given === '' ? named : given.replace(/[\s;]+$/, '') + named.slice('inline'.length);
}

function asksForName(received: string): boolean {
  try {
    const { type, parameters } = contentDisposition.parse(received.replace(/[\s;]+$/, ''));
    return type === 'attachment' && parameters['filename'] === undefined;
  } catch {
    return false;
  }
}

/** The last segment of the URL's path, decoded; `null` if it is not a valid file name on every system. */
export function nameIn(url: URL): string | null {
  const segment = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  // A decoded separator would lead to another folder, so only the text after it is used (RFC 6266, section 4.3).
  const last = decoded(segment).split(/[/\\]/).at(-1) ?? '';
  // Removes control and format characters, such as line breaks and right-to-left overrides.
  const name = shortened(last.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim());
  // Names that begin with a dot are hidden files, and may configure programs (`.wgetrc`).
  return name === '' || name.startsWith('.') ? null : name;
}

function decoded(segment: string): string {
  const bytes = Buffer.from(
    segment.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function shortened(name: string): string {
  const excess = Buffer.byteLength(name) - LONGEST_NAME_BYTES;
  if (excess <= 0) return name;
  const extension = /(?:\.[0-9A-Za-z]+)+$/.exec(name.slice(-LONGEST_EXTENSION))?.[0] ?? '';
  const stem = Buffer.from(name.slice(0, name.length - extension.length));
  const kept = new TextDecoder().decode(stem.subarray(0, stem.length - excess), { stream: true });
  return kept + extension;
}
