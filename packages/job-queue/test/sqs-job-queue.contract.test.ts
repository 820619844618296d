import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { CreateQueueCommand, DeleteQueueCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { freePort } from '@cloud-mirror/testing/free-port';
import { startProtocolServer } from '@cloud-mirror/testing/protocol-server';
import type { JobQueue } from '../src/job-queue.ts';
import { QueueError } from '../src/job-queue.ts';
import { SqsJobQueue } from '../src/sqs/sqs-job-queue.ts';
import type { SqsJobQueueOptions } from '../src/sqs/sqs-job-queue.ts';
import {
  describeJobQueue,
  receiveOne,
  serializeJob,
  someJob,
  type TestJob,
} from '@cloud-mirror/job-queue/contract';

const { sqsEndpoint, sqsRegion } = inject('servers');
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

function queueWith(options: Partial<SqsJobQueueOptions<TestJob>> = {}): SqsJobQueue<TestJob> {
  const name = `test-${randomUUID()}`;
  return new SqsJobQueue({
    serialize: serializeJob,
    name,
    deadLetterName: `${name}_dead`,
    region: sqsRegion,
    endpoint: sqsEndpoint,
    maxReceiveCount: 3,
    visibilityTimeoutSeconds: 60,
    requestTimeoutMs: 10_000,
    create: true,
    credentials,
    ...options,
  });
}

function open(options: Partial<SqsJobQueueOptions<TestJob>> = {}): SqsJobQueue<TestJob> {
  return opened.use(queueWith(options));
}

/** A client for the operator, independent of the queue under test. */
function operator(): SQSClient {
  const client = new SQSClient({
    region: sqsRegion,
    endpoint: sqsEndpoint,
    credentials,
    useQueueUrlAsEndpoint: false,
  });
  opened.defer(() => client.destroy());
  return client;
}

async function remove(name: string): Promise<void> {
  const client = operator();
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name }));
  await client.send(new DeleteQueueCommand({ QueueUrl }));
}

/** Every call of the port that needs existing queues. */
function callsOf(queue: JobQueue<TestJob>): readonly Promise<unknown>[] {
  return [
    queue.enqueue(someJob()),
    queue.receive({ max: 1, waitSeconds: 0 }),
    queue.depth(),
    queue.purge(),
    queue.deadLetters(1),
    queue.redriveDeadLetters(),
    queue.purgeDeadLetters(),
  ];
}

async function expectAllToFail(
  queue: JobQueue<TestJob>,
  code: string,
  calls = callsOf(queue),
): Promise<void> {
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome.status).toBe('rejected');
    if (outcome.status !== 'rejected') continue;
    expect(outcome.reason).toBeInstanceOf(QueueError);
    expect(outcome.reason).toMatchObject({ code, retryable: true });
  }
}

describeJobQueue('SqsJobQueue', async (options) => {
  const queue = queueWith({ ...options, create: false });
  await queue.prepare();
  return queue;
});

describe('SqsJobQueue whose queues are missing', () => {
  test('rejects with queue_missing if it must not create them', async () => {
    const queue = open({ create: false });
    await expectAllToFail(queue, 'queue_missing');
  });

  test('creates them at the first call of any kind, and once for concurrent calls', async () => {
    const queue = open();
    await Promise.all(Array.from({ length: 20 }, () => queue.enqueue(someJob())));
    expect(await queue.depth()).toEqual({ waiting: 20, inFlight: 0, deadLetters: 0 });
    expect(await open().deadLetters(1)).toEqual([]);
    expect(await open().receive({ max: 1, waitSeconds: 0 })).toEqual([]);
  });

  test('creates them with a redrive policy', async () => {
    const queue = open({ maxReceiveCount: 1 });
    await queue.enqueue(someJob());
    await (await receiveOne(queue)).retry(0);
    expect(await queue.receive({ max: 1, waitSeconds: 0 })).toEqual([]);
    expect(await queue.depth()).toMatchObject({ deadLetters: 1 });
  });

  test('creates them again after somebody deleted them, and finds them after somebody created them', async () => {
    const name = `test-${randomUUID()}`;
    const queue = open({ name, deadLetterName: `${name}_dead` });
    const stranger = open({ name, deadLetterName: `${name}_dead`, create: false });
    await queue.enqueue(someJob());
    await stranger.enqueue(someJob());
    await remove(name);
    await expect(stranger.enqueue(someJob())).rejects.toMatchObject({ code: 'queue_missing' });
    await queue.enqueue(someJob());
    await stranger.enqueue(someJob());
    expect(await queue.depth()).toMatchObject({ waiting: 2 });
  });

  test('reports what prepare created, and corrects the redrive policy', async () => {
    const name = `test-${randomUUID()}`;
    const options = { name, deadLetterName: `${name}_dead`, create: false };
    await operator().send(new CreateQueueCommand({ QueueName: name }));
    expect(await open(options).prepare()).toEqual([
      `made the queue ${name}_dead`,
      `set the dead letters of ${name} to ${name}_dead after 3 deliveries`,
    ]);
    expect(await open(options).prepare()).toEqual([]);
    expect(await open({ ...options, maxReceiveCount: 4 }).prepare()).toHaveLength(1);
    const fresh = open({ create: false });
    expect(await fresh.prepare()).toHaveLength(2);
    await fresh.enqueue(someJob());
  });
});

