import { Agent, fetch } from 'undici';

/** Accepts any certificate: these servers belong to the benchmark, and some have a self-signed one. */
const options = { dispatcher: new Agent({ connect: { rejectUnauthorized: false } }) };

/** The counts of an object sink or a fast origin; `{}` if there were no requests. */
export interface SinkCounts {
  readonly calls: Readonly<Record<string, number>>;
  readonly objects: number;
  readonly keptBytes: number;
}

export async function sinkCounts(address: string): Promise<SinkCounts> {
  return (await (await fetch(`${address}/.sink`, options)).json()) as SinkCounts;
}

/** Also removes every object. */
export async function resetSink(address: string): Promise<void> {
  await fetch(`${address}/.sink`, { ...options, method: 'DELETE' });
}

/** Number of requests by method. */
export async function originCounts(address: string): Promise<Readonly<Record<string, number>>> {
  return (await (await fetch(`${address}/.origin`, options)).json()) as Record<string, number>;
}

export async function resetOrigin(address: string): Promise<void> {
  await fetch(`${address}/.origin`, { ...options, method: 'DELETE' });
}
