import { describe, expect, test } from 'vitest';
import { normalRoutePath, RouteTable } from '@cloud-mirror/storage-routes';
import type { Route } from '@cloud-mirror/storage-routes';

function route(path: string): Route {
  return {
    path,
    target: { kind: 'store', store: 'local/here' },
    prefix: '',
    signedSeconds: null,
    write: 'always',
    list: false,
    read: null,
    writeTokens: null,
    mirror: null,
  };
}

const table = (...paths: string[]) => new RouteTable(paths.map(route));
const found = (of: RouteTable, path: string) => {
  const match = of.match(path);
  return match === undefined ? undefined : [match.prefix, match.key];
};

describe('the look-up of a path', () => {
  test.each([
    ['/xyz', '/', 'xyz'],
    ['/', '/', ''],
    ['/a', '/a', ''],
    ['/a/', '/a', ''],
    ['/a/x', '/a', 'x'],
    ['/a//x', '/a', '/x'],
    ['/ab', '/', 'ab'],
    ['/a/b/c', '/a/b/c', ''],
    ['/a/b/c/d/e', '/a/b/c', 'd/e'],
    ['/a/b/x', '/a', 'b/x'],
    ['/a/b', '/a', 'b'],
    ['//a/x', '/', '/a/x'],
    ['/a//b/c/x', '/a', '/b/c/x'],
    ['/%61/x', '/', '%61/x'],
    ['/é x/y', '/é x', 'y'],
    ['/__proto__/x', '/', '__proto__/x'],
  ])('finds for %s the route %s and the key "%s"', (path, prefix, key) => {
    expect(found(table('/', '/a', '/a/b/c', '/é x'), path)).toEqual([prefix, key]);
  });

  test('finds nothing where no prefix matches', () => {
    expect(found(table('/a', '/b/c'), '/b')).toBeUndefined();
    expect(found(table('/a'), '/ab')).toBeUndefined();
    expect(found(table(), '/a')).toBeUndefined();
  });

  test('agrees with the longest matching prefix of 10,000 routes', () => {
    const paths = Array.from(
      { length: 10_000 },
      (_, n) => `/team${n % 100}/${n}${n % 3 === 0 ? '/deep/er' : ''}`,
    );
    const large = table(...paths);
    expect(large.size).toBe(10_000);
    for (let n = 0; n < 10_000; n += 37) {
      const path = `/team${n % 100}/${n}/deep/er/x/y`;
      const longest = paths
        .filter((prefix) => path.startsWith(`${prefix}/`))
        .reduce((one, other) => (other.length > one.length ? other : one));
      expect(found(large, path)).toEqual([longest, path.slice(longest.length + 1)]);
    }
  });
});

describe('the normal form of a prefix', () => {
  test.each([
    ['/', '/'],
    ['', '/'],
    ['//', '/'],
    ['a', '/a'],
    ['a/b/', '/a/b'],
    ['/a//b', '/a/b'],
    ['/a%2Fb', '/a%2Fb'],
    ['/a/..b/.c', '/a/..b/.c'],
  ])('of "%s" is "%s"', (text, path) => {
    expect(normalRoutePath(text)).toBe(path);
  });

  test.each([['/a/../b'], ['.'], ['/a\0b'], ['/\ud800'], [`/${'é'.repeat(512)}`]])(
    'does not exist for %j',
    (text) => {
      expect(normalRoutePath(text)).toBeNull();
    },
  );
});
