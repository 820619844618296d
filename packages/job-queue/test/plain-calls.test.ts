import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { profileText, useCredentialsFile } from '@cloud-mirror/testing/credentials-file';
import { SqsJobQueue } from '../src/sqs/sqs-job-queue.ts';
import type { SqsJobQueueOptions } from '../src/sqs/sqs-job-queue.ts';
import { serializeJob, someJob, type TestJob } from '@cloud-mirror/job-queue/contract';

interface Call {
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly path: string;
}

type Answer = { readonly status?: number; readonly body: object | '' } | 'hang' | 'reset';
type Script = (call: Call) => Answer;

const A_JOB = someJob();
const JOB = serializeJob(A_JOB);
const OK: Answer = { body: { MessageId: 'm', MD5OfMessageBody: md5(JOB) } };
const REFUSED: Answer = { status: 403, body: { __type: 'com.amazonaws.sqs#AccessDeniedException' } };

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

/** A queue on a server that answers SQS calls according to `script`. */
async function open(script: Script, options: Partial<SqsJobQueueOptions<TestJob>> = {}) {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { headers, url: path = '' } = request;
      const operation = String(headers['x-amz-target']).replace('AmazonSQS.', '');
      const call = { operation, headers, path, body: JSON.parse(body) as unknown };
      if (operation === 'GetQueueUrl')
        return response.end(JSON.stringify({ QueueUrl: `${endpoint}/000000000000/jobs` }));
      calls.push(call);
      const answer = script(call);
      if (answer === 'hang') return;
      if (answer === 'reset') return request.socket.resetAndDestroy();
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/x-amz-json-1.0' });
      return response.end(answer.body === '' ? '' : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const queue = opened.use(
    new SqsJobQueue({
      serialize: serializeJob,
      name: 'jobs',
      deadLetterName: 'jobs_dead',
      region: 'us-west-2',
      endpoint,
      maxReceiveCount: 3,
      visibilityTimeoutSeconds: 60,
      requestTimeoutMs: 5_000,
      create: false,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'session' },
      ...options,
    }),
  );
  return { queue, calls, withoutSdk: () => calls.filter((call) => !isSdks(call)).length };
}

function isSdks({ headers }: Call): boolean {
  return headers['amz-sdk-invocation-id'] !== undefined;
}

function md5(body: string): string {
  return createHash('md5').update(body).digest('hex');
}

function messageOf(id: string, body = JOB, md5OfBody = md5(body)): object {
  const Attributes = { SentTimestamp: '1700000000000', ApproximateReceiveCount: '2' };
  return { MessageId: id, ReceiptHandle: `r-${id}`, Body: body, MD5OfBody: md5OfBody, Attributes };
}

