import { Agent, fetch } from 'undici';

/** These servers are the benchmark's own, some with a certificate that nobody knows. */
const options = { dispatcher: new Agent({ connect: { rejectUnauthorized: false } }) };

/** What an object sink or a fast origin counted; `{}` where nothing came. */
export interface SinkCounts {
  readonly calls: Readonly<Record<string, number>>;
  readonly objects: number;
  readonly keptBytes: number;
}

export async function sinkCounts(address: string): Promise<SinkCounts> {
  return (await (await fetch(`${address}/.sink`, options)).json()) as SinkCounts;
}

/** Also forgets every object. */
export async function resetSink(address: string): Promise<void> {
  await fetch(`${address}/.sink`, { ...options, method: 'DELETE' });
}

/** Requests by method. */
export async function originCounts(address: string): Promise<Readonly<Record<string, number>>> {
  return (await (await fetch(`${address}/.origin`, options)).json()) as Record<string, number>;
}

export async function resetOrigin(address: string): Promise<void> {
  await fetch(`${address}/.origin`, { ...options, method: 'DELETE' });
}
