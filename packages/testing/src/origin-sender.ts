import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { OriginAnswer, OriginFault } from './origin-answer.ts';

/** A position in the body at which a GET waits until `opened` resolves. */
export interface BodyGate {
  readonly at: number;
  readonly opened: Promise<void>;
  /** Called when a GET has reached the position. */
  readonly arrive: () => void;
}

/** Sends `answer` with backpressure. Resolves when nothing more will be sent, for whatever reason. */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: OriginAnswer,
  options: { readonly fault: OriginFault | null; readonly gate: BodyGate | null },
): Promise<void> {
  const { body } = answer;
  const range = answer.ranges ? rangeOf(request, body.sizeBytes, answer.headers.etag) : null;
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${body.sizeBytes}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: body.sizeBytes };
  const headers: Record<string, string | number> = { ...answer.headers };
  if (range !== null) headers['content-range'] = `bytes ${start}-${end - 1}/${body.sizeBytes}`;
  if (answer.framing === 'length') headers['content-length'] = end - start;
  if (answer.framing === 'close') {
    response.useChunkedEncodingByDefault = false;
    response.shouldKeepAlive = false;
  }
  response.writeHead(range === null ? answer.status : 206, headers);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.flushHeaders();
  const { fault, gate } = options;
  const stopAt = fault === null ? end : Math.min(end, Math.max(start, fault.at));
  const source = Readable.from(paced(answer, start, stopAt, gate), { objectMode: false });
  // A client may disconnect at any time, which is no error of the server.
  await pipeline(source, response, { end: fault === null }).catch(() => undefined);
  if (fault !== null) await commit(fault, response);
}

async function* paced(
  answer: OriginAnswer,
  start: number,
  end: number,
  gate: BodyGate | null,
): AsyncGenerator<Uint8Array> {
  const pausing = gate !== null && gate.at >= start && gate.at <= end ? gate : null;
  if (pausing !== null) {
    yield* atSpeed(answer, start, pausing.at);
    pausing.arrive();
    await pausing.opened;
  }
  yield* atSpeed(answer, pausing?.at ?? start, end);
}

async function* atSpeed(answer: OriginAnswer, start: number, end: number): AsyncGenerator<Uint8Array> {
  const speed = answer.bytesPerSecond;
  if (speed === undefined) {
    yield* answer.body.read(start, end);
    return;
  }
  const stepBytes = Math.max(1, Math.ceil(speed / 20));
  for (let at = start; at < end; at += stepBytes) {
    yield* answer.body.read(at, Math.min(end, at + stepBytes));
    await delay(50);
  }
}

async function commit(fault: OriginFault, response: ServerResponse): Promise<void> {
  const { socket } = response;
  if (socket === null || socket.destroyed) return;
  switch (fault.kind) {
    case 'cut':
      socket.destroySoon();
      return;
    case 'reset':
      // A reset discards unsent bytes, so wait until the written bytes have left.
      await new Promise<void>((resolve) => socket.write('', () => resolve()));
      socket.resetAndDestroy();
      return;
    case 'stall':
      await new Promise<void>((resolve) => response.once('close', resolve));
  }
}

/** Parses a single range (RFC 9110, section 14.2). Ignores several ranges, and a range whose If-Range does not match. */
function rangeOf(
  request: IncomingMessage,
  sizeBytes: number,
  etag: string | undefined,
): { start: number; end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const condition = request.headers['if-range'];
  // If-Range requires strong comparison (RFC 9110, section 13.1.5).
  if (condition !== undefined && (condition !== etag || etag.startsWith('W/'))) return null;
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  return start >= end ? 'unsatisfiable' : { start, end };
}
