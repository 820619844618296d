import { decode, encode, type Answer, type RecordType } from 'dns-packet';
import { FLAG, HEADER_BYTES } from './constants.ts';
import type { SocketAddress } from './socket-address.ts';
import { askResolver } from './upstream-query.ts';

export interface ServerAnswer {
  /** `NOERROR`, `NXDOMAIN` … */
  readonly rcode: string;
  readonly answers: readonly Answer[];
  /** Without the record of EDNS. */
  readonly additionals: readonly Answer[];
}

/** Types of records that {@link askServer} asks for. */
export const QUESTION_TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'SOA', 'TXT', 'CNAME', 'NS', 'MX'] as const;

/**
 * Asks a name server about a name, over TCP if the answer is too long for UDP.
 * @param name without a dot at its end; at most 253 characters
 * @throws the reason of `signal`, or the error of the socket
 */
export async function askServer(
  {
    name,
    type,
    server,
  }: { readonly name: string; readonly type: RecordType; readonly server: SocketAddress },
  signal: AbortSignal,
): Promise<ServerAnswer> {
  const question = encode({ questions: [{ name, type }] }).subarray(HEADER_BYTES);
  const query = { question, checkingDisabled: false, edns: { udpBytes: 1232, dnssecOk: false } };
  const message = await askResolver(query, server, signal);
  const { answers = [], additionals = [] } = decode(message);
  return {
    rcode: RCODES[message.readUInt16BE(2) & FLAG.rcode] ?? 'an unknown code',
    answers,
    additionals: additionals.filter((record) => record.type !== 'OPT'),
  };
}

const RCODES: readonly string[] = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
