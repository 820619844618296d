import * as fc from 'fast-check';
import { urlSha256 } from '@cloud-mirror/mirrored-objects';
import { describe, expect, test } from 'vitest';
import { MarkerTable } from '../src/marker-table.ts';

const OBJECT = fc.integer({ min: 0, max: 40 }).map((number) => urlSha256(String(number)));
const TEXT = fc.constantFrom('a', 'b', 'Zk3_-9');
const ACTION = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), sha256: OBJECT, text: TEXT }),
  fc.record({ kind: fc.constant('etag' as const), sha256: OBJECT, text: TEXT }),
  fc.record({ kind: fc.constant('generation' as const), sha256: OBJECT, text: TEXT }),
  fc.record({ kind: fc.constant('delete' as const), sha256: OBJECT, text: TEXT }),
  fc.record({ kind: fc.constant('old' as const), sha256: OBJECT, text: TEXT }),
);

interface Marker {
  generation: string | null;
  etag: string | null;
  asOf: number;
}

describe('the table of markers', () => {
  test('agrees with a map', () => {
    fc.assert(
      fc.property(fc.array(ACTION, { maxLength: 400 }), (actions) => {
        const table = new MarkerTable();
        const model = new Map<string, Marker>();
        actions.forEach(({ kind, sha256, text }, index) => {
          const asOf = index + 1;
          const known = model.get(sha256);
          switch (kind) {
            case 'set':
              table.set(sha256, text, text, asOf);
              model.set(sha256, { generation: text, etag: text, asOf });
              break;
            case 'etag':
              table.seeEtag(sha256, text, asOf);
              if (known?.etag === text) known.asOf = asOf;
              else model.set(sha256, { generation: null, etag: text, asOf });
              break;
            case 'generation':
              table.seeGeneration(sha256, text, asOf);
              if (known?.generation === text) known.asOf = asOf;
              else model.set(sha256, { generation: null, etag: null, asOf });
              break;
            case 'delete':
              table.delete(sha256);
              model.delete(sha256);
              break;
            case 'old':
              table.deleteOlderThan(asOf - 20);
              for (const [key, marker] of model) if (marker.asOf < asOf - 20) model.delete(key);
          }
        });
        expect(table.size).toBe(model.size);
        for (let number = 0; number <= 41; number += 1) {
          const sha256 = urlSha256(String(number));
          const marker = model.get(sha256);
          for (const text of ['', 'a', 'b', 'Zk3_-9'])
            expect(table.compare(sha256, text)).toBe(
              marker === undefined ? null : marker.generation === text,
            );
          expect(table.asOf(sha256)).toBe(marker?.asOf ?? 0);
        }
      }),
    );
  });

  test('ignores a listing that began before what it knows', () => {
    const table = new MarkerTable();
    const sha256 = urlSha256('x');
    table.set(sha256, 'new', '"new"', 10);
    table.seeEtag(sha256, '"old"', 9);
    table.seeGeneration(sha256, 'old', 9);
    expect(table.compare(sha256, 'new')).toBe(true);
  });

  test('takes less than 80 bytes for each of a hundred thousand markers, and finds each', () => {
    const table = new MarkerTable();
    const digests = Array.from({ length: 100_000 }, (_, number) => urlSha256(String(number)));
    for (const sha256 of digests) table.seeEtag(sha256, '"e"', 1);
    expect(table.size).toBe(digests.length);
    expect(table.bytes / table.size).toBeLessThan(80);
    expect(digests.every((sha256) => table.compare(sha256, '') === false)).toBe(true);
    expect(table.compare(urlSha256('none'), '')).toBeNull();
  });
});
