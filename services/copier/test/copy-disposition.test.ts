import { expect, test } from 'vitest';
import { dispositionOf } from '../src/copy-disposition.ts';

const named = (path: string): string | undefined => dispositionOf(null, new URL(`https://h.example/${path}`));

test.each([
  ['a/b/app-1.2.tar.gz', 'inline; filename="app-1.2.tar.gz"'],
  ['app.zip?X-Amz-Signature=secret#x', 'inline; filename="app.zip"'],
  ['download?file=app.zip', 'inline; filename="download"'],
  ['a%20b.zip', 'inline; filename="a b.zip"'],
  ['caf%C3%A9.zip', `inline; filename="caf_.zip"; filename*=UTF-8''caf%C3%A9.zip`],
  ['caf%E9.zip', `inline; filename="caf_.zip"; filename*=UTF-8''caf%C3%A9.zip`],
  ['\u6587\u4ef6.txt', `inline; filename="__.txt"; filename*=UTF-8''%E6%96%87%E4%BB%B6.txt`],
  ['100%25.txt', `inline; filename="100_.txt"; filename*=UTF-8''100%25.txt`],
  ['a%22b.txt', `inline; filename="a_b.txt"; filename*=UTF-8''a%22b.txt`],
  ['a;b=c.txt', 'inline; filename="a;b=c.txt"'],
  ['..%2F..%2Fetc%2Fpasswd', 'inline; filename="passwd"'],
  ['..%5C..%5Cboot.ini', 'inline; filename="boot.ini"'],
  ['a%0D%0AX-Evil:%201.txt', 'inline; filename="aX-Evil: 1.txt"'],
  ['a%00.txt', 'inline; filename="a.txt"'],
  ['exe%E2%80%AEgpj.sh', 'inline; filename="exegpj.sh"'],
  ['%20', undefined],
  ['', undefined],
  ['folder/', undefined],
  ['a/..', undefined],
  ['%2E%2E%2F', undefined],
  ['x%2F', undefined],
  ['x%2F..', undefined],
  ['.wgetrc', undefined],
  ['a/%2Ebashrc', undefined],
])('the name of /%s is stored as %s', (path, stored) => {
  expect(named(path)).toBe(stored);
});

test.each([
  ['ascii', 'n'.repeat(400) + '.tar.gz'],
  ['not ascii', encodeURIComponent('\u00e9'.repeat(400)) + '.tar.gz'],
])('a name that is too long for a file system is shortened before its extension: %s', (_what, segment) => {
  const stored = named(segment) ?? '';
  const extended = /filename\*=UTF-8''(.*)$/.exec(stored)?.[1];
  const name = extended === undefined ? /filename="(.*)"/.exec(stored)?.[1] : decodeURIComponent(extended);
  expect(name).toMatch(/^[n\u00e9]+\.tar\.gz$/u);
  expect(Buffer.byteLength(name ?? '')).toBeLessThanOrEqual(230);
  expect(Buffer.byteLength(name ?? '')).toBeGreaterThan(220);
});

test.each([
  ['attachment; filename="theirs.zip"', 'attachment; filename="theirs.zip"'],
  [`attachment; filename*=UTF-8''theirs.zip`, `attachment; filename*=UTF-8''theirs.zip`],
  ['inline', 'inline'],
  ['filename=broken.zip', 'filename=broken.zip'],
  ['attachment', 'attachment; filename="ours.zip"'],
  ['Attachment;', 'Attachment; filename="ours.zip"'],
  ['attachment; size=3', 'attachment; size=3; filename="ours.zip"'],
  ['', 'inline; filename="ours.zip"'],
])("an origin's own %j becomes %j", (received, stored) => {
  expect(dispositionOf(received, new URL('https://h.example/ours.zip'))).toBe(stored);
});

test('an attachment stays as it is if the URL does not end with a file name', () => {
  expect(dispositionOf('attachment', new URL('https://h.example/'))).toBe('attachment');
});
