import { decode, type OptAnswer } from 'dns-packet';
import { FLAG, HEADER_BYTES, MOST_UDP_BYTES, PLAIN_UDP_BYTES, RCODE, TYPE, type Rcode } from './constants.ts';
import { readQuestion } from './wire.ts';

/** EDNS of a query (RFC 6891). */
export interface Edns {
  /** The longest message over UDP that the client takes and this server sends, in bytes. */
  readonly udpBytes: number;
  readonly dnssecOk: boolean;
}

export interface DnsQuery {
  readonly id: number;
  /** Name, type and class as the client sent them, letter case included: the reply repeats them. */
  readonly question: Buffer;
  /** In lower case, without a dot at its end. null if a label has bytes that no name of a host or service has. */
  readonly name: string | null;
  readonly type: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly edns: Edns | null;
}

/** Why a query has no answer. `question` is null if it could not be read. */
export interface QueryRefusal {
  readonly id: number;
  /** The second word of the query's header. */
  readonly flags: number;
  readonly question: Buffer | null;
  readonly rcode: Rcode;
  /** Set if the client used a version of EDNS that does not exist yet. */
  readonly isBadVersion: boolean;
}

/** `ignored`: no query, so it gets no reply: two servers must not answer each other. */
export type ReceivedMessage =
  | { readonly kind: 'query'; readonly query: DnsQuery }
  | { readonly kind: 'refused'; readonly refusal: QueryRefusal }
  | { readonly kind: 'ignored' };

const CLASS_IN = 1;
/** OPT, and perhaps a signature. dns-packet prepares a list for each announced record, so noise would cost memory. */
const MOST_ADDITIONALS = 4;
/** The characters of names of hosts and services. */
const PLAIN_LABEL = /^[a-z0-9_-]+$/;

/** Reads a message from a client. Never throws. */
export function readQuery(message: Buffer): ReceivedMessage {
  if (message.length < HEADER_BYTES) return { kind: 'ignored' };
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.response) !== 0) return { kind: 'ignored' };
  const refused = (rcode: Rcode, question: Buffer | null = null, isBadVersion = false): ReceivedMessage => ({
    kind: 'refused',
    refusal: { id, flags, question, rcode, isBadVersion },
  });
  if ((flags & FLAG.opcode) !== 0) return refused(RCODE.NOTIMP);
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0) return refused(RCODE.FORMERR);
  if (additionals === undefined || additionals > MOST_ADDITIONALS) return refused(RCODE.FORMERR);
  try {
    const { bytes, labels, type, class: questionClass } = readQuestion(message);
    const options = decode(message).additionals?.filter(({ type: each }) => each === 'OPT') ?? [];
    const [option] = options as OptAnswer[];
    if (options.length > 1 || (option !== undefined && option.name !== '.'))
      return refused(RCODE.FORMERR, bytes);
    if (option !== undefined && option.ednsVersion !== 0) return refused(RCODE.NOERROR, bytes, true);
    const refusal = refusalOf(type, questionClass);
    if (refusal !== null) return refused(refusal, bytes);
    return {
      kind: 'query',
      query: {
        id,
        question: bytes,
        name: plainName(labels),
        type,
        recursionDesired: (flags & FLAG.recursionDesired) !== 0,
        checkingDisabled: (flags & FLAG.checkingDisabled) !== 0,
        edns: option === undefined ? null : ednsOf(option),
      },
    };
  } catch {
    return refused(RCODE.FORMERR);
  }
}

function refusalOf(type: number, questionClass: number): Rcode | null {
  if (questionClass !== CLASS_IN) return RCODE.REFUSED;
  switch (type) {
    case 0:
    case TYPE.OPT:
      return RCODE.FORMERR;
    case TYPE.IXFR:
    case TYPE.AXFR:
      return RCODE.REFUSED;
    case TYPE.MAILA:
    case TYPE.MAILB:
      return RCODE.NOTIMP;
    default:
      return null;
  }
}

function ednsOf({ udpPayloadSize, flags }: OptAnswer): Edns {
  return {
    // RFC 6891, section 6.2.3: values below 512 count as 512.
    udpBytes: Math.min(MOST_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, udpPayloadSize ?? 0)),
    dnssecOk: ((flags ?? 0) & 0x8000) !== 0,
  };
}

/** A dot within a label must not look like two labels, so names with unusual bytes have no text. */
function plainName(labels: readonly Buffer[]): string | null {
  const texts = labels.map((label) => label.toString('latin1'));
  return texts.every((text) => PLAIN_LABEL.test(text)) ? texts.join('.') : null;
}
