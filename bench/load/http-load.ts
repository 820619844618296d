import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath } from '@cloud-mirror/testing/server-programs';
import { runToEnd } from '../processes/bench-process.ts';

/** The results of one turn of load. */
export interface LoadSeen {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface HttpLoadOptions {
  /** Request targets, requested in this order, repeatedly. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly cores: string;
}

/** Sends requests as fast as possible over `connections` keep-alive connections, without pipelining. */
export class HttpLoad implements AsyncDisposable {
  readonly #options: HttpLoadOptions;
  readonly #folder: string;
  /** The load generator. */
  readonly generator: 'wrk' | 'autocannon';

  private constructor(options: HttpLoadOptions, folder: string, generator: 'wrk' | 'autocannon') {
    this.#options = options;
    this.#folder = folder;
    this.generator = generator;
  }

  static async open(options: HttpLoadOptions): Promise<HttpLoad> {
    const folder = await mkdtemp(join(tmpdir(), 'bench-paths-'));
    await writeFile(join(folder, 'paths'), `${options.paths.join('\n')}\n`);
    return new HttpLoad(options, folder, (await onPath('wrk')) === null ? 'autocannon' : 'wrk');
  }

  /** @throws {Error} if a request failed or had a status of 400 or more */
  async run(address: string, seconds: number): Promise<LoadSeen> {
    const output = await runToEnd(this.#command(address, seconds), { cores: this.#options.cores });
    const line = /^\{.*\}$/m.exec(output)?.[0] ?? '{}';
    const seen = JSON.parse(line) as Record<'requests' | 'microseconds' | 'p50' | 'p99' | 'failed', number>;
    if (seen.failed > 0 || !(seen.requests > 0))
      throw new Error(`${address}: ${seen.failed} of ${seen.requests} requests failed\n${output}`);
    return {
      requests: seen.requests,
      requestsPerSecond: (seen.requests / seen.microseconds) * 1e6,
      p50Ms: seen.p50 / 1000,
      p99Ms: seen.p99 / 1000,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  #command(address: string, seconds: number): readonly string[] {
    const paths = join(this.#folder, 'paths');
    const connections = String(this.#options.connections);
    if (this.generator === 'autocannon') {
      const script = join(import.meta.dirname, 'autocannon-main.ts');
      return [process.execPath, script, address, paths, connections, String(seconds)];
    }
    const script = join(import.meta.dirname, 'wrk-paths.lua');
    return ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, address, '--', paths];
  }
}
