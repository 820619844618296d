import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isUploadSweeper, listFolderOf } from '../src/index.ts';
import { at, needs, sha256 } from './contract-subject.ts';
import type { ContractSubject, Fetched } from './contract-subject.ts';
import { describeRequestSigner } from './request-signer-contract.ts';
import type { FolderPage, ListedObject, OpenedBody, PutOptions, StorageProvider } from '../src/index.ts';

export { at, needs, sha256 } from './contract-subject.ts';
export type { ContractSubject, Fetched } from './contract-subject.ts';

const KEYS: readonly string[] = [
  'https://origin.example.com/builds/42/app.tar.gz',
  'http://origin.example.com:8080/a//b/',
  'https://origin.example.com/a?x=1&y=%20%2F#part',
  'https://origin.example.com/100%/50%25',
  'https://origin.example.com/a b/c+d',
  'g/Zm9vYmFy_-/https://origin.example.com/file.v1.2.zip',
  'purged/3b5d5c3712955042212316173ccf37be800c2d3d3b5d5c3712955042212316173',
  "https://origin.example.com/it's(a)*test*!~",
  'https://origin.example.com/föö/文件/😀.bin',
  'plain',
  'UPPER/lower',
  'x'.repeat(700),
];

/** The contract suite that every adapter must pass. `extras` adds tests of one adapter. */
export function describeStorageProvider(
  name: string,
  open: () => Promise<ContractSubject>,
  extras?: (subject: () => ContractSubject) => void,
): void {
  describe(name, () => {
    let subject: ContractSubject;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(async () => {
      await subject[Symbol.asyncDispose]();
    });
    const current = (): ContractSubject => subject;
    describeObjects(current);
    describeFailures(current);
    describeFolders(current);
    describeRequestSigner(current);
    describeAddresses(current);
    describePlace(current);
    extras?.(current);
  });
}

function describeFolders(subject: () => ContractSubject): void {
  it('lists one level of names in the order of their bytes, page by page', async () => {
    const { provider } = subject();
    const keys = ['a', 'b c&', 'dir-1', 'dir/1', 'dir/sub/2', 'dir0', 'é/x'];
    for (const key of keys) await put(provider, `list/${key}`, Buffer.from('x'));
    const prefix = 'list/';
    const names = ['a', 'b c&', 'dir-1', 'dir/', 'dir0', 'é/'];
    expect(await listFolderOf(provider, prefix, { after: null, limit: 1000 })).toEqual({
      names,
      more: false,
    });
    for (const limit of [1, 3]) {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const page: FolderPage = await listFolderOf(provider, prefix, { after, limit });
        expect(page.names.length).toBeLessThanOrEqual(limit);
        seen.push(...page.names);
        after = page.names.at(-1) ?? null;
        ({ more } = page);
      }
      expect(seen).toEqual(names);
    }
    const inner = { after: null, limit: 10 };
    expect((await listFolderOf(provider, `${prefix}dir/`, inner)).names).toEqual(['1', 'sub/']);
    expect((await listFolderOf(provider, `${prefix}none/`, inner)).names).toEqual([]);
  });
}

