import { Agent, get } from 'node:http';

/** A request that was not answered with 200. */
export interface FailedRequest {
  readonly startedAtMs: number;
  readonly what: string;
}

export interface LoadResult {
  readonly answered: number;
  readonly failed: readonly FailedRequest[];
}

/** Requests without pause until it is stopped. */
export interface SteadyLoad {
  readonly answered: number;
  readonly failed: readonly FailedRequest[];
  stop(): Promise<LoadResult>;
}

const WORKERS = 4;

/** Sends GETs to a port of this machine: half of the workers keep their connection, half open one for each request. */
export function startLoad(port: number, headers: Readonly<Record<string, string>> = {}): SteadyLoad {
  const agents = [
    new Agent({ keepAlive: true, maxSockets: WORKERS }),
    new Agent({ keepAlive: false, maxSockets: WORKERS }),
  ];
  const failed: FailedRequest[] = [];
  let answered = 0;
  let isStopped = false;
  const work = async (agent: Agent): Promise<void> => {
    while (!isStopped) {
      const startedAtMs = performance.now();
      const what = await request({ agent, port, headers });
      if (what === '200') answered += 1;
      else failed.push({ startedAtMs, what });
    }
  };
  const workers = agents.flatMap((agent) => Array.from({ length: WORKERS }, () => work(agent)));
  return {
    get answered() {
      return answered;
    },
    failed,
    async stop() {
      isStopped = true;
      await Promise.all(workers);
      for (const agent of agents) agent.destroy();
      return { answered, failed };
    },
  };
}

/** @returns the status, or the code of the error */
export function request(options: {
  readonly port: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}): Promise<string> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', timeout: 20_000, ...options }, (response) => {
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      response.on('end', () => resolve(String(response.statusCode)));
      response.resume();
    })
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      .on('timeout', function onTimeout(this: { destroy: (error: Error) => void }) {
        this.destroy(new Error('no answer within 20 s'));
      });
  });
}
