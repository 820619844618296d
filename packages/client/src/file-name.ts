import { RewriteError } from './rewrite-error.ts';

/**
 * The file name that a URL ends with: its last path segment, decoded, with `_` for what no file name may hold (slashes,
 * backslashes, control characters). `null` where the path ends with a slash or the segment is no name.
 */
export function fileNameOfUrl(url: string): string | null {
  const segment = new URL(url).pathname.split('/').at(-1) ?? '';
  const name = decoded(segment).replace(/[/\\\p{Cc}]/gu, '_');
  return name === '' || name === '.' || name === '..' ? null : name;
}

/**
 * The last segment of a mirrored address, for clients that name their file by it. The mirror knows it for a file name,
 * and ignores it, by its dot: the name of a URL that has none gets `.bin`.
 * @throws RewriteError where a name that was given has no dot, or is not one segment
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
      `the file name ${JSON.stringify(fileName)} has no dot, or holds a slash or control character`,
      'give one such as app.tar.gz: the mirror tells a file name by its dot',
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