function describeObjects(subject: () => ContractSubject): void {
  it('returns null for an absent object', async () => {
    expect(await subject().provider.head(at(subject(), 'none'))).toBeNull();
  });

  it.for(KEYS)('stores, finds, lists and removes under the key %j', async (key, context) => {
    if (key.includes('//')) needs(context, subject(), 'emptySegments');
    const { provider } = subject();
    const content = Buffer.from(`content of ${key}`);
    const stored = await put(provider, key, content);
    const head = await provider.head(key);
    expect(head).toMatchObject({
      sizeBytes: content.length,
      etag: stored.etag,
      metadata: { generation: 'g1' },
    });
    expect(await listed(provider, key)).toMatchObject([
      { key, sizeBytes: content.length, etag: stored.etag },
    ]);
    await provider.delete(key);
    expect(await provider.head(key)).toBeNull();
    expect(await listed(provider, '')).toEqual([]);
  });

  it('keeps headers and metadata of any text', async () => {
    const { provider } = subject();
    const headers = {
      contentType: 'application/x-tar; charset=binary',
      contentEncoding: 'gzip',
      contentDisposition: 'attachment; filename="a b.tar.gz"',
      contentLanguage: 'de-CH',
    };
    const metadata = {
      upstream: 'https://origin.example.com/ä?q=文件',
      empty: '',
      spaced: '  two  spaces ',
      lines: 'a\r\nb',
      marked: "utf-8''%41",
      plain: 'W/"etag", =?x?=',
    };
    const stored = await put(provider, at(subject(), 'h'), Buffer.from('x'), {
      headers,
      metadata: () => metadata,
    });
    expect(stored).toMatchObject({ headers, metadata });
    expect(await provider.head(at(subject(), 'h'))).toMatchObject({ headers, metadata });
  });

  it('leaves out the headers that the origin did not send', async () => {
    const { provider } = subject();
    await put(provider, at(subject(), 'none'), Buffer.from('x'));
    const head = await provider.head(at(subject(), 'none'));
    expect(head?.headers.contentType).toBe('application/octet-stream');
    expect(head?.headers.contentEncoding).toBeUndefined();
    expect(head?.headers.contentDisposition).toBeUndefined();
    expect(head?.headers.contentLanguage).toBeUndefined();
  });

  it.each([
    ['é in Latin-1', 'attachment; filename="caf\u00e9.txt"'],
    ['characters beyond Latin-1', 'attachment; filename="文件.txt"; size=3'],
    ['a line end', 'attachment; filename="a\r\nb.txt"'],
  ])('stores an object whose Content-Disposition has %s', async (_what, contentDisposition) => {
    const { provider } = subject();
    await put(provider, at(subject(), 'd'), Buffer.from('x'), {
      headers: { contentType: 'text/plain', contentDisposition },
    });
    expect((await provider.head(at(subject(), 'd')))?.headers.contentDisposition).toContain('attachment');
  });

  it('stores the beginning of a metadata value that exceeds the limit of the store', async () => {
    const { provider } = subject();
    const metadata = { upstream: `https://o.example.com/${'ä'.repeat(3000)}`, generation: 'g7' };
    await put(provider, at(subject(), 'long'), Buffer.from('x'), { metadata: () => metadata });
    const head = await provider.head(at(subject(), 'long'));
    expect(head?.metadata['generation']).toBe('g7');
    expect(metadata.upstream.startsWith(head?.metadata['upstream'] ?? '-')).toBe(true);
    expect(head?.metadata['upstream']?.length).toBeGreaterThan(100);
  });

  it('calls metadata() after a short body was read to its end', async () => {
    const { provider } = subject();
    let read = 0;
    await provider.put(
      at(subject(), 'late'),
      pieces([Buffer.from('ab'), Buffer.from('c')], (bytes) => (read = bytes)),
      { ...plain(null), metadata: () => ({ read: String(read) }) },
    );
    expect((await provider.head(at(subject(), 'late')))?.metadata).toEqual({ read: '3' });
  });

  it.each([0, 1, -1, 1_000])(
    'stores an object of one piece and %i bytes, of known and unknown length',
    async (more) => {
      const { provider, pieceBytes } = subject();
      const content = randomBytes(pieceBytes + more);
      for (const sizeBytes of [content.length, null]) {
        const key = at(subject(), `${String(sizeBytes)}`);
        const progress: number[] = [];
        const stored = await provider.put(key, pieces(cut(content, 65_521)), {
          ...plain(sizeBytes),
          onProgress: (bytes) => progress.push(bytes),
        });
        expect(stored.sizeBytes).toBe(content.length);
        expect(progress.at(-1)).toBe(content.length);
        expect(progress).toEqual([...progress].sort((a, b) => a - b));
        expect(sha256(await storedContent(subject(), key))).toBe(sha256(content));
      }
      expect(await subject().leftovers()).toEqual([]);
    },
  );

  it('stores an object of several pieces with the right bytes and its metadata', async () => {
    const { provider, pieceBytes } = subject();
    const content = randomBytes(pieceBytes * 4 + 17);
    await provider.put(at(subject(), 'many'), pieces(cut(content, 1_000_003)), plain(null));
    const head = await provider.head(at(subject(), 'many'));
    expect(head).toMatchObject({ sizeBytes: content.length, metadata: { generation: 'g1' } });
    expect(sha256(await storedContent(subject(), at(subject(), 'many')))).toBe(sha256(content));
  });

  it.each<[string, (chunk: Uint8Array<ArrayBuffer>) => void]>([
    ['are overwritten', (chunk) => void chunk.fill(0)],
    ['lose their memory', (chunk) => void chunk.buffer.transfer(0)],
  ])('stores the right bytes if chunks %s once the next one is requested', async (_, spoil) => {
    const { provider, pieceBytes } = subject();
    for (const sizeBytes of [pieceBytes >>> 1, pieceBytes * 4 + 17]) {
      const content = randomBytes(sizeBytes);
      const key = at(subject(), `spoilt/${sizeBytes}`);
      await provider.put(key, spoiling(cut(content, 65_536), spoil), plain(sizeBytes));
      expect(sha256(await storedContent(subject(), key))).toBe(sha256(content));
    }
  });

  it.each([0, null])('stores an object of no bytes, announced as %s', async (sizeBytes) => {
    const { provider } = subject();
    await provider.put(at(subject(), 'empty'), pieces([]), plain(sizeBytes));
    expect(await provider.head(at(subject(), 'empty'))).toMatchObject({ sizeBytes: 0 });
    expect(await storedContent(subject(), at(subject(), 'empty'))).toHaveLength(0);
  });

  it('opens an object for reading, whole or in part', async () => {
    const { provider, pieceBytes } = subject();
    const content = randomBytes(pieceBytes + 100_000);
    const key = at(subject(), 'read');
    const stored = await put(provider, key, content);
    for (const [start, endExclusive] of [
      [0, 1],
      [100, 300_000],
      [content.length - 1, content.length],
      [content.length - 5, content.length + 5],
      [7, 7],
      [content.length, content.length + 1],
    ] as const) {
      await using opened = await provider.open(key, { range: { start, endExclusive } });
      expect(opened?.object).toMatchObject({ sizeBytes: content.length, etag: stored.etag });
      expect(sha256(await contentOf(opened))).toBe(sha256(content.subarray(start, endExclusive)));
    }
    await using whole = await provider.open(key);
    expect(whole?.object).toEqual(await provider.head(key));
    expect(sha256(await contentOf(whole))).toBe(sha256(content));
    // Disposal also closes a body that was not read.
    await using _unread = await provider.open(key);
    expect(await provider.open(at(subject(), 'none'))).toBeNull();
  });

  it('stops reading when the signal is aborted', async () => {
    const { provider, pieceBytes } = subject();
    const key = at(subject(), 'read');
    await put(provider, key, randomBytes(pieceBytes));
    const stop = new AbortController();
    await using opened = await provider.open(key, { signal: stop.signal });
    const reason = new Error('shutting down');
    const reading = (async () => {
      for await (const _chunk of opened?.body ?? []) stop.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });

  it('replaces an object, and its ETag with it', async () => {
    const { provider } = subject();
    const first = await put(provider, at(subject(), 'r'), Buffer.from('one'));
    const second = await put(provider, at(subject(), 'r'), Buffer.from('three'));
    expect(second.etag).not.toBe(first.etag);
    expect(await provider.head(at(subject(), 'r'))).toMatchObject({ sizeBytes: 5, etag: second.etag });
    expect(await storedContent(subject(), at(subject(), 'r'))).toEqual(Buffer.from('three'));
  });

  it('stores the complete object of one of several concurrent puts', async () => {
    const { provider, pieceBytes } = subject();
    const contents = [1, 2, 3, 4].map((n) => Buffer.alloc(pieceBytes + n * 1000, n));
    await Promise.all(
      contents.map((content, n) =>
        provider.put(at(subject(), 'race'), pieces(cut(content, 70_001)), {
          ...plain(content.length),
          metadata: () => ({ writer: String(n) }),
        }),
      ),
    );
    const head = await provider.head(at(subject(), 'race'));
    const winner = contents[Number(head?.metadata['writer'])];
    expect(winner).toBeDefined();
    expect(head?.sizeBytes).toBe(winner?.length);
    expect(sha256(await storedContent(subject(), at(subject(), 'race')))).toBe(sha256(winner ?? Buffer.of()));
    expect(await subject().leftovers()).toEqual([]);
  });

  it('stores with a condition that holds, whether or not the store supports conditions', async () => {
    const { provider, pieceBytes } = subject();
    for (const [name, content] of [
      ['short', Buffer.from('three')],
      ['long', randomBytes(pieceBytes * 2 + 17)],
    ] as const) {
      const key = at(subject(), `once/${name}`);
      await put(provider, key, Buffer.from('one'), { ifNoneMatch: '*' });
      // Copiers replace an expired copy in this way, with the ETag of a preceding HEAD.
      const etag = (await provider.head(key))?.etag ?? '';
      await put(provider, key, content, { ifMatch: etag });
      expect(sha256(await storedContent(subject(), key))).toBe(sha256(content));
    }
    expect(await subject().leftovers()).toEqual([]);
  });

  it('rejects a put with ifNoneMatch if there is an object, and keeps that object', async (context) => {
    needs(context, subject(), 'conditionalCreate');
    const { provider } = subject();
    const key = at(subject(), 'once');
    await put(provider, key, Buffer.from('one'), { ifNoneMatch: '*' });
    const again = put(provider, key, Buffer.from('two'), { ifNoneMatch: '*' });
    await expect(again).rejects.toMatchObject({ code: 'store_exists' });
    expect(await storedContent(subject(), key)).toEqual(Buffer.from('one'));
  });

  it('rejects a put with ifMatch if the object was replaced or removed', async (context) => {
    needs(context, subject(), 'conditionalReplace');
    const { provider } = subject();
    const key = at(subject(), 'replaced');
    const first = await put(provider, key, Buffer.from('one'));
    await put(provider, key, Buffer.from('two'));
    const late = put(provider, key, Buffer.from('late'), { ifMatch: first.etag ?? '' });
    await expect(late).rejects.toMatchObject({ code: 'store_exists' });
    await provider.delete(key);
    const gone = put(provider, key, Buffer.from('late'), { ifMatch: first.etag ?? '' });
    await expect(gone).rejects.toMatchObject({ code: 'store_exists' });
    expect(await provider.head(key)).toBeNull();
  });

  it('keeps the whole URL of a copy in its metadata', async () => {
    const { provider, pieceBytes } = subject();
    const upstream = `https://o.example.com/${'a/'.repeat(500)}?x=%20y`;
    for (const sizeBytes of [10, pieceBytes + 10]) {
      const key = at(subject(), `upstream/${sizeBytes}`);
      const metadata = () => ({ 'upstream-url': upstream, generation: 'g1' });
      await provider.put(key, pieces(cut(randomBytes(sizeBytes), 65_536)), { ...plain(sizeBytes), metadata });
      expect((await provider.head(key))?.metadata).toEqual(metadata());
    }
  });

  it('deletes an absent object without an error', async () => {
    await subject().provider.delete(at(subject(), 'never'));
    await subject().provider.delete('purged/never');
  });

  it('lists markers by their prefix', async () => {
    const { provider } = subject();
    for (const key of ['purged/ab', 'purged/aa', at(subject(), 'x')])
      await put(provider, key, Buffer.from(key));
    expect(await keysOf(provider, 'purged/')).toEqual(['purged/aa', 'purged/ab']);
    expect(await keysOf(provider, at(subject(), 'x'))).toEqual([at(subject(), 'x')]);
  });

  it('lists only keys that sort after a text', async () => {
    const { provider } = subject();
    const keys = ['purged/log/1', 'purged/log/2', 'purged/log/20', 'purged/log/3', 'purged/x'];
    for (const key of keys) await put(provider, key, Buffer.from('x'));
    const after = async (prefix: string, startAfter: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key } of provider.list(prefix, { startAfter })) found.push(key);
      return found.sort();
    };
    expect(await after('purged/log/', 'purged/log/')).toEqual(keys.slice(0, 4));
    expect(await after('purged/log/', 'purged/log/2')).toEqual(['purged/log/20', 'purged/log/3']);
    expect(await after('purged/log/', 'purged/log/21')).toEqual(['purged/log/3']);
    expect(await after('purged/log/', 'purged/log/3')).toEqual([]);
    expect(await after('purged/', 'purged/log/3')).toEqual(['purged/x']);
  });

  it('lists keys of every form by their prefix', async (context) => {
    needs(context, subject(), 'emptySegments');
    const { provider } = subject();
    const keys = [
      'purged/aa',
      'purged/ab',
      'purged/aB',
      'purged',
      'purgedx/aa',
      'https://o.example.com/purged/aa',
    ];
    for (const key of keys) await put(provider, key, Buffer.from(key));
    expect(await keysOf(provider, 'purged/')).toEqual(['purged/aB', 'purged/aa', 'purged/ab']);
    expect(await keysOf(provider, 'purged/a')).toEqual(['purged/aB', 'purged/aa', 'purged/ab']);
    expect(await keysOf(provider, 'purged/aa')).toEqual(['purged/aa']);
    expect(await keysOf(provider, 'purg')).toEqual([
      'purged',
      'purged/aB',
      'purged/aa',
      'purged/ab',
      'purgedx/aa',
    ]);
    expect(await keysOf(provider, 'https://o.ex')).toEqual(['https://o.example.com/purged/aa']);
    expect(await keysOf(provider, '')).toEqual([...keys].sort());
    expect(await keysOf(provider, 'none/')).toEqual([]);
  });
}

