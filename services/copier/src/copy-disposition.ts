import contentDisposition from 'content-disposition';

/** File systems take names of 255 bytes; clients add endings of their own (`.aria2`, `.part`) while they load. */
const LONGEST_NAME_BYTES = 230;
/** Of the name's ending, which is kept where the name has to be cut: `.tar.gz`. */
const LONGEST_ENDING = 20;

/**
 * The `Content-Disposition` to store with a copy of `url`: the origin's, else `inline` with the name that `url` ends in.
 * Copies in buckets have addresses that end in the whole URL, percent-encoded; clients that name files by addresses
 * would save `http:%2F%2F…`. The URL asked for counts, not where redirects led: it is what clients of the origin see.
 * An `attachment` without a name gets this one as well, since it asks to be saved without saying as what.
 *
 * @returns `undefined` where the origin gave none and the URL ends in no usable name
 */
export function dispositionOf(received: string | null, url: URL): string | undefined {
  const given = received?.trim() ?? '';
  const name = given === '' || asksForName(given) ? nameIn(url) : null;
  if (name === null) return received ?? undefined;
  // RFC 6266, appendix D: `filename` in ASCII without what old clients misread, all else in `filename*`.
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

/** The last segment of the URL's path, decoded; `null` where that is no name of a file on every system. */
export function nameIn(url: URL): string | null {
  const segment = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  // A decoded separator would lead into another folder: what follows it is the name (RFC 6266, section 4.3).
  const last = decoded(segment).split(/[/\\]/).at(-1) ?? '';
  // Control and format characters: line ends, marks that reverse the order of what is shown.
  const name = shortened(last.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim());
  // Names that begin with a dot are hidden, and configure programs: `.wgetrc`.
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
  const ending = /(?:\.[0-9A-Za-z]+)+$/.exec(name.slice(-LONGEST_ENDING))?.[0] ?? '';
  const stem = Buffer.from(name.slice(0, name.length - ending.length));
  const kept = new TextDecoder().decode(stem.subarray(0, stem.length - excess), { stream: true });
  return kept + ending;
}
