import type { LifecycleRule } from '@aws-sdk/client-s3';
import {
  CreateBucketCommand,
  HeadBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3';
import type { CallOptions, PrepareOptions, Support } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { ChecksumKind } from './payload-checksum.ts';
import { contentMd5 } from './payload-checksum.ts';
import { mayRefuseOperation } from './refusals.ts';
import type { S3Calls } from './s3-calls.ts';
import type { S3Capabilities } from './s3-capabilities.ts';
import { hasName, isAbsent } from './s3-error.ts';

/** @throws StorageError `store_missing` if the bucket does not exist */
export async function checkBucket(calls: S3Calls, { signal }: CallOptions): Promise<void> {
  try {
    await calls.send(new HeadBucketCommand({ Bucket: calls.bucket }), {
      what: 'HEAD of the bucket',
      signal,
      attempts: 1,
    });
  } catch (error) {
    if (!(error instanceof StorageError) || !isAbsent(error.cause)) throw error;
    throw new StorageError('store_missing', `there is no bucket ${calls.bucket}`, { cause: error });
  }
}

/** Creates the bucket if it is missing. @returns one line if it was created */
export async function prepareBucket(
  calls: S3Calls,
  region: string,
  { signal }: CallOptions,
): Promise<readonly string[]> {
  try {
    await checkBucket(calls, { signal });
    return [];
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'store_missing') throw error;
  }
  const create = (locationConstraint: object): Promise<unknown> =>
    calls.send(new CreateBucketCommand({ Bucket: calls.bucket, ...locationConstraint }), {
      what: 'creation of the bucket',
      signal,
    });
  try {
    // us-east-1 is the default of AWS, which rejects it as an explicit location.
    if (region === 'us-east-1') await create({});
    else await create({ CreateBucketConfiguration: { LocationConstraint: region } });
  } catch (error) {
    const cause = error instanceof StorageError ? error.cause : undefined;
    if (hasName(cause, 'BucketAlreadyOwnedByYou')) return [];
    // Other stores have their own locations, or none.
    if (!hasName(cause, 'InvalidLocationConstraint')) throw error;
    await create({});
  }
  return [`created bucket ${calls.bucket}`];
}

/** The prefix of the ids of the mirror's own lifecycle rules. Other rules are not changed. */
const RULE_ID = 'cloud-mirror-';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-conflicts.html: the earlier expiration wins. */
const LONG_LIVED_EXTRA_DAYS = 30;

export interface LifecycleSettings {
  readonly lifespanDays: number;
  readonly checksums: ChecksumKind;
  /** Updated with whether the store keeps lifecycle rules. */
  readonly capabilities: S3Capabilities;
}

/**
 * Updates the bucket's lifecycle rules. A store without lifecycle rules is not an error, because expired copies count as
 * absent anyway.
 * @returns one line if the rules were changed or cannot be set
 */
export async function prepareLifecycle(
  calls: S3Calls,
  { lifespanDays, checksums, capabilities }: LifecycleSettings,
  options: PrepareOptions,
): Promise<readonly string[]> {
  const { bucket } = calls;
  const call = { signal: options.signal };
  const wanted = lifecycleRules(lifespanDays, options);
  const found = await currentLifecycle(calls, call);
  if (found === null) {
    capabilities.learn('lifecycle', 'no');
    return [`bucket ${bucket} supports no lifecycle rules: nothing removes old copies from it`];
  }
  // Some stores support expiration but no rule for uploads. Copiers abort unfinished uploads themselves.
  const forms = [wanted, wanted.filter((rule) => rule.AbortIncompleteMultipartUpload === undefined)];
  if (forms.some((rules) => sameRules(ownRules(found), rules))) {
    capabilities.learn('lifecycle', 'yes');
    return [];
  }
  const taken = await putFirstTaken(calls, forms, found, checksums, call);
  const kept = taken === null ? null : await currentLifecycle(calls, call);
  // Some stores answer success but ignore the rules, so they are read back.
  if (taken === null || kept === null || ownRules(kept).length === 0) {
    capabilities.learn('lifecycle', 'no');
    const why = taken === null ? 'supports no lifecycle rules' : 'accepts lifecycle rules but ignores them';
    return [`bucket ${bucket} ${why}: nothing removes old copies from it`];
  }
  capabilities.learn('lifecycle', 'yes');
  return [`set lifecycle rules of bucket ${bucket}: ${taken.map(describeRule).join('; ')}`];
}

/** Whether the bucket has lifecycle rules of the mirror. `unknown`: it has none, but may support them. */
export async function readLifecycleSupport(calls: S3Calls, options: CallOptions): Promise<Support> {
  try {
    const found = await currentLifecycle(calls, options);
    if (found === null) return 'no';
    return ownRules(found).length > 0 ? 'yes' : 'unknown';
  } catch (error) {
    // A program may lack the permission to read lifecycle rules.
    if (error instanceof StorageError && error.code === 'store_forbidden') return 'unknown';
    throw error;
  }
}