function describeFailures(subject: () => ContractSubject): void {
  const longAndShort = [
    ['short', 0],
    ['long', 2.5],
  ] as const;

  it.each(longAndShort)('stores nothing of a %s body that throws at its end', async (_what, length) => {
    const { provider, pieceBytes } = subject();
    const failure = new Error('the origin broke off');
    const body = failing(randomBytes(Math.floor(length * pieceBytes) + 10), failure);
    await expect(provider.put(at(subject(), 'f'), body, plain(null))).rejects.toBe(failure);
    expect(await provider.head(at(subject(), 'f'))).toBeNull();
    expect(await listed(provider, '')).toEqual([]);
    expect(await subject().leftovers()).toEqual([]);
  });

  it.each(longAndShort)('keeps the previous object when a %s body fails', async (_what, length) => {
    const { provider, pieceBytes } = subject();
    await put(provider, at(subject(), 'k'), Buffer.from('former'));
    const body = failing(randomBytes(Math.floor(length * pieceBytes) + 10), new Error('broke off'));
    await expect(provider.put(at(subject(), 'k'), body, plain(null))).rejects.toThrow('broke off');
    expect(await storedContent(subject(), at(subject(), 'k'))).toEqual(Buffer.from('former'));
  });

  it.each([
    ['shorter', 'short', 10, 11],
    ['longer', 'short', 11, 10],
    ['shorter', 'long', 2.5, 2.6],
    ['longer', 'long', 2.6, 2.5],
  ] as const)('refuses a body that is %s than announced (%s)', async (_what, kind, sent, announced) => {
    const { provider, pieceBytes } = subject();
    const unit = kind === 'long' ? pieceBytes : 1;
    const content = randomBytes(Math.floor(sent * unit));
    await expect(
      provider.put(at(subject(), 'w'), pieces(cut(content, 65_521)), plain(Math.floor(announced * unit))),
    ).rejects.toMatchObject({ name: 'StorageError', code: 'store_rejected', retryable: true });
    expect(await provider.head(at(subject(), 'w'))).toBeNull();
    expect(await subject().leftovers()).toEqual([]);
  });

  it.each(longAndShort)('stops a %s put when its signal is aborted', async (_what, length) => {
    const { provider, pieceBytes } = subject();
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const stalled = Promise.withResolvers<void>();
    let dismissed = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        yield randomBytes(Math.floor(length * pieceBytes) + 10);
        stalled.resolve();
        await new Promise((_resolve, reject) => {
          controller.signal.addEventListener('abort', () => reject(new Error('closed')));
        });
      } finally {
        dismissed = true;
      }
    }
    const putting = provider.put(at(subject(), 's'), body(), {
      ...plain(null),
      signal: controller.signal,
    });
    await stalled.promise;
    controller.abort(reason);
    await expect(putting).rejects.toBe(reason);
    expect(dismissed).toBe(true);
    expect(await provider.head(at(subject(), 's'))).toBeNull();
    expect(await subject().leftovers()).toEqual([]);
  });

  it('rejects every call whose signal is already aborted', async () => {
    const { provider } = subject();
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    await expect(
      provider.put(at(subject(), 'a'), pieces([Buffer.from('x')]), { ...plain(1), signal }),
    ).rejects.toBe(reason);
    await expect(provider.head(at(subject(), 'a'), { signal })).rejects.toBe(reason);
    await expect(provider.delete(at(subject(), 'a'), { signal })).rejects.toBe(reason);
    await expect(provider.check({ signal })).rejects.toBe(reason);
    await expect(listed(provider, '', signal)).rejects.toBe(reason);
  });

  it('rejects keys that are empty, too long or not well-formed', async () => {
    const { provider } = subject();
    const tooLong = 'ä'.repeat(provider.maxKeyBytes / 2 + 1);
    for (const key of ['', tooLong, 'lone \ud800'])
      await expect(put(provider, key, Buffer.from('x'))).rejects.toMatchObject({
        code: 'store_rejected',
        retryable: false,
      });
    const longest = 'ä'.repeat(provider.maxKeyBytes / 2);
    await put(provider, longest, Buffer.from('x'));
    expect(await provider.head(longest)).not.toBeNull();
  });
}