describe('a later call for a queue', () => {
  test('bypasses the SDK, and has the same address and content', async () => {
    const { queue, calls, withoutSdk } = await open(() => OK);
    await queue.enqueue(A_JOB);
    expect(withoutSdk()).toBe(0);
    await queue.enqueue(A_JOB);
    expect(withoutSdk()).toBe(1);
    const [bySdk, plain] = calls;
    for (const name of ['x-amz-target', 'content-type', 'host', 'x-amz-security-token'])
      expect(plain?.headers[name]).toBe(bySdk?.headers[name]);
    expect(plain).toMatchObject({ operation: 'SendMessage', path: bySdk?.path, body: bySdk?.body });
    expect(plain?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=id\/\d{8}\/us-west-2\/sqs\/aws4_request, SignedHeaders=\S*host;\S*x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$/,
    );
  });

  test('returns the same deliveries as the SDK', async () => {
    const { queue, withoutSdk } = await open(() => ({
      body: { Messages: [messageOf('a'), messageOf('b')] },
    }));
    const receive = async () =>
      (await queue.receive({ max: 2, waitSeconds: 0 })).map(({ id, body, receiveCount, sentAt }) => ({
        id,
        body,
        receiveCount,
        sentAt,
      }));
    const bySdk = await receive();
    expect(bySdk).toMatchObject([{ id: 'a', body: JOB, receiveCount: 2 }, { id: 'b' }]);
    expect(await receive()).toEqual(bySdk);
    expect(withoutSdk()).toBe(1);
  });

  test('accepts the empty answer to a deletion', async () => {
    const { queue, withoutSdk } = await open(({ operation }) => ({
      body: operation === 'ReceiveMessage' ? { Messages: [messageOf('a')] } : '',
    }));
    for (let time = 1; time <= 2; time += 1)
      for (const delivery of await queue.receive({ max: 1, waitSeconds: 0 })) await delivery.acknowledge();
    // The second receive and the second deletion. The first ones go through the SDK.
    expect(withoutSdk()).toBe(2);
  });

  test('ignores a message that was damaged in transit', async () => {
    let damaged = false;
    const { queue } = await open(() => ({
      body: { Messages: [messageOf('a'), ...(damaged ? [messageOf('b', JOB, md5('other'))] : [])] },
    }));
    await queue.receive({ max: 2, waitSeconds: 0 });
    damaged = true;
    const received = await queue.receive({ max: 2, waitSeconds: 0 });
    expect(received.map(({ id }) => id)).toEqual(['a']);
  });

  test.each([
    ['a refusal', REFUSED, 'queue_forbidden'],
    ['503', { status: 503, body: '' } as const, 'queue_unavailable'],
    ['a connection that breaks', 'reset' as const, 'queue_unavailable'],
  ])('is repeated by the SDK after %s', async (_what, answer, code) => {
    let broken = false;
    const { queue, withoutSdk } = await open(() => (broken ? answer : OK));
    await queue.enqueue(A_JOB);
    broken = true;
    await expect(queue.enqueue(A_JOB)).rejects.toMatchObject({ code });
    expect(withoutSdk()).toBe(1);
  });

  test('goes through the SDK if the server accepts only the SDK’s calls', async () => {
    const { queue, calls, withoutSdk } = await open((call) => (isSdks(call) ? OK : REFUSED));
    for (let time = 1; time <= 4; time += 1) await queue.enqueue(A_JOB);
    expect([calls.length, withoutSdk()]).toEqual([5, 1]);
  });

  test('ends with its signal', async () => {
    let silent = false;
    const { queue } = await open(() => (silent ? 'hang' : { body: {} }));
    await queue.receive({ max: 1, waitSeconds: 0 });
    silent = true;
    const stop = new AbortController();
    const receiving = queue.receive({ max: 1, waitSeconds: 20, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(receiving).rejects.toThrow('enough');
  });
});

describe('after the credentials file was rewritten', () => {
  test.each(['ExpiredToken', 'InvalidClientTokenId', 'com.amazonaws.sqs#ExpiredTokenException'])(
    'a call that fails with %s is repeated with the new credentials, and later calls bypass the SDK',
    async (__type) => {
      const file = opened.use(await useCredentialsFile(profileText('default', 'old')));
      let accepted = 'old';
      const { queue, calls } = await open(
        ({ headers }) =>
          headers.authorization?.includes(`Credential=${accepted}/`) === true
            ? OK
            : { status: 400, body: { __type } },
        { credentials: 'chain' },
      );
      for (let time = 1; time <= 2; time += 1) await queue.enqueue(A_JOB);
      accepted = 'new';
      await file.write(profileText('default', 'new'));
      for (let time = 1; time <= 2; time += 1) await queue.enqueue(A_JOB);
      const last = calls.at(-1);
      expect(last && isSdks(last)).toBe(false);
      expect(last?.headers.authorization).toContain('Credential=new/');
    },
  );
});

test('a throttled call is repeated after a pause, and later calls still bypass the SDK', async () => {
  const at: number[] = [];
  let throttled = false;
  const { queue, calls } = await open(() => {
    at.push(performance.now());
    if (!throttled) return OK;
    throttled = false;
    return { status: 400, body: { __type: 'com.amazonaws.sqs#RequestThrottled' } };
  });
  await queue.enqueue(A_JOB);
  throttled = true;
  await queue.enqueue(A_JOB);
  expect(calls).toHaveLength(3);
  // The pause is at least half of its limit. Timers may fire a millisecond early.
  expect((at[2] ?? 0) - (at[1] ?? 0)).toBeGreaterThanOrEqual(99);
  await queue.enqueue(A_JOB);
  const last = calls.at(-1);
  expect(last && isSdks(last)).toBe(false);
});
