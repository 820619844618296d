import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsCredentialIdentity } from '@smithy/types';
import type { RenewableCredentials } from './credentials/renewable-credentials.ts';
import type { PlainAnswer, PlainRequest } from './plain-request.ts';
import { plainRequest } from './plain-request.ts';
import type { PlainTry } from './plain-try.ts';
import { NOT_SENT, unclear } from './plain-try.ts';

/** For how long all calls go through the SDK after it got an answer that a direct call did not get, in milliseconds. */
const SDK_ONLY_MS = 60_000;

/** The parts used here of a request that the SDK builds. */
export interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
}

/** The parts used here of an SDK client. */
export interface SdkClient {
  readonly config: {
    readonly credentials: () => Promise<AwsCredentialIdentity>;
    readonly sha256: ConstructorParameters<typeof SignatureV4>[0]['sha256'];
    /** Offset of the service's clock from this machine's, in milliseconds. */
    readonly systemClockOffset: number;
  };
}

export interface CallsBesideSdkOptions {
  readonly client: SdkClient;
  readonly credentials: RenewableCredentials;
  /** The agents of the SDK client, so that direct calls share its connections. */
  readonly agents: readonly [HttpAgent, HttpsAgent];
  readonly connectTimeoutMs: number;
  /** How requests are signed in their headers. `region` is a function if the region is not known yet. */
  readonly signing: {
    readonly service: string;
    readonly region: string | (() => Promise<string>);
    /** False for S3, which alone signs paths without a second percent-encoding. */
    readonly uriEscapePath?: boolean;
    /** Whether the header `x-amz-content-sha256` is sent. */
    readonly applyChecksum?: boolean;
  };
}

/** The first try of one call. If it gets no answer that is understood, the caller repeats the call with the SDK. */
export interface FirstTry<Answer> {
  /** Throws only the reason of `signal`. */
  readonly send: (signal: AbortSignal) => Promise<PlainTry<Answer>>;
  /** The caller calls this if the SDK then got an answer. */
  readonly settledBySdk: () => void;
}

/**
 * Direct calls to an AWS service, without the SDK: its middleware takes most of the processor time of a small call.
 * Direct calls understand only plain answers. In all other cases the SDK sends the same call again, with its errors,
 * retries and clock correction. So do not use direct calls for requests that must not be sent twice.
 *
 * If the SDK gets an answer where a direct call got none, all calls go through the SDK for a minute.
 */
export class CallsBesideSdk {
  readonly #options: CallsBesideSdkOptions;
  #signer: SignatureV4 | null = null;
  /** By `performance.now()`. */
  #sdkOnlyUntilMs = -Infinity;

  constructor(options: CallsBesideSdkOptions) {
    this.#options = options;
  }

  /** Whether all calls go through the SDK for now. */
  get isSdkOnly(): boolean {
    return performance.now() < this.#sdkOnlyUntilMs;
  }

  /** @param ask makes the call; an error that it throws counts as an unclear answer */
  begin<Answer>(ask: (signal: AbortSignal) => Promise<PlainTry<Answer>>): FirstTry<Answer> {
    const { credentials } = this.#options;
    let settle = (): void => undefined;
    return {
      send: async (signal) => {
        if (this.isSdkOnly) return NOT_SENT;
        const used = credentials.current;
        const tried = await attempt(ask, signal);
        // A service that answers 429 or 5xx has understood the call. If the credentials changed since, the service may
        // have refused only the old ones.
        if (tried.kind === 'unclear' && !tried.pause)
          settle = () => {
            if (credentials.current === used) this.#sdkOnlyUntilMs = performance.now() + SDK_ONLY_MS;
          };
        return tried;
      },
      settledBySdk: () => settle(),
    };
  }

  /** Sends a request unchanged: its path carries the signature. */
  send(request: PlainRequest): Promise<PlainAnswer> {
    const { agents, connectTimeoutMs } = this.#options;
    return plainRequest(agents, connectTimeoutMs, request);
  }

  /** Signs a request in its headers, with the time of the service's clock, and sends it. */
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
 * Calls `learn` with each request that the SDK builds, before it is signed. The address of a call may depend on the
 * environment, the profile and the input, so direct calls go only to addresses that the SDK has used itself.
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