function describeAddresses(subject: () => ContractSubject): void {
  it.for(KEYS.filter((key) => !key.startsWith('purged/')))(
    'returns an address that serves the key %j',
    async (key, context) => {
      if (key.includes('//')) needs(context, subject(), 'emptySegments');
      const { provider } = subject();
      const content = Buffer.from(`content of ${key}`);
      await put(provider, key, content, {
        headers: {
          contentType: 'text/x-special',
          contentEncoding: 'br',
          contentDisposition: 'inline',
          contentLanguage: 'de',
        },
      });
      const got = await fetchObject(subject(), key, 'GET');
      expect(got.status).toBe(200);
      expect(got.body).toEqual(content);
      const head = await fetchObject(subject(), key, 'HEAD');
      expect(head.status).toBe(200);
      expect(head.body).toHaveLength(0);
      for (const answer of [got, head]) {
        expect(answer.headers).toMatchObject({
          'content-type': 'text/x-special',
          'content-encoding': 'br',
          'content-disposition': 'inline',
          'content-language': 'de',
          'content-length': String(content.length),
          etag: (await provider.head(key))?.etag,
        });
      }
    },
  );

  it('returns an address even if there is no object', async () => {
    const { provider } = subject();
    expect(new URL(await provider.urlFor(at(subject(), 'none'), 'GET')).protocol).toMatch(/^https?:$/);
  });
}

