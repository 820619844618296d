import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { buildApp } from 'fauxqs';
import { operationOf } from './aws-operation.ts';
import { CallHolds } from './call-holds.ts';
import type { CallHold, HoldOptions } from './call-holds.ts';
import type { ProtocolCall } from './protocol-call.ts';
import { failure, S3Rules, type OpenUpload, type S3Answer } from './s3-rules.ts';
import { refusalOfSignature, type SignatureRules } from './s3-signatures.ts';

/** An in-memory server on 127.0.0.1 that speaks the SQS and S3 protocols. */
export interface ProtocolServer extends AsyncDisposable {
  /** For SQS and for S3 (path style). */
  readonly endpoint: string;
  readonly port: number;
  /** The AWS region of everything in it. */
  readonly region: string;
  /** The credentials that it knows. S3 requests must be signed with them; SQS requests are not verified. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** All requests since the start or the last `reset`, in the order of their arrival. */
  readonly calls: readonly ProtocolCall[];
  /** Counts the calls of an operation whose path contains `pathPart` (default: any path). */
  count(operation: string, pathPart?: string): number;
  /** Clears the calls, but keeps objects and queues. */
  reset(): void;
  /** Answers the next `times` calls of `operation` with `status` and an S3 error body, without performing them. */
  failNext(operation: string, status: number, times?: number): void;
  /** Answers the next `times` calls of `operation` with `answer`, without performing them. */
  answerNext(operation: string, answer: S3Answer, times?: number): void;
  /**
   * Holds the next call before it is performed, or its response afterwards. The call is performed even if its caller has
   * disconnected, as on a network that delivers late.
   */
  holdNext(operation: string, options?: HoldOptions): CallHold;
  /** Cancels the remaining answers of `failNext` and `answerNext`. */
  answerAsBefore(): void;
  /** Counts the requests that a rule of S3 has refused with this code, such as `BadDigest`. */
  refused(code: string): number;
  /** Sets the clock that signatures are compared with further ahead. */
  advanceClock(seconds: number): void;
  /** Multipart uploads that are neither completed nor aborted. */
  readonly openUploads: readonly OpenUpload[];
  /** Adds an abandoned upload. */
  addUpload(bucket: string, key: string, begunAt: Date): OpenUpload;
}

export interface ProtocolServerOptions {
  /** Default: a free TCP port. */
  readonly port?: number;
  /** Whether to honour conditional writes like S3; see {@link S3Rules}. */
  readonly strict?: boolean;
  /** Secrets of further access keys. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Whether objects can be read and listed without a signature. Default: true. */
  readonly publicRead?: boolean;
}

const REGION = 'us-west-2';
const ACCESS_KEY_ID = 'test';
const SECRET_ACCESS_KEY = 'test';
const FORM = 'application/x-www-form-urlencoded';

export async function startProtocolServer(options: ProtocolServerOptions = {}): Promise<ProtocolServer> {
  const app = buildApp({ logger: false, defaultRegion: REGION });
  let calls: ProtocolCall[] = [];
  const callOf = new WeakMap<object, ProtocolCall & { queue: string | null; status: number | null }>();
  const planned: { operation: string; answer: S3Answer }[] = [];
  const holds = new CallHolds();
  let clockAhead = 0;
  const signatures: SignatureRules = {
    secrets: { ...options.secrets, [ACCESS_KEY_ID]: SECRET_ACCESS_KEY },
    publicRead: options.publicRead ?? true,
    now: () => Date.now() + clockAhead,
  };
  const rules = new S3Rules(async (path) => {
    const { statusCode, headers } = await app.inject({ method: 'HEAD', url: path });
    return statusCode === 200 ? (headers['etag'] ?? '') : null;
  });

  // Only the SNS of fauxqs, at `/`, reads forms. `curl -d` sends any body with this type, which S3 stores as it is.
  app.removeContentTypeParser(FORM);
  app.addContentTypeParser<Buffer>(FORM, { parseAs: 'buffer' }, (request, body, done) => {
    done(null, request.url === '/' ? Object.fromEntries(new URLSearchParams(body.toString())) : body);
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
  // After the body is read: a refusal in the middle of an upload would look like a cut connection.
  app.addHook('preHandler', async (request, reply) => {
    const call = callOf.get(request.raw);
    if (call !== undefined && request.headers['x-amz-target'] !== undefined)
      call.queue = queueOf(request.body);
    const operation = operationOf(request.method, request.url, request.headers);
    const index = planned.findIndex((one) => one.operation === operation);
    const [plan] = index === -1 ? [] : planned.splice(index, 1);
    if (call !== undefined) await holds.pass(call, 'before');
    const { method, url: path, headers, body } = request;
    const isS3 = headers['x-amz-target'] === undefined;
    const ruled = options.strict === true || operation === 'ListMultipartUploads';
    const asked = { operation, method, path, headers, body };
    const answer =
      plan?.answer ??
      (isS3 ? rules.refuse(refusalOfSignature(asked, signatures)) : null) ??
      rules.verifyBytes(asked) ??
      (ruled ? await rules.judge(asked) : null);
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
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    advanceClock: (seconds) => {
      clockAhead += seconds * 1000;
    },
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
 * Delays the response until `pass` resolves. Overrides `end` of the response, because a hook that waits would let the
 * server's own handlers respond a second time.
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

/** The body of an SQS call is a JSON object with the name of the queue, or with its URL, which ends with the name. */
function queueOf(body: unknown): string | null {
  const text = Buffer.isBuffer(body) ? body.toString() : body;
  const fields = (typeof text === 'string' ? JSON.parse(text) : text) as Record<string, unknown> | null;
  const queue = fields?.['QueueUrl'] ?? fields?.['QueueName'];
  return typeof queue === 'string' ? queue.slice(queue.lastIndexOf('/') + 1) : null;
}
