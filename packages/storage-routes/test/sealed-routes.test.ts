import { describe, expect, test } from 'vitest';
import { parseRouteChanges, parseStoredRoutes, serializeRoutes } from '@cloud-mirror/storage-routes';
import type { StoredRoutes } from '@cloud-mirror/storage-routes';
import { Sealer } from '@cloud-mirror/state-store';
import { applyRouteChanges } from '../src/route-changes.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const RULES = { isStore: () => true, stores: [] };
const s3 = (bucket: string) => ({ s3: { bucket, access: 'AKIA', secret: 'sesame', token: 'session' } });
const ROUTES: StoredRoutes = {
  generation: 3,
  routes: applyRouteChanges(
    new Map(),
    parseRouteChanges({ '/a': s3('one'), '/b': s3('two'), '/c': { store: 'x/y' } }, RULES),
    'merge',
  ),
};

type Document = {
  routes: Record<string, { s3?: { bucket: string; endpoint?: string; credentials: string } }>;
};
const stored = (sealer: Sealer, value = ROUTES) => serializeRoutes(value, sealer) as Document;
const kinds = (document: unknown, sealer: Sealer | null) =>
  [...parseStoredRoutes(document, sealer).routes.values()].map(({ credentials }) => credentials.kind);

describe('sealed credentials', () => {
  const sealer = new Sealer([OLD]);

  test('are not in the stored text, and open to what was sealed', () => {
    const document = stored(sealer);
    expect(JSON.stringify(document)).not.toMatch(/AKIA|sesame|session/);
    expect(parseStoredRoutes(document, sealer)).toMatchObject({ generation: 3 });
    expect(parseStoredRoutes(document, sealer).routes.get('/a')?.credentials).toMatchObject({
      kind: 'open',
      value: { accessKeyId: 'AKIA', secretAccessKey: 'sesame', sessionToken: 'session' },
    });
  });

  test('of another key are unusable and name their route; other routes work', () => {
    const document = stored(sealer);
    const [a] = parseStoredRoutes(document, new Sealer([NEW])).routes.values();
    expect(a?.credentials).toMatchObject({
      kind: 'unopened',
      fault: expect.stringContaining('/a') as string,
    });
    expect(kinds(document, new Sealer([NEW]))).toEqual(['unopened', 'unopened', 'none']);
    expect(kinds(document, null)).toEqual(['unopened', 'unopened', 'none']);
  });

  test.each<[string, (document: Document) => void]>([
    [
      'of another route',
      ({ routes }) => {
        if (routes['/a']?.s3 && routes['/b']?.s3) routes['/a'].s3.credentials = routes['/b'].s3.credentials;
      },
    ],
    [
      'for another bucket',
      ({ routes }) => {
        if (routes['/a']?.s3) routes['/a'].s3.bucket = 'theirs';
      },
    ],
    [
      'for another server',
      ({ routes }) => {
        if (routes['/a']?.s3) routes['/a'].s3.endpoint = 'https://theirs.example.com';
      },
    ],
    [
      'that were changed',
      ({ routes }) => {
        if (routes['/a']?.s3)
          routes['/a'].s3.credentials = routes['/a'].s3.credentials.replace(/.{4}$/, 'AAAA');
      },
    ],
    [
      'that were cut off',
      ({ routes }) => {
        if (routes['/a']?.s3) routes['/a'].s3.credentials = routes['/a'].s3.credentials.slice(0, 20);
      },
    ],
  ])('%s do not open', (_what, tamper) => {
    const document = stored(sealer);
    tamper(document);
    expect(kinds(document, sealer)).toEqual(['unopened', 'open', 'none']);
  });

  test('that cannot be opened are kept as they are', () => {
    const document = stored(sealer);
    const other = new Sealer([NEW]);
    expect(stored(other, parseStoredRoutes(document, other))).toEqual(document);
  });

  test('of an old key are sealed with the first key, when the routes are written again', () => {
    const both = new Sealer([NEW, OLD]);
    const document = stored(both, parseStoredRoutes(stored(sealer), both));
    expect(kinds(document, new Sealer([NEW]))).toEqual(['open', 'open', 'none']);
  });

  test('are not sealed again without need', () => {
    const document = stored(sealer);
    expect(stored(sealer, parseStoredRoutes(document, sealer))).toEqual(document);
  });
});

test.each([
  [null],
  [{}],
  [{ generation: 1 }],
  [{ generation: 1, routes: { '/a': { s3: {} } } }],
  [{ generation: 1, routes: { 'a/': { store: 'x/y' } } }],
])('a stored document %j is invalid', (document) => {
  expect(() => parseStoredRoutes(document, null)).toThrow(/document of routes/);
});
