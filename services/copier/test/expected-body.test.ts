import { describe, expect, test } from 'vitest';
import { openCopier } from './copier-fixture.ts';

describe('a GET of another length than the HEAD before it', () => {
  test.each([
    ['is refused where a HEAD made now says so again', '/longer/5000?get=6000', 5000],
    ['is refused where nobody had asked before', '/get-html', undefined],
  ])('%s', async (_what, path, originBytes) => {
    await using copier = await openCopier();
    await copier.send(path, { originBytes });
    const result = await copier.runNext();
    expect(result).toMatchObject({ outcome: 'will_retry', error: { code: 'origin_mismatch' } });
    expect(await copier.stored(path)).toBeNull();
  });

  test.each([
    ['is stored where a digest proves it', '/longer/5000?get=6000&sha256=good', 5000, 6000],
    ['is stored where the object has become another one since', '/bytes/700', 600, 700],
    ['is stored where the HEAD told no length', '/bytes/701', null, 701],
    ['is stored where the HEAD told nothing but 0', '/longer/0?get=702', 0, 702],
  ])('%s', async (_what, path, originBytes, sizeBytes) => {
    await using copier = await openCopier();
    await copier.send(path, { originBytes });
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', copy: { sizeBytes } });
  });

  test('shows at the end of one that announces none', async () => {
    await using copier = await openCopier();
    await copier.send('/stream/800', { originBytes: 900 });
    const result = await copier.runNext();
    expect(result).toMatchObject({ outcome: 'will_retry', error: { code: 'origin_mismatch' } });
    expect(await copier.stored('/stream/800')).toBeNull();
  });
});
