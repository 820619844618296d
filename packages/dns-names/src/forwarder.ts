import { runWithin } from '@cloud-mirror/waiting';
import { FLAG, RCODE } from './constants.ts';
import type { DnsQuery } from './dns-query.ts';
import { checkParts } from './fit-message.ts';
import type { SocketAddress } from './socket-address.ts';
import { askResolver } from './upstream-query.ts';
import { foldedQuestion } from './wire.ts';

export interface ForwarderOptions {
  /** In the order in which they are asked. */
  readonly resolvers: readonly SocketAddress[];
  /** Called when a name server did not answer. */
  readonly onError: (error: Error) => void;
  readonly limits?: ForwardingLimits;
}

export interface ForwardingLimits {
  /** For one name server, in milliseconds. */
  readonly tryMs: number;
  /** For all of them: less than the 5 s after which most clients ask again. */
  readonly allMs: number;
}

const LIMITS: ForwardingLimits = { tryMs: 1_500, allMs: 4_500 };

export class ForwardingError extends Error {
  override readonly name = 'ForwardingError';
}

/** Asks other name servers. Questions that are asked several times at once are asked once. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #limits: ForwardingLimits;
  /** By question. */
  readonly #running = new Map<string, Promise<Buffer>>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
  }

  get hasResolvers(): boolean {
    return this.#options.resolvers.length > 0;
  }

  /**
   * @returns the answer of the first name server that has one, for this client: with its id and its spelling of the name
   * @throws ForwardingError if none has one in time
   */
  async forward(query: DnsQuery): Promise<Buffer> {
    const key = keyOf(query);
    const running = this.#running.get(key);
    const answer = running ?? this.#ask(query).finally(() => this.#running.delete(key));
    if (running === undefined) this.#running.set(key, answer);
    return forClient(await answer, query);
  }

  async #ask(query: DnsQuery): Promise<Buffer> {
    const { resolvers, onError } = this.#options;
    const { tryMs, allMs } = this.#limits;
    const endsAt = performance.now() + allMs;
    // A name server that is slow may answer the second time.
    for (const server of [...resolvers, ...resolvers]) {
      const limitMs = Math.min(tryMs, endsAt - performance.now());
      if (limitMs <= 0) break;
      const reason = (): Error => new ForwardingError(`no answer within ${Math.round(limitMs)} ms`);
      try {
        const answer = await runWithin({ limitMs, reason }, (signal) => askResolver(query, server, signal));
        checkParts(answer);
        const rcode = answer.readUInt16BE(2) & FLAG.rcode;
        if (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN) return answer;
        onError(new ForwardingError(`the name server ${server.address} answered with code ${rcode}`));
      } catch (error) {
        const cause = error as Error;
        onError(new ForwardingError(`the name server ${server.address}: ${cause.message}`, { cause }));
      }
    }
    throw new ForwardingError('no name server has an answer');
  }
}

/** What makes answers differ. */
function keyOf({ question, checkingDisabled, edns }: DnsQuery): string {
  const flags = `${checkingDisabled} ${edns === null ? 'plain' : edns.dnssecOk}`;
  return `${flags} ${foldedQuestion(question).toString('latin1')}`;
}

function forClient(answer: Buffer, { id, question, recursionDesired }: DnsQuery): Buffer {
  const message = Buffer.from(answer);
  message.writeUInt16BE(id, 0);
  const flags = message.readUInt16BE(2) & ~FLAG.recursionDesired;
  message.writeUInt16BE(flags | FLAG.recursionAvailable | (recursionDesired ? FLAG.recursionDesired : 0), 2);
  question.copy(message, 12);
  return message;
}
