import { describe, expect, test } from 'vitest';
import { openCopier } from './copier-fixture.ts';

describe('a GET whose length differs from an earlier HEAD', () => {
  test.each([
    ['is refused if a new HEAD states the earlier length again', '/longer/5000?get=6000', 5000],
    ['is refused if there was no earlier HEAD and a new one differs', '/get-html', undefined],
  ])('%s', async (_what, path, originBytes) => {
    await using copier = await openCopier();
    await copier.send(path, { originBytes });
    const result = await copier.runNext();
    expect(result).toMatchObject({ outcome: 'will_retry', error: { code: 'origin_mismatch' } });
    expect(await copier.stored(path)).toBeNull();
  });

  test.each([
    ['is stored if a digest proves the bytes', '/longer/5000?get=6000&sha256=good', 5000, 6000],
    ['is stored if the object has changed since', '/bytes/700', 600, 700],
    ['is stored if the HEAD stated no length', '/bytes/701', null, 701],
    ['is stored if the HEAD stated a length of 0', '/longer/0?get=702', 0, 702],
  ])('%s', async (_what, path, originBytes, sizeBytes) => {
    await using copier = await openCopier();
    await copier.send(path, { originBytes });
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', copy: { sizeBytes } });
  });

  test('is refused at its end if it does not state a length', async () => {
    await using copier = await openCopier();
    await copier.send('/stream/800', { originBytes: 900 });
    const result = await copier.runNext();
    expect(result).toMatchObject({ outcome: 'will_retry', error: { code: 'origin_mismatch' } });
    expect(await copier.stored('/stream/800')).toBeNull();
  });
});