describe('SqsJobQueue whose server fails', () => {
  test('rejects while nothing listens, and works once a server does', async () => {
    const port = await freePort();
    const queue = open({ endpoint: `http://127.0.0.1:${port}` });
    await expectAllToFail(queue, 'queue_unavailable', [...callsOf(queue), queue.prepare()]);
    opened.use(await startProtocolServer({ port }));
    await queue.enqueue(someJob());
    expect(await receiveOne(queue)).toMatchObject({ receiveCount: 1 });
  });

  test('rejects within the time limit if a server accepts connections but never answers', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.resume();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    opened.defer(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const queue = open({ endpoint: `http://127.0.0.1:${port}`, requestTimeoutMs: 200 });
    await expectAllToFail(queue, 'queue_unavailable', [...callsOf(queue), queue.prepare()]);
  });

  test('adds the wait of a long poll to the time limit', async () => {
    const queue = open({ requestTimeoutMs: 1_000 });
    await queue.prepare();
    expect(await queue.receive({ max: 1, waitSeconds: 2 })).toEqual([]);
  });

  test('delivers an unextended job again long before the visibility timeout is over', async () => {
    const queue = open({ visibilityTimeoutSeconds: 3_600 });
    await queue.enqueue(someJob());
    await receiveOne(queue);
    const [again] = await queue.receive({ max: 1, waitSeconds: 20 });
    expect(again).toMatchObject({ receiveCount: 2 });
  });

  test('rejects if the server keeps failing', async () => {
    const server = opened.use(await startProtocolServer());
    const queue = open({ endpoint: server.endpoint });
    await queue.prepare();
    server.failNext('SendMessage', 500, 100);
    await expect(queue.enqueue(someJob())).rejects.toMatchObject({ code: 'queue_unavailable' });
    server.failNext('ReceiveMessage', 403, 1);
    await expect(queue.receive({ max: 1, waitSeconds: 0 })).rejects.toMatchObject({
      code: 'queue_forbidden',
    });
  });

  test('retries a call that failed once', async () => {
    const server = opened.use(await startProtocolServer());
    const queue = open({ endpoint: server.endpoint });
    await queue.prepare();
    server.failNext('SendMessage', 503, 1);
    await queue.enqueue(someJob());
    expect(await queue.depth()).toMatchObject({ waiting: 1 });
  });
});

describe('SqsJobQueue with concurrent calls', () => {
  test('makes one batch call for ten of them, and a single call for one', async () => {
    const server = opened.use(await startProtocolServer());
    const queue = open({ endpoint: server.endpoint });
    await queue.prepare();
    await Promise.all(Array.from({ length: 21 }, () => queue.enqueue(someJob())));
    expect([server.count('SendMessageBatch'), server.count('SendMessage')]).toEqual([2, 1]);
    const received = await queue.receive({ max: 10, waitSeconds: 0 });
    await Promise.all(received.map((delivery) => delivery.extend(30)));
    await Promise.all(received.map((delivery) => delivery.acknowledge()));
    expect(server.count('ChangeMessageVisibilityBatch')).toBe(1);
    expect(server.count('DeleteMessageBatch')).toBe(1);
  });

  test('gives each caller the result of its own job', async () => {
    const server = opened.use(await startProtocolServer());
    const queue = open({ endpoint: server.endpoint });
    await queue.prepare();
    const jobs = [someJob(), someJob(), someJob(), someJob()] as const;
    const md5 = createHash('md5').update(serializeJob(jobs[0])).digest('hex');
    const failed = (Id: string, Code: string, SenderFault: boolean): object => ({ Id, Code, SenderFault });
    const answer = {
      Successful: [{ Id: '0', MessageId: 'one', MD5OfMessageBody: md5 }],
      Failed: [failed('2', 'InternalError', false), failed('1', 'InvalidMessageContents', true)],
    };
    server.answerNext('SendMessageBatch', { status: 200, body: JSON.stringify(answer) });
    const outcomes = await Promise.allSettled(jobs.map((job) => queue.enqueue(job)));
    expect(outcomes).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'queue_rejected', retryable: false } },
      { status: 'rejected', reason: { code: 'queue_unavailable', retryable: true } },
      // The server mentions this entry neither as successful nor as failed.
      { status: 'rejected', reason: { code: 'queue_unavailable' } },
    ]);
  });

  test('rejects all of them if the batch call fails', async () => {
    const server = opened.use(await startProtocolServer());
    const queue = open({ endpoint: server.endpoint });
    await queue.prepare();
    server.failNext('SendMessageBatch', 403);
    await expectAllToFail(
      queue,
      'queue_forbidden',
      [someJob(), someJob()].map((job) => queue.enqueue(job)),
    );
    await Promise.all([queue.enqueue(someJob()), queue.enqueue(someJob())]);
    const received = await queue.receive({ max: 10, waitSeconds: 0 });
    // Two failures, because the SDK repeats a call that was refused without it.
    server.failNext('DeleteMessageBatch', 403, 2);
    const acknowledged = received.map((delivery) => delivery.acknowledge());
    expect(acknowledged).toHaveLength(2);
    await expectAllToFail(queue, 'queue_forbidden', acknowledged);
  });
});
