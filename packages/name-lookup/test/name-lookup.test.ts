import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addressRecords,
  startDnsServer,
  type DnsHandler,
  type DnsServer,
} from '@cloud-mirror/testing/dns-server';
import { eventually } from '@cloud-mirror/testing/eventually';
import { NameLookup, NameLookupError, type LookupLimits } from '../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'name-lookup-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Opened extends AsyncDisposable {
  readonly names: NameLookup;
  readonly server: DnsServer;
  readonly hostsFile: string;
  readonly resolverFile: string;
}

async function open(
  handle: DnsHandler,
  {
    hosts = '',
    resolver = '',
    limits = {},
  }: { hosts?: string; resolver?: string; limits?: Partial<LookupLimits> } = {},
): Promise<Opened> {
  const own = await mkdtemp(join(folder, 'files-'));
  const hostsFile = join(own, 'hosts');
  const resolverFile = join(own, 'resolv.conf');
  await writeFile(hostsFile, hosts);
  // Without a search list, the domain of this machine would be searched.
  await writeFile(resolverFile, resolver || 'search .');
  const server = await startDnsServer(handle);
  const names = new NameLookup({ servers: [server.address], hostsFile, resolverFile, limits });
  return {
    names,
    server,
    hostsFile,
    resolverFile,
    async [Symbol.asyncDispose]() {
      names[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const found =
  (...addresses: readonly string[]): DnsHandler =>
  (question) => ({ answers: addressRecords(question, addresses) });

async function addresses(names: NameLookup, host: string): Promise<string[]> {
  return (await names.addressesOf(host)).map(({ address }) => address);
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}

describe('an answer', () => {
  test('has the addresses of both families', async () => {
    await using opened = await open(found('192.0.2.1', '192.0.2.2', '2001:db8::1'));
    const all = await opened.names.addressesOf('a.test');
    expect(all).toHaveLength(3);
    expect(all).toContainEqual({ address: '192.0.2.2', family: 4 });
    expect(all).toContainEqual({ address: '2001:db8::1', family: 6 });
  });

  test('follows CNAME records', async () => {
    await using opened = await open(({ name, type }) => ({
      answers: [
        { name, type: 'CNAME', ttl: 60, data: 'b.test' },
        { name: 'b.test', type: 'CNAME', ttl: 60, data: 'c.test' },
        ...addressRecords({ name: 'c.test', type }, ['192.0.2.3']),
      ],
    }));
    expect(await addresses(opened.names, 'a.test')).toEqual(['192.0.2.3']);
  });

  test('that is truncated is asked for again over TCP', async () => {
    await using opened = await open((question) =>
      question.over === 'udp' ? { truncated: true } : { answers: addressRecords(question, ['192.0.2.4']) },
    );
    expect(await addresses(opened.names, 'a.test')).toEqual(['192.0.2.4']);
    expect(opened.server.questions.some(({ over }) => over === 'tcp')).toBe(true);
  });

  test('after a second is found, also after many quick ones', async () => {
    await using opened = await open((question) => {
      const reply = { answers: addressRecords(question, ['192.0.2.5']) };
      return question.name === 'slow.test' ? after(1000, reply) : reply;
    });
    for (let index = 0; index < 20; index += 1) await addresses(opened.names, `quick-${index}.test`);
    expect(await addresses(opened.names, 'slow.test')).toEqual(['192.0.2.5']);
  });

  test('is found although the first packets are lost', async () => {
    let lost = 0;
    await using opened = await open((question) =>
      lost++ < 2 ? null : { answers: addressRecords(question, ['192.0.2.6']) },
    );
    expect(await addresses(opened.names, 'a.test')).toEqual(['192.0.2.6']);
  });

  test('of one family is used if the other family is never answered', async () => {
    await using opened = await open((question) =>
      question.type === 'AAAA' ? null : { answers: addressRecords(question, ['192.0.2.7']) },
    );
    expect(await addresses(opened.names, 'a.test')).toEqual(['192.0.2.7']);
  });

  test('of one family is used if the other family fails', async () => {
    await using opened = await open((question) =>
      question.type === 'A' ? { rcode: 'SERVFAIL' } : { answers: addressRecords(question, ['2001:db8::7']) },
    );
    expect(await addresses(opened.names, 'a.test')).toEqual(['2001:db8::7']);
  });

  test('with a thousand addresses is cut', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    await using opened = await open((question) =>
      question.over === 'udp' ? { truncated: true } : { answers: addressRecords(question, many) },
    );
    expect((await addresses(opened.names, 'a.test')).length).toBe(64);
  });

  test('gives the addresses in turn', async () => {
    await using opened = await open(found('192.0.2.1', '192.0.2.2'));
    const firsts = [await addresses(opened.names, 'a.test'), await addresses(opened.names, 'a.test')];
    expect(new Set(firsts.map(([first]) => first))).toEqual(new Set(['192.0.2.1', '192.0.2.2']));
    expect(opened.server.asked('a.test')).toBe(1);
  });
});

describe('a name that is not found', () => {
  test.each<[string, DnsHandler, object]>([
    ['NXDOMAIN', () => ({ rcode: 'NXDOMAIN' }), { code: 'ENOTFOUND', retryable: false }],
    ['no address', () => ({}), { code: 'EAI_NODATA', retryable: false }],
    ['SERVFAIL', () => ({ rcode: 'SERVFAIL' }), { code: 'EAI_AGAIN', retryable: true }],
    ['REFUSED', () => ({ rcode: 'REFUSED' }), { code: 'EAI_AGAIN', retryable: true }],
    ['no answer', () => null, { code: 'EAI_AGAIN', retryable: true }],
    [
      'no address of one family and no answer for the other',
      ({ type }) => (type === 'A' ? {} : null),
      { code: 'EAI_AGAIN' },
    ],
  ])('fails after %s, and this is remembered for a short time', async (_, handle, expected) => {
    await using opened = await open(handle, {
      limits: { lookupMs: 300, absentMs: 60_000, failedMs: 60_000 },
    });
    const first = opened.names.addressesOf('a.test');
    await expect(first).rejects.toThrow(NameLookupError);
    await expect(first).rejects.toMatchObject(expected);
    const asked = opened.server.asked('a.test');
    await expect(opened.names.addressesOf('A.test.')).rejects.toMatchObject(expected);
    expect(opened.server.asked('a.test')).toBe(asked);
  });

  test('is asked for again afterwards', async () => {
    let fails = true;
    await using opened = await open(
      (question) => (fails ? { rcode: 'NXDOMAIN' } : { answers: addressRecords(question, ['192.0.2.1']) }),
      { limits: { absentMs: 1 } },
    );
    await expect(opened.names.addressesOf('a.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    fails = false;
    await eventually(async () => (await addresses(opened.names, 'a.test').catch(() => [])).length === 1);
  });

  test('is reported if no name server listens', async () => {
    const server = await startDnsServer(() => null);
    await server[Symbol.asyncDispose]();
    using names = new NameLookup({ servers: [server.address], limits: { lookupMs: 2000 } });
    await expect(names.addressesOf('a.test')).rejects.toMatchObject({ code: 'EAI_AGAIN' });
  });
});

test.each(['is silent', 'is gone'])('the next name server is asked if the first %s', async (how) => {
  await using silent = await startDnsServer(() => null);
  await using good = await startDnsServer(found('192.0.2.1'));
  const gone = await startDnsServer(() => null);
  await gone[Symbol.asyncDispose]();
  const first = how === 'is silent' ? silent : gone;
  using names = new NameLookup({
    servers: [first.address, good.address],
    hostsFile: join(folder, 'absent'),
    resolverFile: join(folder, 'absent'),
  });
  expect(await addresses(names, 'a.test')).toEqual(['192.0.2.1']);
});

describe('what is remembered', () => {
  test('is kept for the time to live of the records', async () => {
    await using opened = await open((question) => ({ answers: addressRecords(question, ['192.0.2.1'], 0) }), {
      limits: { shortestTtlMs: 1 },
    });
    await addresses(opened.names, 'a.test');
    await eventually(async () => {
      await addresses(opened.names, 'a.test');
      return opened.server.asked('a.test') > 1;
    });
  });

  test('is bounded in bytes', async () => {
    await using opened = await open(found('192.0.2.1'), { limits: { cacheBytes: 2000 } });
    for (let index = 0; index < 20; index += 1) await addresses(opened.names, `n${index}.test`);
    await addresses(opened.names, 'n19.test');
    expect(opened.server.asked('n19.test')).toBe(1);
    await addresses(opened.names, 'n0.test');
    expect(opened.server.asked('n0.test')).toBe(2);
  });
});

describe('look-ups at the same time', () => {
  test('of one name are one', async () => {
    await using opened = await open((question) =>
      after(50, { answers: addressRecords(question, ['192.0.2.1']) }),
    );
    await Promise.all(Array.from({ length: 50 }, () => opened.names.addressesOf('a.test')));
    expect(opened.server.asked('a.test')).toBe(1);
  });

  test('that hang do not stop names of other zones', async () => {
    await using opened = await open((question) =>
      question.name.endsWith('.evil.test') ? null : { answers: addressRecords(question, ['192.0.2.1']) },
    );
    const hanging = Array.from({ length: 500 }, (_, index) =>
      opened.names.addressesOf(`h${index}.evil.test`).catch((error: unknown) => error),
    );
    await eventually(() => opened.server.questions.length > 0);
    for (let index = 0; index < 20; index += 1)
      expect(await addresses(opened.names, `good${index}.example`)).toEqual(['192.0.2.1']);
    const asked = new Set(opened.server.questions.map(({ name }) => name));
    expect([...asked].filter((name) => name.endsWith('.evil.test')).length).toBeLessThanOrEqual(8);
    opened.names[Symbol.dispose]();
    for (const error of await Promise.all(hanging)) expect(error).toBeInstanceOf(NameLookupError);
  });

  test('of one zone beyond its share wait, and are refused if too many wait', async () => {
    const answer = Promise.withResolvers<undefined>();
    await using opened = await open(
      async (question) => {
        await answer.promise;
        return { answers: addressRecords(question, ['192.0.2.1']) };
      },
      { limits: { runningOfZone: 2, waitingOfZone: 3, tryMs: 10_000 } },
    );
    const asking = Array.from({ length: 6 }, (_, index) => opened.names.addressesOf(`n${index}.zone.test`));
    await expect(asking[5]).rejects.toMatchObject({
      code: 'EAI_AGAIN',
      message: expect.stringContaining('zone.test') as string,
    });
    answer.resolve(undefined);
    await Promise.all(asking.slice(0, 5));
  });

  test('give free places to the zones in turn', async () => {
    const answers = new Map<string, () => void>();
    await using opened = await open(
      (question) =>
        new Promise((resolve) => {
          const reply = { answers: addressRecords(question, ['192.0.2.1']) };
          if (question.type === 'AAAA') resolve(reply);
          else answers.set(question.name, () => resolve(reply));
        }),
      { limits: { running: 2, runningOfZone: 2, tryMs: 10_000 } },
    );
    const many = ['a1', 'a2', 'a3', 'a4'].map((name) => opened.names.addressesOf(`${name}.many.test`));
    await eventually(() => answers.size === 2);
    const other = opened.names.addressesOf('b1.other.test');
    answers.get('a1.many.test')?.();
    await eventually(() => answers.size === 3);
    answers.get('a2.many.test')?.();
    await eventually(() => answers.has('b1.other.test'));
    answers.get('b1.other.test')?.();
    await other;
    for (const name of ['a3', 'a4']) {
      await eventually(() => answers.has(`${name}.many.test`));
      answers.get(`${name}.many.test`)?.();
    }
    await Promise.all(many);
  });

  test('end when the look-up is closed', async () => {
    await using opened = await open(() => null);
    const asking = opened.names.addressesOf('a.test');
    const failing = expect(asking).rejects.toThrow('closed');
    await eventually(() => opened.server.questions.length > 0);
    opened.names[Symbol.dispose]();
    await failing;
    await expect(opened.names.addressesOf('b.test')).rejects.toThrow('closed');
  });
});

describe('the hosts file', () => {
  test('comes before DNS', async () => {
    await using opened = await open(found('192.0.2.1'), {
      hosts:
        '# 10.0.0.9 a.test\n10.0.0.1 A.test other # a.test\n10.0.0.2\ta.test.\nfe80::1%lo b.test\nnonsense c.test\n',
    });
    expect(await addresses(opened.names, 'a.test')).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(await addresses(opened.names, 'other')).toEqual(['10.0.0.1']);
    expect(opened.server.questions).toEqual([]);
    expect(await addresses(opened.names, 'b.test')).toEqual(['192.0.2.1']);
  });

  test('is read again when it changes', async () => {
    await using opened = await open(found('192.0.2.1'), { hosts: '10.0.0.1 a.test\n' });
    expect(await addresses(opened.names, 'a.test')).toEqual(['10.0.0.1']);
    await writeFile(opened.hostsFile, '10.0.0.2 a.test\n');
    await eventually(async () => (await addresses(opened.names, 'a.test'))[0] === '10.0.0.2');
  });

  test.each(['localhost', 'x.localhost'])('need not contain %s', async (name) => {
    await using opened = await open(found('192.0.2.1'));
    expect((await addresses(opened.names, name)).sort()).toEqual(['127.0.0.1', '::1']);
    expect(opened.server.questions).toEqual([]);
  });
});

describe('search domains', () => {
  const only =
    (known: string): DnsHandler =>
    (question) =>
      question.name === known ? { answers: addressRecords(question, ['192.0.2.1']) } : { rcode: 'NXDOMAIN' };

  test.each([
    ['search one.test two.test', 'host', 'host.two.test', ['host.one.test', 'host.two.test']],
    ['search one.test', 'host', 'host', ['host.one.test', 'host']],
    ['domain one.test', 'host', 'host.one.test', ['host.one.test']],
    ['search one.test', 'a.host', 'a.host.one.test', ['a.host', 'a.host.one.test']],
    ['search one.test\noptions timeout:1 ndots:2', 'a.host', 'a.host.one.test', ['a.host.one.test']],
    ['search one.test # two.test\noptions ndots:5', 'a.b', 'a.b', ['a.b.one.test', 'a.b']],
    ['search one.test\nsearch two.test', 'host', 'host.two.test', ['host.two.test']],
  ])('%j: %s is found as %s', async (resolver, name, known, expected) => {
    await using opened = await open(only(known), { resolver });
    expect(await addresses(opened.names, name)).toEqual(['192.0.2.1']);
    const asked = opened.server.questions.filter(({ type }) => type === 'A').map((question) => question.name);
    expect(asked).toEqual(expected);
  });

  test('go on after SERVFAIL, and the failure is not taken for absence', async () => {
    const handle: DnsHandler = (question) =>
      question.name === 'host.one.test' ? { rcode: 'SERVFAIL' } : only('host.two.test')(question);
    await using opened = await open(handle, { resolver: 'search one.test two.test' });
    expect(await addresses(opened.names, 'host')).toEqual(['192.0.2.1']);
    await using other = await open(handle, { resolver: 'search one.test three.test' });
    await expect(other.names.addressesOf('host')).rejects.toMatchObject({ code: 'EAI_AGAIN' });
  });
});

test.each([
  ['a.b.example.com', 'x.example.com', true],
  ['example.com', 'x.example.com', true],
  ['a.example.co.uk', 'b.example.co.uk', true],
  ['example.co.uk', 'other.co.uk', false],
  ['a.corp.internal', 'b.corp.internal', true],
  ['host', 'other', false],
])('%s and %s share the places of one zone: %s', async (one, other, share) => {
  await using opened = await open(
    (question) => (question.name === one ? null : { answers: addressRecords(question, ['192.0.2.1']) }),
    {
      limits: { runningOfZone: 1, waitingOfZone: 0 },
    },
  );
  const hanging = opened.names.addressesOf(one).catch(() => null);
  await eventually(() => opened.server.asked(one) > 0);
  const asking = addresses(opened.names, other);
  if (share) await expect(asking).rejects.toMatchObject({ code: 'EAI_AGAIN' });
  else expect(await asking).toEqual(['192.0.2.1']);
  opened.names[Symbol.dispose]();
  await hanging;
});
