/** What a store says about a signed GET of a key that nobody uses. */
export interface StoreAnswer {
  /** null if clients can use the store: the key is missing, or it exists. */
  readonly fault: string | null;
  /** For the person who set the route up, if the fault has no single cause. */
  readonly hint: string | null;
}

/** Error documents of stores are short. */
const MOST_BYTES = 16_384;
const LIMIT_MS = 5_000;

/**
 * Sends a signed GET to a store and interprets its answer.
 * @returns never rejects, unless `signal` is aborted
 */
export async function askStore(address: string, signal?: AbortSignal): Promise<StoreAnswer> {
  let response: Response;
  try {
    const limit = AbortSignal.timeout(LIMIT_MS);
    response = await fetch(address, {
      redirect: 'manual',
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
  } catch (error) {
    signal?.throwIfAborted();
    return fault(
      `${new URL(address).host} cannot be reached: ${reasonOf(error)}`,
      'check endpoint and network',
    );
  }
  const text = await beginning(response);
  return answerOf(response.status, text, response.headers.get('x-amz-bucket-region'));
}

/** @param region of the bucket, if the store says it */
export function answerOf(status: number, body: string, region: string | null): StoreAnswer {
  const code =
    /<Code>([A-Za-z0-9.]{1,100})<\/Code>/.exec(body)?.[1] ?? /"code":"([a-z_]{1,100})"/.exec(body)?.[1] ?? '';
  const known = FAULTS[code];
  if (known !== undefined) return fault(known.fault, known.hint);
  if (REGION_CODES.has(code) || status === 301 || (status === 400 && region !== null))
    return fault(
      region === null ? 'the bucket is in another region' : `the bucket is in the region ${region}`,
      'set region (and endpoint) of the route',
    );
  if (MISSING_KEY.has(code) || (status >= 200 && status < 300)) return { fault: null, hint: null };
  return fault(
    `the server answers ${status}${code === '' ? ' without a code of S3' : ` ${code}`}`,
    'check the endpoint of the route',
  );
}

/** Of S3, and of our own folders. */
const MISSING_KEY: ReadonlySet<string> = new Set(['NoSuchKey', 'no_such_object']);

const REGION_CODES: ReadonlySet<string> = new Set([
  'AuthorizationHeaderMalformed',
  'AuthorizationQueryParametersError',
  'IllegalLocationConstraintException',
  'PermanentRedirect',
  'TemporaryRedirect',
]);

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
const FAULTS: Readonly<Record<string, { readonly fault: string; readonly hint: string | null }>> = {
  NoSuchBucket: {
    fault: 'the bucket does not exist',
    hint: 'create it, or correct bucket, region and endpoint',
  },
  InvalidBucketName: { fault: 'the store takes no such name of a bucket', hint: null },
  InvalidAccessKeyId: { fault: 'the store does not know the access key', hint: null },
  SignatureDoesNotMatch: { fault: 'the secret does not belong to the access key', hint: null },
  ExpiredToken: { fault: 'the session token has expired', hint: null },
  InvalidToken: { fault: 'the session token is invalid', hint: null },
  TokenRefreshRequired: { fault: 'the session token must be renewed', hint: null },
  RequestTimeTooSkewed: { fault: "this machine's clock differs from the store's", hint: null },
  AccessDenied: {
    fault: 'the credentials may not read, or the bucket refuses them',
    hint: 'without s3:ListBucket a missing object is refused as well',
  },
  AllAccessDisabled: { fault: 'the store has disabled all access to the bucket', hint: null },
  AccountProblem: { fault: 'there is a problem with the account of the bucket', hint: null },
};

function fault(text: string, hint: string | null): StoreAnswer {
  return { fault: text, hint };
}

async function beginning({ body }: Response): Promise<string> {
  if (body === null) return '';
  let text = '';
  try {
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length >= MOST_BYTES) break;
    }
  } catch {
    // The status alone says enough.
  }
  return text;
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : 'the connection failed';
}
