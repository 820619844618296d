import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';
import type { ProtocolCall } from '@cloud-mirror/testing/protocol-call';

interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

/** The permission that a call needs. */
export interface Permission {
  readonly action: string;
  readonly resource: string;
}

/** An IAM policy of docs/deploy/iam. It supports only `Allow` statements, with `*` in resources. */
export class IamPolicy {
  readonly statements: readonly Statement[];

  constructor(statements: readonly Statement[]) {
    this.statements = statements;
  }

  static async read(name: string): Promise<IamPolicy> {
    const text = await readFile(join(PROJECT_ROOT, 'docs', 'deploy', 'iam', `${name}.json`), 'utf8');
    return new IamPolicy((JSON.parse(text) as { Statement: readonly Statement[] }).Statement);
  }

  /** The statements that allow a call. */
  allowing({ action, resource }: Permission): readonly Statement[] {
    return this.statements.filter(
      ({ Action, Resource }) =>
        Action.includes(action) && Resource.some((pattern) => matches(pattern, resource)),
    );
  }

  allows(permission: Permission): boolean {
    return this.allowing(permission).length > 0;
  }
}

/** Actions whose names differ from their operations. https://docs.aws.amazon.com/service-authorization/latest/reference/ */
const ACTIONS: Readonly<Record<string, string>> = {
  HeadObject: 's3:GetObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  HeadBucket: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  GetBucketLifecycleConfiguration: 's3:GetLifecycleConfiguration',
  PutBucketLifecycleConfiguration: 's3:PutLifecycleConfiguration',
  SendMessageBatch: 'sqs:SendMessage',
  DeleteMessageBatch: 'sqs:DeleteMessage',
  ChangeMessageVisibilityBatch: 'sqs:ChangeMessageVisibility',
};

/** The permissions that AWS requires for a call to the protocol server. Region and account are those of the policies. */
export function permissionsFor({ operation, path, queue }: ProtocolCall): readonly Permission[] {
  if (queue !== null) {
    const resource = `arn:aws:sqs:us-west-2:123456789012:${queue}`;
    return [{ action: ACTIONS[operation] ?? `sqs:${operation}`, resource }];
  }
  const { pathname } = new URL(path, 'http://s3.invalid');
  const resource = `arn:aws:s3:::${decodeURIComponent(pathname.slice(1)).replace(/\/$/, '')}`;
  const permission = { action: ACTIONS[operation] ?? `s3:${operation}`, resource };
  if (operation !== 'HeadObject') return [permission];
  // Without it S3 answers 403 for a missing object, and the mirror cannot tell that it is missing.
  return [permission, { action: 's3:ListBucket', resource: resource.replace(/\/.*$/s, '') }];
}

function matches(pattern: string, resource: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(resource);
}
