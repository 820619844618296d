/**
 * A byte Content-Range (RFC 9110, 14.4; unit names are case-insensitive, 14.1). Positions start at 0, `last` is
 * inclusive, `size` is the complete length.
 */
export type ContentRange =
  | {
      readonly kind: 'satisfied';
      readonly first: number;
      readonly last: number;
      readonly size: number | null;
    }
  | { readonly kind: 'unsatisfied'; readonly size: number };

/** @returns `null` if the value is absent or malformed */
export function parseContentRange(value: string | null): ContentRange | null {
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i.exec(value?.trim() ?? '');
  if (match === null) return null;
  const size = match[3] === '*' ? null : Number(match[3]);
  if (size !== null && !Number.isSafeInteger(size)) return null;
  if (match[1] === undefined) return size === null ? null : { kind: 'unsatisfied', size };
  const first = Number(match[1]);
  const last = Number(match[2]);
  if (!Number.isSafeInteger(last) || first > last || (size !== null && last >= size)) return null;
  return { kind: 'satisfied', first, last, size };
}
