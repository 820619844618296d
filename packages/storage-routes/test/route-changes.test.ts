import { describe, expect, test } from 'vitest';
import { parseRouteChanges, RoutesFault } from '@cloud-mirror/storage-routes';
import { routeFor } from '../src/configured-route.ts';
import type { ConfiguredRoute } from '../src/configured-route.ts';
import { applyRouteChanges } from '../src/route-changes.ts';

const RULES = { isStore: (name: string) => name === 'local/here', stores: ['local/here'] };
const KEYS = { access: 'AKIA', secret: 'sesame' };

function faultPaths(document: unknown): string[] {
  try {
    parseRouteChanges(document, RULES);
    return [];
  } catch (error) {
    if (!(error instanceof RoutesFault)) throw error;
    expect(error.message).not.toMatch(/sesame|AKIA/);
    return error.faults.map(({ path }) => path);
  }
}

describe('a document of routes', () => {
  test.each<[string, unknown, string[]]>([
    ['a list', [], ['']],
    ['text', 'x', ['']],
    ['null', null, ['']],
    ['a route that is text', { '/a': 'delete' }, ['["/a"]']],
    ['a route that is null', { '/a': null }, ['["/a"]']],
    ['neither s3 nor store', { '/a': {} }, ['["/a"]']],
    ['both', { '/a': { s3: { bucket: 'bucket' }, store: 'local/here' } }, ['["/a"]']],
    ['an unknown key', { '/a': { s3: { bucket: 'bucket', colour: 1 } } }, ['["/a"].s3.colour']],
    ['an unknown key beside', { '/a': { store: 'local/here', writes: 'once' } }, ['["/a"].writes']],
    ['no bucket', { '/a': { s3: {} } }, ['["/a"].s3.bucket']],
    ['a bucket with a slash', { '/a': { s3: { bucket: 'a/b' } } }, ['["/a"].s3.bucket']],
    [
      'a secret without access',
      { '/a': { s3: { bucket: 'bucket', secret: 'sesame' } } },
      ['["/a"].s3.access'],
    ],
    ['access without secret', { '/a': { s3: { bucket: 'bucket', access: 'AKIA' } } }, ['["/a"].s3.secret']],
    ['a lone token', { '/a': { s3: { bucket: 'bucket', token: 'sesame' } } }, ['["/a"].s3.token']],
    [
      'a number as secret',
      { '/a': { s3: { bucket: 'bucket', access: 'AKIA', secret: 7 } } },
      ['["/a"].s3.secret'],
    ],
    [
      'a secret with a line feed',
      { '/a': { s3: { bucket: 'bucket', access: 'AKIA', secret: 'sesame\n' } } },
      ['["/a"].s3.secret'],
    ],
    ['an unknown store', { '/a': { store: 's3/nowhere' } }, ['["/a"].store']],
    ['a prefix beside s3', { '/a': { s3: { bucket: 'bucket' }, prefix: 'x' } }, ['["/a"].prefix']],
    ['a prefix with dots', { '/a': { s3: { bucket: 'bucket', prefix: 'x/../y' } } }, ['["/a"].s3.prefix']],
    [
      'an endpoint with credentials',
      { '/a': { s3: { bucket: 'bucket', endpoint: 'http://a:sesame@host' } } },
      ['["/a"].s3.endpoint'],
    ],
    ['too long a life', { '/a': { store: 'local/here', signedSeconds: 604_801 } }, ['["/a"].signedSeconds']],
    ['an unknown policy', { '/a': { store: 'local/here', write: 'sometimes' } }, ['["/a"].write']],
    ['nobody may read', { '/a': { store: 'local/here', read: [] } }, ['["/a"].read']],
    ['a path with dots', { '/a/../b': { store: 'local/here' } }, ['["/a/../b"]']],
    ['one path twice', { '/a': { store: 'local/here' }, 'a//': '*delete*' }, ['["a//"]']],
    ['several faults', { '/a': {}, '/b': { store: 'local/here', list: 'yes' } }, ['["/a"]', '["/b"].list']],
  ])('with %s names the path of the fault', (_what, document, paths) => {
    expect(faultPaths(document)).toEqual(paths);
  });

  test('of the first router of this kind is valid', () => {
    expect(
      faultPaths({ '/': { s3: { bucket: 'a-bucket', access: 'the-access-key', secret: 'the-secret-key' } } }),
    ).toEqual([]);
  });
});

const change = (
  before: ReadonlyMap<string, ConfiguredRoute>,
  document: unknown,
  mode: 'merge' | 'replace' | 'add' = 'merge',
) => applyRouteChanges(before, parseRouteChanges(document, RULES), mode);
const s3 = (more: object) => ({ '/a': { s3: { bucket: 'bucket', ...more } } });
const credentialsOf = (routes: ReadonlyMap<string, ConfiguredRoute>) => {
  const { credentials } = routes.get('/a') ?? {};
  return credentials?.kind === 'open' ? credentials.value : credentials?.kind;
};

describe('a change', () => {
  const known = change(new Map(), s3({ ...KEYS, token: 'session' }));
  const bullets = { access: '••••', secret: '••••••', token: '•••••••' };

  test('with bullets keeps the credentials', () => {
    expect(credentialsOf(change(known, s3({ ...bullets, region: 'eu-west-1' })))).toEqual({
      accessKeyId: 'AKIA',
      secretAccessKey: 'sesame',
      sessionToken: 'session',
    });
  });

  test('keeps only those that are bullets', () => {
    expect(credentialsOf(change(known, s3({ access: 'AKIB', secret: '•' })))).toEqual({
      accessKeyId: 'AKIB',
      secretAccessKey: 'sesame',
      sessionToken: null,
    });
  });

  test('without credentials takes the process’s own', () => {
    expect(credentialsOf(change(known, s3({})))).toBe('none');
  });

  test.each([
    ['a new route', { '/b': { s3: { bucket: 'bucket', access: '••', secret: '••' } } }],
    ['part of a credential', s3({ access: 'AK••', secret: 'sesame' })],
  ])('with bullets for %s is refused', (_what, document) => {
    expect(() => change(known, document)).toThrow(RoutesFault);
  });

  test('with bullets in a replacement of all routes keeps the credentials', () => {
    expect(credentialsOf(change(known, s3(bullets), 'replace'))).toMatchObject({ secretAccessKey: 'sesame' });
  });

  test('that adds leaves the routes that exist', () => {
    const added = change(known, { ...s3({}), '/b': { store: 'local/here' } }, 'add');
    expect(added.get('/a')).toBe(known.get('/a'));
    expect(added.has('/b')).toBe(true);
  });
});

describe('a route in force', () => {
  const only = (document: unknown) => {
    const [route] = change(new Map(), document).values();
    if (route === undefined) throw new Error('no route');
    return routeFor(route, RULES.isStore);
  };

  test('uses path style where it has an endpoint of its own, unless it says otherwise', () => {
    expect(only(s3({})).target).toMatchObject({ forcePathStyle: false });
    expect(only(s3({ endpoint: 'http://127.0.0.1:7480' })).target).toMatchObject({ forcePathStyle: true });
    expect(only(s3({ endpoint: 'https://cos.example.com', forcePathStyle: false })).target).toMatchObject({
      forcePathStyle: false,
    });
  });

  test('to a back end that this router does not have is unusable, and says so', () => {
    const [route] = change(new Map(), { '/a': { store: 'local/here' } }).values();
    if (route === undefined) throw new Error('no route');
    expect(routeFor(route, () => false).target).toMatchObject({
      kind: 'unusable',
      fault: expect.stringContaining('local/here') as string,
    });
  });
});