/** @returns the first of `forms` that the store accepts; `null` if it accepts none */
async function putFirstTaken(
  calls: S3Calls,
  forms: readonly (readonly LifecycleRule[])[],
  found: Lifecycle,
  checksums: ChecksumKind,
  { signal }: CallOptions,
): Promise<readonly LifecycleRule[] | null> {
  for (const rules of forms) {
    const command = new PutBucketLifecycleConfigurationCommand({
      Bucket: calls.bucket,
      LifecycleConfiguration: {
        Rules: [...found.Rules.filter((rule) => !isOwn(rule)), ...rules],
      },
      ...(found.TransitionDefaultMinimumObjectSize === undefined
        ? {}
        : { TransitionDefaultMinimumObjectSize: found.TransitionDefaultMinimumObjectSize }),
    });
    if (checksums === 'when_required') addContentMd5(command);
    try {
      await calls.send(command, { what: 'PUT of the lifecycle rules', signal });
      return rules;
    } catch (error) {
      if (!mayRefuseOperation(error)) throw error;
    }
  }
  return null;
}

function ownRules({ Rules }: Lifecycle): readonly LifecycleRule[] {
  return Rules.filter(isOwn);
}

function isOwn(rule: LifecycleRule): boolean {
  return rule.ID?.startsWith(RULE_ID) === true;
}

type Lifecycle = {
  readonly Rules: readonly LifecycleRule[];
  readonly TransitionDefaultMinimumObjectSize?: PutBucketLifecycleConfigurationCommand['input']['TransitionDefaultMinimumObjectSize'];
};

/** @returns `null` if the store supports no lifecycle rules */
async function currentLifecycle(calls: S3Calls, { signal }: CallOptions): Promise<Lifecycle | null> {
  try {
    const found = await calls.send(new GetBucketLifecycleConfigurationCommand({ Bucket: calls.bucket }), {
      what: 'GET of the lifecycle rules',
      signal,
    });
    return {
      Rules: found.Rules ?? [],
      TransitionDefaultMinimumObjectSize: found.TransitionDefaultMinimumObjectSize,
    };
  } catch (error) {
    // NoSuchLifecycleConfiguration, with status 404.
    if (error instanceof StorageError && isAbsent(error.cause)) return { Rules: [] };
    if (mayRefuseOperation(error)) return null;
    throw error;
  }
}

/**
 * One rule for each prefix of objects. A filter cannot exclude a prefix, so a rule for the whole bucket would also remove
 * the long-lived objects.
 */
function lifecycleRules(
  lifespanDays: number,
  { longLivedPrefix, objectPrefixes }: PrepareOptions,
): LifecycleRule[] {
  const expire = (prefix: string, days: number): LifecycleRule => ({
    ID: `${RULE_ID}expire-${prefix.replace(/[^0-9A-Za-z]+/g, '-').replace(/^-|-$/g, '')}`,
    Status: 'Enabled',
    Filter: { Prefix: prefix },
    Expiration: { Days: days },
  });
  return [
    ...objectPrefixes.map((prefix) => expire(prefix, lifespanDays)),
    expire(longLivedPrefix, lifespanDays + LONG_LIVED_EXTRA_DAYS),
    {
      ID: `${RULE_ID}end-unfinished-uploads`,
      Status: 'Enabled',
      Filter: { Prefix: '' },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    },
  ];
}

/** Compares the meaning of rules: stores return them in another order, and with other forms of an empty filter. */
function sameRules(found: readonly LifecycleRule[], wanted: readonly LifecycleRule[]): boolean {
  const said = (rules: readonly LifecycleRule[]): string => JSON.stringify(rules.map(describeFully).sort());
  return said(found) === said(wanted);
}

function describeFully(rule: LifecycleRule): string {
  return `${rule.ID ?? ''} ${rule.Status ?? ''} ${describeRule(rule)}`;
}

function describeRule(rule: LifecycleRule): string {
  const prefix = rule.Filter?.Prefix ?? rule.Prefix ?? '';
  const uploadDays = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation;
  if (uploadDays !== undefined) return `unfinished uploads end after ${uploadDays} d`;
  return `${prefix}* expires after ${rule.Expiration?.Days ?? 0} d`;
}

/** Older stores require Content-MD5 with this request, but the SDK no longer has a parameter for it. */
function addContentMd5(command: PutBucketLifecycleConfigurationCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string>; body?: unknown };
      if (typeof request.body === 'string' || request.body instanceof Uint8Array)
        request.headers['content-md5'] = contentMd5(request.body);
      return next(args);
    },
    { step: 'build', name: 'addContentMd5' },
  );
}
