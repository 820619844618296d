import { Readable } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** The most bytes that are read of the body of an error. Errors of AWS have a few hundred. */
export const MOST_ERROR_BYTES = 65_536;

/**
 * The most bytes that are read of any other answer that is kept in memory. SQS returns up to ten messages of 1 MiB in one
 * answer, and S3 up to 1,000 keys of 1,024 bytes, each of which may be written as three characters.
 */
export const MOST_ANSWER_BYTES = 16 * 1024 * 1024;

type Request = Parameters<NodeHttpHandler['handle']>[0];
type Options = NonNullable<Parameters<NodeHttpHandler['handle']>[1]>;
type Handled = Awaited<ReturnType<NodeHttpHandler['handle']>>;

/**
 * The SDK's HTTP handler, with a bound on what it keeps of an answer: the SDK itself reads the body of every error whole, of
 * any length. The body of an error that is longer than {@link MOST_ERROR_BYTES} counts as empty, so that the status alone
 * says what failed, and its connection is closed. Any other answer that is longer than {@link MOST_ANSWER_BYTES} fails.
 * The body of an object (`GetObject`) is a stream, which its reader bounds.
 */
export class BoundedAnswerHandler extends NodeHttpHandler {
  override async handle(request: Request, options: Options = {}): Promise<Handled> {
    const handled = await super.handle(request, options);
    const { response } = handled;
    const body = response.body as Readable;
    if (isError(response.statusCode))
      response.body = await errorBody(body, options.abortSignal as AbortSignal | undefined);
    else if (request.query['x-id'] !== 'GetObject') response.body = boundedBody(body);
    return handled;
  }
}

/** Whether the body of an answer with this status describes an error or is of no use. */
export function isError(statusCode: number | undefined): boolean {
  return statusCode === undefined || statusCode >= 300;
}

/** @throws if the connection breaks off, or `signal` is aborted first */
async function errorBody(body: Readable, signal: AbortSignal | undefined): Promise<Readable> {
  const abort = (): void => {
    body.destroy(new Error('the call was aborted'));
  };
  signal?.addEventListener('abort', abort, { once: true });
  try {
    if (signal?.aborted === true) abort();
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Leaving the loop destroys the body and its connection.
      if (bytes > MOST_ERROR_BYTES) return Readable.from([], { objectMode: false });
      chunks.push(chunk);
    }
    return Readable.from(chunks, { objectMode: false });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function boundedBody(body: Readable): Readable {
  return Readable.from(upTo(body, MOST_ANSWER_BYTES), { objectMode: false });
}

async function* upTo(body: Readable, mostBytes: number): AsyncGenerator<Buffer, void, undefined> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error(`the answer is longer than ${mostBytes} bytes`);
    yield chunk;
  }
}