function describePlace(subject: () => ContractSubject): void {
  it('is ready, and does not change when it is prepared again', async () => {
    const { provider } = subject();
    const options = { longLivedPrefix: 'purged/', objectPrefixes: ['http', 'g/', 'sha256/'] };
    await provider.check();
    await provider.prepare(options);
    await put(provider, at(subject(), 'p'), Buffer.from('x'));
    const again = await provider.prepare(options);
    // A store without lifecycle rules repeats its warning each time.
    if (subject().capabilities.lifecycle === 'no')
      expect(again.join('\n')).toMatch(/^bucket .* lifecycle rules.*$/);
    else expect(again).toEqual([]);
    expect(await provider.head(at(subject(), 'p'))).not.toBeNull();
    await provider.check();
  });

  it('aborts only its own unfinished uploads, for keys of every form', async (context) => {
    const { provider, beginUpload } = subject();
    if (beginUpload === undefined || !isUploadSweeper(provider))
      return context.skip('this adapter has its own tests of unfinished writes');
    const urls = [
      'https://origin.example.com/a%20b?c=d&e=f%2Fg',
      "http://origin.example.com:8080/100%25/it's+(x)",
    ];
    const made = subject().capabilities.emptySegments === 'no' ? [] : [...urls, `g/n0nce/${urls[0]}`];
    const own = [...made, `sha256/0/${'a'.repeat(64)}`, `sha256/n0nce/${'b'.repeat(64)}`];
    const foreign = ['logs/2026', 'somebody/else:s upload'];
    for (const key of [...own, ...foreign]) await beginUpload(key);
    expect(await provider.sweepUploads(3_600_000)).toBe(0);
    // The store's clock may be a few seconds slow.
    expect(await provider.sweepUploads(-60_000)).toBe(own.length);
    expect((await subject().leftovers()).toSorted()).toEqual(foreign);
  });
}

