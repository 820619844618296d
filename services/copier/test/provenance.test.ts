import type { OriginObject } from '@cloud-mirror/origin';
import { expect, test } from 'vitest';
import { provenance } from '../src/provenance.ts';

const COPY = { url: 'https://origin.example/a?b=c', token: 'token', generation: '' };

function source(changed: Partial<OriginObject> = {}): OriginObject {
  return { etag: null, sizeBytes: null, hops: 2, sha256: () => null, ...changed } as OriginObject;
}

test('provenance has an entry for each known value only', () => {
  expect(provenance(source(), COPY)).toEqual({
    'upstream-url': COPY.url,
    'stored-at': expect.any(String) as string,
    hops: '2',
    token: 'token',
  });
  const known = source({ etag: '"tag"', sizeBytes: 5, sha256: () => 'ab' });
  expect(provenance(known, { ...COPY, generation: 'g1' })).toMatchObject({
    'upstream-etag': '"tag"',
    'upstream-content-length': '5',
    sha256: 'ab',
    generation: 'g1',
  });
});

test('provenance fits into the 2 KB that S3 allows for metadata, whatever the origin sends', () => {
  const long = source({
    etag: `"${'e'.repeat(5000)}"`,
    sizeBytes: Number.MAX_SAFE_INTEGER,
    sha256: () => 'f'.repeat(64),
  });
  const url = `https://origin.example/${'x'.repeat(5000)}`;
  const metadata = provenance(long, { url, token: 't'.repeat(22), generation: 'g'.repeat(22) });
  const bytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  expect(bytes).toBeLessThan(2048);
  expect(url.startsWith(metadata['upstream-url'] ?? '?')).toBe(true);
});
