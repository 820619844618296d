/** The bytes from `start` up to, but not including, `endExclusive`. */
export interface ByteRange {
  readonly start: number;
  readonly endExclusive: number;
}

/**
 * Parses a `Range` header with a single range (RFC 9110, section 14.2).
 * @returns null if the header must be ignored: malformed, another unit, or several ranges
 */
export function parseByteRange(header: string, sizeBytes: number): ByteRange | 'unsatisfiable' | null {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first === '') return suffix(Number(last), sizeBytes);
  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return null;
  if (start >= sizeBytes) return 'unsatisfiable';
  return { start, endExclusive: Math.min(end, sizeBytes - 1) + 1 };
}

/** The last `length` bytes, or the whole object if it is shorter. */
function suffix(length: number, sizeBytes: number): ByteRange | 'unsatisfiable' {
  if (length === 0 || sizeBytes === 0) return 'unsatisfiable';
  return { start: Math.max(0, sizeBytes - length), endExclusive: sizeBytes };
}
