import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { buildApp } from 'fauxqs';
import { operationOf } from './aws-operation.ts';
import { CallHolds } from './call-holds.ts';
import type { CallHold, HoldOptions } from './call-holds.ts';
import type { ProtocolCall } from './protocol-call.ts';
import { failure, S3Rules, type OpenUpload, type S3Answer } from './s3-rules.ts';

/** A server that speaks the SQS and S3 protocols, on 127.0.0.1, everything in memory. */
export interface ProtocolServer extends AsyncDisposable {
  /** For SQS and for S3 (path style). */
  readonly endpoint: string;
  readonly port: number;
  /** Region of everything in it. */
  readonly region: string;
  /** Any credentials are taken; these are as good as others. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Every request since the start or the last `reset`, as they arrived. */
  readonly calls: readonly ProtocolCall[];
  /** How many calls of an operation there were, of those whose path contains `pathPart` where one is given. */
  count(operation: string, pathPart?: string): number;
  /** Forgets the calls, not the objects and queues. */
  reset(): void;
  /** Answers the next `times` calls of `operation` with `status` and an S3 error body, without doing them. */
  failNext(operation: string, status: number, times?: number): void;
  /** Answers the next `times` calls of `operation` with just that, without doing them. */
  answerNext(operation: string, answer: S3Answer, times?: number): void;
  /**
   * Keeps the next call back: its doing, or the answer to what was done. It is done even where its caller has gone away
   * meanwhile, as on a network that delivers late.
   */
  holdNext(operation: string, options?: HoldOptions): CallHold;
  /** Goes on as before: what `failNext` and `answerNext` asked for and was not needed is forgotten. */
  answerAsBefore(): void;
  /** How many requests a rule of S3 has refused with this code, `BadDigest` say. */
  refused(code: string): number;
  /** Multipart uploads that were begun and neither completed nor ended. */
  readonly openUploads: readonly OpenUpload[];
  /** Makes an upload that somebody began and left. */
  addUpload(bucket: string, key: string, begunAt: Date): OpenUpload;
}

export interface ProtocolServerOptions {
  /** A free one where none is named. */
  readonly port?: number;
  /** Checksums are verified and conditional writes honoured, as S3 does; see {@link S3Rules}. */
  readonly strict?: boolean;
}

const REGION = 'us-west-2';

export async function startProtocolServer(options: ProtocolServerOptions = {}): Promise<ProtocolServer> {
  const app = buildApp({ logger: false, defaultRegion: REGION });
  let calls: ProtocolCall[] = [];
  const callOf = new WeakMap<object, ProtocolCall & { queue: string | null; status: number | null }>();
  const planned: { operation: string; answer: S3Answer }[] = [];
  const holds = new CallHolds();
  const rules = new S3Rules(async (path) => {
    const { statusCode, headers } = await app.inject({ method: 'HEAD', url: path });
    return statusCode === 200 ? (headers['etag'] ?? '') : null;
  });

  app.addHook('onRequest', (request, _reply, done) => {
    const operation = operationOf(request.method, request.url, request.headers);
    const { method, url: path } = request;
    const accessKeyId = accessKeyIdOf(request.headers, path);
    const call = { operation, method, path, accessKeyId, queue: null, status: null };
    calls.push(call);
    callOf.set(request.raw, call);
    done();
  });
  // Only once the body is read: a refusal in the middle of an upload is another fault, that of a cut connection.
  app.addHook('preHandler', async (request, reply) => {
    const call = callOf.get(request.raw);
    if (call !== undefined && request.headers['x-amz-target'] !== undefined)
      call.queue = queueOf(request.body);
    const operation = operationOf(request.method, request.url, request.headers);
    const index = planned.findIndex((one) => one.operation === operation);
    const [plan] = index === -1 ? [] : planned.splice(index, 1);
    if (call !== undefined) await holds.pass(call, 'before');
    const ruled = options.strict === true || operation === 'ListMultipartUploads';
    const asked = { operation, path: request.url, headers: request.headers, body: request.body };
    const answer = plan?.answer ?? (ruled ? await rules.judge(asked) : null);
    if (answer !== null) return reply.code(answer.status).type('application/xml').send(answer.body);
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const operation = operationOf(request.method, request.url, request.headers);
    const asked = { operation, path: request.url, headers: request.headers, body: null };
    const call = callOf.get(request.raw);
    if (call !== undefined) call.status = reply.statusCode;
    rules.answered(asked, reply.statusCode, typeof payload === 'string' ? payload : '');
    if (call !== undefined) keepBack(reply.raw, () => holds.pass(call, 'after'));
    done();
  });

  const endpoint = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  return {
    endpoint,
    port: Number(new URL(endpoint).port),
    region: REGION,
    accessKeyId: 'test',
    secretAccessKey: 'test',
    get calls() {
      return calls;
    },
    count: (operation, pathPart = '') =>
      calls.filter((call) => call.operation === operation && call.path.includes(pathPart)).length,
    reset: () => {
      calls = [];
    },
    failNext: (operation, status, times = 1) => {
      planned.push(...Array.from({ length: times }, () => ({ operation, answer: errorAnswer(status) })));
    },
    answerNext: (operation, answer, times = 1) => {
      planned.push(...Array.from({ length: times }, () => ({ operation, answer })));
    },
    holdNext: (operation, hold = {}) => holds.add(operation, hold),
    answerAsBefore: () => void planned.splice(0),
    refused: (code) => rules.refused(code),
    get openUploads() {
      return rules.openUploads;
    },
    addUpload: (bucket, key, begunAt) => rules.addUpload(bucket, key, begunAt),
    [Symbol.asyncDispose]: () => {
      holds.releaseAll();
      return app.close();
    },
  };
}

/**
 * Sends the answer once `pass` resolves. What keeps it back must be the response itself: a hook that waits lets the
 * server's own handlers believe that they have not answered yet.
 */
function keepBack(response: ServerResponse, pass: () => Promise<void> | null): void {
  const waiting = pass();
  if (waiting === null) return;
  const end = response.end.bind(response);
  response.end = ((...answer: Parameters<typeof end>) => {
    void waiting.then(() => end(...answer));
    return response;
  }) as typeof response.end;
}

function errorAnswer(status: number): S3Answer {
  const code = status === 503 ? 'SlowDown' : status === 403 ? 'AccessDenied' : 'InternalError';
  return failure(status, code, 'as the test asked');
}

function accessKeyIdOf(headers: IncomingHttpHeaders, path: string): string | null {
  const signed = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1];
  return signed ?? /[?&]X-Amz-Credential=([^%/&]+)/.exec(path)?.[1] ?? null;
}

/** Bodies of SQS are JSON objects that name their queue, or its address, which ends in the name. */
function queueOf(body: unknown): string | null {
  const text = Buffer.isBuffer(body) ? body.toString() : body;
  const fields = (typeof text === 'string' ? JSON.parse(text) : text) as Record<string, unknown> | null;
  const queue = fields?.['QueueUrl'] ?? fields?.['QueueName'];
  return typeof queue === 'string' ? queue.slice(queue.lastIndexOf('/') + 1) : null;
}
