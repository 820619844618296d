import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '@cloud-mirror/http-service';

const MOST_BYTES = 64 * 1024;

/**
 * Reads the body of a request as JSON, whatever its Content-Type: `curl -d` sends that of a form.
 * @throws HttpProblem 413 if it is longer than 64 KiB, 400 if it is not JSON
 */
export async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // The server limits the time of a whole request.
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new HttpProblem(400, 'body_incomplete', 'The body of the request ended early.', { cause });
  }
  if (bytes > MOST_BYTES)
    throw new HttpProblem(
      413,
      'body_too_large',
      `The body of the request is longer than ${MOST_BYTES} bytes.`,
      {
        headers: { Connection: 'close' },
      },
    );
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (cause) {
    throw new HttpProblem(400, 'body_invalid', 'The body of the request is not JSON.', { cause });
  }
}
