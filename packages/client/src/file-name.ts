import { RewriteError } from './rewrite-error.ts';

/**
 * The file name in a URL: its last path segment, decoded, with `_` for characters that a file name must not contain
 * (slashes, backslashes, control characters). `null` if the path ends with a slash or the segment is not a name.
 */
export function fileNameOfUrl(url: string): string | null {
  const segment = new URL(url).pathname.split('/').at(-1) ?? '';
  const name = decoded(segment).replace(/[/\\\p{Cc}]/gu, '_');
  return name === '' || name === '.' || name === '..' ? null : name;
}

/**
 * The last segment of a mirrored address, for clients that take the name of their file from it. The mirror recognises a
 * file name by its dot and ignores it, so a name without a dot in the origin URL gets the suffix `.bin`.
 * @throws RewriteError if `fileName` is a name without a dot, or not a single path segment
 */
export function fileNameSegment(fileName: true | string, originUrl: string): string {
  if (fileName === true) {
    const name = fileNameOfUrl(originUrl) ?? 'artifact';
    return encodeURIComponent(name.includes('.') ? name : `${name}.bin`);
  }
  const usable =
    fileName.includes('.') &&
    fileName !== '.' &&
    fileName !== '..' &&
    fileName.isWellFormed() &&
    !/[/\\\p{Cc}]/u.test(fileName);
  if (!usable)
    throw new RewriteError(
      'file_name_unusable',
      `the file name ${JSON.stringify(fileName)} has no dot, or contains a slash or control character`,
      'use a name such as app.tar.gz: the mirror recognises a file name by its dot',
    );
  return encodeURIComponent(fileName);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
