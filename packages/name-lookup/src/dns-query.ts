import { Resolver } from 'node:dns/promises';
import { pause } from '@cloud-mirror/waiting';
import { hostAddress, type HostAddress } from './host-address.ts';

export interface DnsQueryOptions {
  /** Name servers as for `dns.setServers`. `null`: those of resolv.conf. */
  readonly servers: readonly string[] | null;
  /** Time limit of the first try at each server, in milliseconds. It doubles with each further round. */
  readonly tryMs: number;
  readonly tries: number;
  /** How long to wait for the other family once one has addresses, in milliseconds. */
  readonly otherFamilyMs: number;
  /** Ends the queries; its reason is the error. */
  readonly signal: AbortSignal;
}

export type DnsAnswer =
  | { readonly kind: 'found'; readonly addresses: readonly HostAddress[]; readonly ttlSeconds: number }
  /** `exists`: the name has records, but no address. */
  | { readonly kind: 'absent'; readonly exists: boolean }
  /** `detail` names the failure: `ESERVFAIL`. */
  | { readonly kind: 'failed'; readonly detail: string };

/** Bounds the memory of one answer. More addresses than any client tries are useless. */
const MOST_ADDRESSES = 64;
/** How long an answer is good for if one family is missing from it for a fault, in seconds. */
const PARTIAL_SECONDS = 10;

/**
 * Asks for the IPv4 and IPv6 addresses of exactly this name.
 *
 * Each call has a channel of its own (20 µs), for two reasons: its queries can be cancelled, and c-ares shortens the time
 * limits of a channel after quick answers, after which a name that takes a second would never be found.
 */
export async function queryAddresses(name: string, options: DnsQueryOptions): Promise<DnsAnswer> {
  const { servers, tryMs, tries, otherFamilyMs, signal } = options;
  signal.throwIfAborted();
  const resolver = new Resolver({ timeout: tryMs, tries });
  if (servers !== null) resolver.setServers(servers);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const ended = new AbortController();
  try {
    const settled: DnsAnswer[] = [];
    const answers = [resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })].map(
      async (records) => {
        const answer = await answerOf(records);
        settled.push(answer);
        return answer;
      },
    );
    const first = await Promise.race(answers);
    if (first.kind === 'found')
      await Promise.race([Promise.all(answers), pause(otherFamilyMs, ended.signal)]);
    else await Promise.all(answers);
    signal.throwIfAborted();
    return combined(settled);
  } finally {
    ended.abort();
    signal.removeEventListener('abort', cancel);
    // Closes the sockets of a family that has not answered.
    resolver.cancel();
  }
}

type Records = readonly { readonly address: string; readonly ttl: number }[];

/** Codes of c-ares for answers that say that there is no such record. */
const ABSENT: Readonly<Record<string, { readonly exists: boolean }>> = {
  ENOTFOUND: { exists: false },
  EBADNAME: { exists: false },
  ENODATA: { exists: true },
};

async function answerOf(asking: Promise<Records>): Promise<DnsAnswer> {
  try {
    const records = (await asking).slice(0, MOST_ADDRESSES);
    const addresses = records.flatMap(({ address }) => hostAddress(address) ?? []);
    if (addresses.length === 0) return { kind: 'absent', exists: true };
    return { kind: 'found', addresses, ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const absent = ABSENT[code];
    return absent === undefined ? { kind: 'failed', detail: code } : { kind: 'absent', ...absent };
  }
}

/** @param answers of one or both families */
function combined(answers: readonly DnsAnswer[]): DnsAnswer {
  const found = answers.filter((answer) => answer.kind === 'found');
  const absent = answers.filter((answer) => answer.kind === 'absent');
  if (found.length > 0) {
    const isPartial = found.length + absent.length < 2;
    return {
      kind: 'found',
      addresses: found.flatMap(({ addresses }) => addresses),
      ttlSeconds: Math.min(
        ...found.map(({ ttlSeconds }) => ttlSeconds),
        isPartial ? PARTIAL_SECONDS : Infinity,
      ),
    };
  }
  const failed = answers.find((answer) => answer.kind === 'failed');
  return failed ?? { kind: 'absent', exists: absent.some(({ exists }) => exists) };
}
