import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsCredentialIdentity } from '@smithy/types';
import type { RenewableCredentials } from './credentials/renewable-credentials.ts';
import type { PlainAnswer, PlainRequest } from './plain-request.ts';
import { plainRequest } from './plain-request.ts';
import type { PlainTry } from './plain-try.ts';
import { NOT_SENT, unclear } from './plain-try.ts';

/** How long a service that answers the SDK's calls and not these is left to the SDK, in milliseconds. */
const REST_MS = 60_000;

/** What the SDK builds for the wire. */
export interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
}

/** What is used of a client of the SDK. */
export interface SdkClient {
  readonly config: {
    readonly credentials: () => Promise<AwsCredentialIdentity>;
    readonly sha256: ConstructorParameters<typeof SignatureV4>[0]['sha256'];
    /** Of the service's clock from this machine's, in milliseconds. */
    readonly systemClockOffset: number;
  };
}

export interface CallsBesideSdkOptions {
  readonly client: SdkClient;
  readonly credentials: RenewableCredentials;
  /** The client's, whose connections are shared. */
  readonly agents: readonly [HttpAgent, HttpsAgent];
  readonly connectTimeoutMs: number;
  /** How requests are signed in their headers; a function where the region is not known yet. */
  readonly signing: {
    readonly service: string;
    readonly region: string | (() => Promise<string>);
    /** S3 alone signs paths as they are sent. */
    readonly uriEscapePath?: boolean;
    /** Whether the header `x-amz-content-sha256` is sent. */
    readonly applyChecksum?: boolean;
  };
}

/** The first try of one call, which the SDK repeats where it is not answered. */
export interface FirstTry<Answer> {
  /** Throws only what `signal` was aborted for. */
  readonly send: (signal: AbortSignal) => Promise<PlainTry<Answer>>;
  /** To be called where the SDK then had an answer. */
  readonly settledBySdk: () => void;
}

/**
 * Calls to an AWS service without the SDK, whose middleware takes more processor time than everything else about a small
 * call. These calls understand plain answers only. Whatever else happens is left to the SDK, with its errors, retries and
 * correction of clocks: it sends the same call again. So they are not for what must not be sent twice.
 *
 * Where the SDK has an answer and a call without it had none, the service is left to the SDK for a minute.
 */
export class CallsBesideSdk {
  readonly #options: CallsBesideSdkOptions;
  #signer: SignatureV4 | null = null;
  /** By `performance.now()`. */
  #restsUntilMs = -Infinity;

  constructor(options: CallsBesideSdkOptions) {
    this.#options = options;
  }

  /** Whether calls are left to the SDK for now. */
  get isResting(): boolean {
    return performance.now() < this.#restsUntilMs;
  }

  /** @param ask makes the call; what it throws counts as unclear */
  begin<Answer>(ask: (signal: AbortSignal) => Promise<PlainTry<Answer>>): FirstTry<Answer> {
    const { credentials } = this.#options;
    let settle = (): void => undefined;
    return {
      send: async (signal) => {
        if (this.isResting) return NOT_SENT;
        const used = credentials.current;
        const tried = await attempt(ask, signal);
        // A service that asks for a pause has understood the call, and one that has taken other credentials since may
        // have refused no more than those.
        if (tried.kind === 'unclear' && !tried.pause)
          settle = () => {
            if (credentials.current === used) this.#restsUntilMs = performance.now() + REST_MS;
          };
        return tried;
      },
      settledBySdk: () => settle(),
    };
  }

  /** Sends a request as it is: its path carries the signature. */
  send(request: PlainRequest): Promise<PlainAnswer> {
    const { agents, connectTimeoutMs } = this.#options;
    return plainRequest(agents, connectTimeoutMs, request);
  }

  /** Sends a request that is signed in its headers, by the clock of the service. */
  async sendSigned(request: Required<PlainRequest>): Promise<PlainAnswer> {
    const { base, path, method, headers, body, signal } = request;
    const { protocol, hostname, port } = base;
    const unsigned = { method, protocol, hostname, path, query: {}, headers, body };
    const { headers: signed } = await this.#signerOnce().sign(
      port === '' ? unsigned : { ...unsigned, port: Number(port) },
      { signingDate: new Date(Date.now() + this.#options.client.config.systemClockOffset) },
    );
    signal.throwIfAborted();
    return this.send({ ...request, headers: signed });
  }

  #signerOnce(): SignatureV4 {
    const { client, signing } = this.#options;
    const { credentials, sha256 } = client.config;
    return (this.#signer ??= new SignatureV4({ ...signing, credentials, sha256 }));
  }
}

async function attempt<Answer>(
  ask: (signal: AbortSignal) => Promise<PlainTry<Answer>>,
  signal: AbortSignal,
): Promise<PlainTry<Answer>> {
  try {
    return await ask(signal);
  } catch {
    signal.throwIfAborted();
    return unclear();
  }
}

/**
 * Shows `learn` each request that the SDK builds, before it is signed: where the SDK sends a call may depend on environment,
 * profile and input, so calls without it go only where one of its own went.
 */
export function learnAddresses(
  client: { readonly middlewareStack: { add(middleware: never, options: never): void } },
  learn: (request: SdkRequest, input: object, commandName: string | undefined) => void | Promise<void>,
): void {
  const middleware =
    (next: (args: object) => unknown, { commandName }: { readonly commandName?: string }) =>
    async (args: { readonly input: object; readonly request: unknown }): Promise<unknown> => {
      await learn(args.request as SdkRequest, args.input, commandName);
      return next(args);
    };
  client.middlewareStack.add(
    middleware as never,
    { step: 'build', priority: 'low', name: 'learnAddress' } as never,
  );
}
