import { buildApp } from 'fauxqs';
import { operationOf } from './aws-operation.ts';

/** One request that the server got. */
export interface ProtocolCall {
  /** Name of the AWS operation: `SendMessage`, `PutObject`, `HeadObject`, … */
  readonly operation: string;
  readonly method: string;
  /** Path with its query, the bucket first. */
  readonly path: string;
}

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
}

export interface ProtocolServerOptions {
  /** A free one where none is named. */
  readonly port?: number;
}

const REGION = 'us-west-2';

export async function startProtocolServer(options: ProtocolServerOptions = {}): Promise<ProtocolServer> {
  const app = buildApp({ logger: false, defaultRegion: REGION });
  let calls: ProtocolCall[] = [];
  const failures: { operation: string; status: number }[] = [];

  app.addHook('onRequest', (request, _reply, done) => {
    const operation = operationOf(request.method, request.url, request.headers);
    calls.push({ operation, method: request.method, path: request.url });
    done();
  });
  // Only once the body is read: a refusal in the middle of an upload is another fault, that of a cut connection.
  app.addHook('preHandler', (request, reply, done) => {
    const operation = operationOf(request.method, request.url, request.headers);
    const index = failures.findIndex((one) => one.operation === operation);
    const [failure] = index === -1 ? [] : failures.splice(index, 1);
    if (failure === undefined) return done();
    void reply.code(failure.status).type('application/xml').send(errorBody(failure.status));
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
      failures.push(...Array.from({ length: times }, () => ({ operation, status })));
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

function errorBody(status: number): string {
  const code = status === 503 ? 'SlowDown' : status === 403 ? 'AccessDenied' : 'InternalError';
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as the test asked</Message></Error>`;
}
