import { BlockList, isIPv6 } from 'node:net';
import { RCODE, TYPE } from './constants.ts';
import { readQuery, type DnsQuery } from './dns-query.ts';
import { encodeRefusal, encodeReply, type DnsReply } from './dns-reply.ts';
import type { Forwarder } from './forwarder.ts';
import type { Zone } from './zone.ts';

/** Who answered: this server from the registry, another one, or nobody. */
export type AnswerSource = 'registry' | 'resolver' | 'none';

export interface NameServerOptions {
  readonly zone: Zone;
  readonly forwarder: Forwarder;
  /** Address ranges of clients for whom other names are asked elsewhere. */
  readonly recursionFor: readonly string[];
  /** Whether the registry has not been read for too long, so that names are not known any more. */
  readonly isStale: () => boolean;
}

export interface AnsweredQuery {
  readonly message: Buffer;
  /** null if there is none, since the message is a refusal. */
  readonly query: DnsQuery | null;
  readonly source: AnswerSource;
}

const FAILURE: DnsReply = { rcode: RCODE.SERVFAIL, isAuthoritative: false };
const REFUSAL: DnsReply = { rcode: RCODE.REFUSED, isAuthoritative: false };
/** Answers messages, however they came. */
export class NameServer {
  readonly #options: NameServerOptions;
  readonly #recursive = new BlockList();

  constructor(options: NameServerOptions) {
    this.#options = options;
    for (const range of options.recursionFor) addRange(this.#recursive, range);
  }

  /**
   * @param client the client's IP address
   * @returns null if the message gets no reply
   */
  async answer(message: Buffer, client: string): Promise<AnsweredQuery | null> {
    const received = readQuery(message);
    if (received.kind === 'ignored') return null;
    if (received.kind === 'refused')
      return { message: encodeRefusal(received.refusal), query: null, source: 'none' };
    const { query } = received;
    const recursive = this.#options.forwarder.hasResolvers && this.#isRecursive(client);
    const reply = (source: AnswerSource, content: DnsReply): AnsweredQuery => ({
      message: encodeReply(query, content, recursive),
      query,
      source,
    });
    const { zone, forwarder, isStale } = this.#options;
    if (query.name !== null && zone.has(query.name))
      return reply('registry', isStale() ? FAILURE : await zone.answer(query.name, query.type));
    if (!recursive) return reply('none', REFUSAL);
    if (query.type === TYPE.ANY) return reply('none', query.name === null ? REFUSAL : anyReply(query.name));
    try {
      return { message: await forwarder.forward(query), query, source: 'resolver' };
    } catch {
      return reply('none', FAILURE);
    }
  }

  #isRecursive(client: string): boolean {
    return this.#recursive.check(client, isIPv6(client) ? 'ipv6' : 'ipv4');
  }
}

/** RFC 8482: whole answers to ANY are large, and nobody needs them. */
function anyReply(name: string): DnsReply {
  return {
    rcode: RCODE.NOERROR,
    isAuthoritative: false,
    answers: [{ type: 'HINFO', name, ttl: 3600, data: { cpu: 'RFC8482', os: '' } }],
  };
}

function addRange(list: BlockList, range: string): void {
  const [address = '', bits] = range.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
}
