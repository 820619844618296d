import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { connect, isIPv6 } from 'node:net';
import { encode } from 'dns-packet';
import { FLAG, HEADER_BYTES, MOST_TCP_BYTES, RECEIVED_UDP_BYTES } from './constants.ts';
import type { DnsQuery } from './dns-query.ts';
import type { SocketAddress } from './socket-address.ts';
import { foldedQuestion, readQuestion } from './wire.ts';

/** What a name server is asked. */
export type AskedQuestion = Pick<DnsQuery, 'question' | 'edns' | 'checkingDisabled'>;

/** A question for another name server. */
interface Upstream {
  readonly id: number;
  readonly message: Buffer;
  /** See `foldedQuestion`. */
  readonly folded: Buffer;
}

const LARGEST_ID = 0xffff;

/**
 * Asks one name server over UDP, and over TCP if the answer is cut. Each call has a random id and a socket of its own, with a
 * port that the system chooses at random, so that others can hardly forge an answer (RFC 5452).
 * @throws the reason of `signal`, or the error of the socket
 */
export async function askResolver(
  query: AskedQuestion,
  server: SocketAddress,
  signal: AbortSignal,
): Promise<Buffer> {
  const answer = await askUdp(upstreamOf(query), server, signal);
  if ((answer.readUInt16BE(2) & FLAG.truncated) === 0) return answer;
  return askTcp(upstreamOf(query), server, signal);
}

/** EDNS only if the client uses it: it would get a record otherwise that it does not know. */
function upstreamOf({ question, edns, checkingDisabled }: AskedQuestion): Upstream {
  const id = randomInt(LARGEST_ID + 1);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG.recursionDesired | (checkingDisabled ? FLAG.checkingDisabled : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(edns === null ? 0 : 1, 10);
  const option = edns === null ? Buffer.alloc(0) : optionBytes(edns.dnssecOk);
  return {
    id,
    message: Buffer.concat([header, question, option]),
    folded: foldedQuestion(question),
  };
}

function optionBytes(dnssecOk: boolean): Buffer {
  const message = encode({
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: RECEIVED_UDP_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: dnssecOk ? 0x8000 : 0,
        flag_do: dnssecOk,
        options: [],
      },
    ],
  });
  return message.subarray(HEADER_BYTES);
}

/** Whether a message answers the question. Whatever else arrives is somebody else's and is ignored. */
function answers({ id, folded }: Upstream, message: Buffer): boolean {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== id) return false;
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.response) === 0 || (flags & FLAG.opcode) !== 0 || message.readUInt16BE(4) !== 1)
    return false;
  try {
    return foldedQuestion(readQuestion(message).bytes).equals(folded);
  } catch {
    return false;
  }
}

async function askUdp(
  upstream: Upstream,
  { address, port }: SocketAddress,
  signal: AbortSignal,
): Promise<Buffer> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const end = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', end, { once: true });
  socket.on('error', reject);
  socket.on('message', (message) => {
    if (answers(upstream, message)) resolve(message);
  });
  // A connected socket receives from this server only, and learns at once that nobody listens there.
  socket.connect(port, address, () => socket.send(upstream.message));
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', end);
    socket.close();
  }
}

async function askTcp(
  upstream: Upstream,
  { address, port }: SocketAddress,
  signal: AbortSignal,
): Promise<Buffer> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: address, port });
  const end = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', end, { once: true });
  let received = Buffer.alloc(0);
  socket.on('connect', () => socket.write(withLength(upstream.message)));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the name server closed the connection before its answer')));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    const message = received.subarray(2, 2 + received.readUInt16BE(0));
    if (answers(upstream, message)) resolve(message);
    else reject(new Error('the name server answered something else'));
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', end);
    socket.destroy();
  }
}

/** RFC 1035, section 4.2.2. @param message at most 65,535 bytes */
export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Math.min(MOST_TCP_BYTES, message.length));
  return Buffer.concat([length, message]);
}
