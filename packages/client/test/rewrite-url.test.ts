import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMirroredUrl, fileNameOfUrl, rewriteUrl, RewriteError } from '../src/index.ts';

const where = { mirror: 'https://mirror.example.com', service: 's3', region: 'us-west-1' };
const prefix = 'https://mirror.example.com/v1/redirect/s3/us-west-1/';

function faultOf(run: () => unknown): RewriteError {
  try {
    run();
  } catch (error) {
    if (error instanceof RewriteError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Text without what an origin URL must not contain: white space, control characters, backslashes, lone surrogates. */
const urlText = fc
  .string({ unit: 'grapheme', maxLength: 60 })
  .map((text) => text.replace(/[\s\p{Cc}\\#]/gu, '~'))
  .filter((text) => text.isWellFormed());

describe('rewriteUrl', () => {
  test('puts the unpadded base64url of the URL into the path', () => {
    // This URL distinguishes the two alphabets of RFC 4648: `?` and `>` encode to characters that differ.
    const origin = 'https://example.com/a?b=~~>>??c';
    const address = rewriteUrl(origin, where);
    expect(address).toBe(prefix + Buffer.from(origin).toString('base64url'));
    expect(address).not.toMatch(/[+=]/);
  });

  test('keeps the text as it was written, in UTF-8, and drops the fragment', () => {
    const origin = 'HTTPS://Example.com:443/ä/%7e/../x?q=ü';
    expect(decodeMirroredUrl(rewriteUrl(`${origin}#part`, where)).originUrl).toBe(origin);
  });

  test('is inverted by decodeMirroredUrl for every URL', () => {
    fc.assert(
      fc.property(
        fc.webUrl({ withQueryParameters: true }),
        urlText,
        fc.constantFrom(
          'https://m.example',
          'http://127.0.0.1:8080',
          'https://m.example/mounted/v1/redirect',
        ),
        fc.constantFrom('us-west-1', 'eu_central.2', 'a b/c'),
        fc.constantFrom(false, true, 'app-1.0.tar.gz', 'ä b.whl'),
        (url, tail, mirror, region, fileName) => {
          const originUrl = `${url.split('#')[0]}/${tail}`;
          const address = rewriteUrl(originUrl, { mirror, service: 's3', region, fileName });
          const decoded = decodeMirroredUrl(address);
          expect(decoded).toMatchObject({ mirror, service: 's3', region, originUrl });
          expect(decoded.fileName === null).toBe(fileName === false);
          // An HTTP client sends the address as it stands.
          expect(new URL(address).href).toBe(address);
        },
      ),
    );
  });

  test('agrees with base64 and tr in a shell', async () => {
    const origin = 'https://example.com/builds/~~~???/ü';
    const script = `printf %s "$1" | base64 | tr '+/' '-_' | tr -d '=\\n'`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script, 'bash', origin]);
    expect(rewriteUrl(origin, where)).toBe(prefix + stdout);
  });

  test.each([
    [
      'a mirror mounted below a path',
      'https://example.com/mirror/',
      'https://example.com/mirror/v1/redirect/',
    ],
    ['a mirror with a port', 'http://127.0.0.1:8080', 'http://127.0.0.1:8080/v1/redirect/'],
  ])('accepts %s', (_, mirror, expected) => {
    expect(rewriteUrl('https://example.com/x', { ...where, mirror }).startsWith(expected)).toBe(true);
  });

  test.each([
    ['ftp://example.com/x', 'origin_not_http'],
    ['file:///etc/passwd', 'origin_not_http'],
    ['javascript:alert(1)', 'origin_not_http'],
    ['example.com/x', 'origin_not_a_url'],
    ['/x', 'origin_not_a_url'],
    ['', 'origin_not_a_url'],
    ['https://', 'origin_not_a_url'],
    ['https://user:hunter2@example.com/x', 'origin_with_credentials'],
    ['https://user@example.com/x', 'origin_with_credentials'],
    [' https://example.com/x', 'origin_with_forbidden_characters'],
    ['https://example.com/x y', 'origin_with_forbidden_characters'],
    ['https://example.com/x\n', 'origin_with_forbidden_characters'],
    ['https://example.com/\u0000', 'origin_with_forbidden_characters'],
    ['https://example.com/\u0085', 'origin_with_forbidden_characters'],
    ['https://example.com\\x', 'origin_with_forbidden_characters'],
    ['https://example.com/\ud800', 'origin_with_forbidden_characters'],
  ])('refuses the origin %j', (origin, code) => {
    const error = faultOf(() => rewriteUrl(origin, where));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe(code);
    expect(error.message).toContain(error.remedy);
    expect(error.message).not.toContain('hunter2');
  });

  test.each(['', 'mirror.example.com', 'ftp://m.example', 'https://u:p@m.example', 'https://m.example/?a=1'])(
    'refuses the mirror %j',
    (mirror) => {
      const error = faultOf(() => rewriteUrl('https://example.com/x', { ...where, mirror }));
      expect(error.code).toBe('mirror_not_a_base_url');
    },
  );

  test.each(['', '.', '..'])('refuses the region %j, which is not a path segment', (region) => {
    const error = faultOf(() => rewriteUrl('https://example.com/x', { ...where, region }));
    expect(error.code).toBe('not_a_path_segment');
  });
});

describe('fileName', () => {
  test.each([
    ['https://example.com/a/app-1.0.tar.gz?x=1#y', 'app-1.0.tar.gz'],
    ['https://example.com/a/f%C3%BC%20r.whl', 'f%C3%BC%20r.whl'],
    ['https://example.com/a/b%2Fc.zip', 'b_c.zip'],
    ['https://example.com/a/50%.zip', '50%25.zip'],
    ['https://example.com/a/download', 'download.bin'],
    ['https://example.com/a/', 'artifact.bin'],
    ['https://example.com', 'artifact.bin'],
  ])('is the name in the URL for true: %s', (origin, name) => {
    expect(
      rewriteUrl(origin, { ...where, fileName: true })
        .split('/')
        .at(-1),
    ).toBe(name);
  });

  test.each(['noDot', '', '.', '..', 'a/b.c', 'a\\b.c', 'a\n.c'])('must not be %j', (fileName) => {
    const error = faultOf(() => rewriteUrl('https://example.com/x', { ...where, fileName }));
    expect(error.code).toBe('file_name_unusable');
  });

  test('is null for a URL without a file name', () => {
    expect(fileNameOfUrl('https://example.com/a/')).toBeNull();
    expect(fileNameOfUrl('https://example.com/a/%2e%2e')).toBeNull();
    expect(fileNameOfUrl('https://example.com/a/x')).toBe('x');
  });
});

describe('decodeMirroredUrl', () => {
  const encoded = Buffer.from('https://example.com/x').toString('base64url');

  test('ignores a query', () => {
    expect(decodeMirroredUrl(`${prefix}${encoded}?wait=5`).originUrl).toBe('https://example.com/x');
  });

  test.each([
    ['another path', `https://m.example/v1/purge/s3/us-west-1/${encoded}`],
    ['padding', `${prefix}${Buffer.from('https://example.com/xy').toString('base64')}`],
    [
      'left-over bits',
      `${prefix}${Buffer.from('https://example.com/').toString('base64url').replace(/8$/, '9')}`,
    ],
    ['bytes that are not UTF-8', prefix + Buffer.from([0x68, 0xff]).toString('base64url')],
    ['a parameter that is not a URL', prefix + Buffer.from('hello').toString('base64url')],
    ['credentials', prefix + Buffer.from('https://u:p@example.com/').toString('base64url')],
    ['a fragment', prefix + Buffer.from('https://example.com/#a').toString('base64url')],
    ['a second segment without a dot', `${prefix}${encoded}/name`],
    ['a region that cannot be decoded', `https://m.example/v1/redirect/s3/%ff/${encoded}`],
    ['an address that is not a URL', 'v1/redirect'],
  ])('refuses %s', (_, address) => {
    expect(faultOf(() => decodeMirroredUrl(address)).code).toBe('not_a_mirrored_url');
  });
});