/** Default options of a put. */
export function plain(sizeBytes: number | null): PutOptions {
  return {
    headers: { contentType: 'application/octet-stream' },
    sizeBytes,
    metadata: () => ({ generation: 'g1' }),
  };
}

export function put(
  provider: StorageProvider,
  key: string,
  content: Buffer,
  options: Partial<PutOptions> = {},
): ReturnType<StorageProvider['put']> {
  return provider.put(key, pieces([content]), { ...plain(content.length), ...options });
}

/** A body that yields each piece in its own turn of the event loop, as a socket does. */
export async function* pieces(
  list: readonly Buffer[],
  onRead?: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for (const piece of list) {
    await setImmediate();
    bytes += piece.length;
    onRead?.(bytes);
    yield piece;
  }
}

export function cut(content: Buffer, pieceBytes: number): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < content.length; at += pieceBytes) list.push(content.subarray(at, at + pieceBytes));
  return list;
}

async function* spoiling(
  chunks: readonly Uint8Array[],
  spoil: (chunk: Uint8Array<ArrayBuffer>) => void,
): AsyncGenerator<Uint8Array> {
  for (const original of chunks) {
    const chunk = new Uint8Array(original);
    yield chunk;
    spoil(chunk);
  }
}

async function* failing(content: Buffer, failure: Error): AsyncGenerator<Uint8Array> {
  yield* pieces(cut(content, 65_521));
  throw failure;
}

export async function listed(
  provider: StorageProvider,
  prefix: string,
  signal?: AbortSignal,
): Promise<ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const object of provider.list(prefix, { signal })) found.push(object);
  return found;
}

async function keysOf(provider: StorageProvider, prefix: string): Promise<string[]> {
  return (await listed(provider, prefix)).map(({ key }) => key).sort();
}

async function contentOf(opened: OpenedBody | null): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of opened?.body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function storedContent(subject: ContractSubject, key: string): Promise<Buffer> {
  const { status, body } = await fetchObject(subject, key, 'GET');
  expect(status).toBe(200);
  return body;
}

async function fetchObject(subject: ContractSubject, key: string, method: 'GET' | 'HEAD'): Promise<Fetched> {
  const address = await subject.provider.urlFor(key, method);
  return (subject.fetch ?? fetchAddress)(address, method);
}

async function fetchAddress(address: string, method: 'GET' | 'HEAD'): Promise<Fetched> {
  const { statusCode, headers, body } = await request(address, { method });
  return { status: statusCode, headers, body: Buffer.from(await body.arrayBuffer()) };
}
