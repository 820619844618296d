/** One request that the server got. */
export interface ProtocolCall {
  /** Name of the AWS operation: `SendMessage`, `PutObject`, `HeadObject`, … */
  readonly operation: string;
  readonly method: string;
  /** Path with its query, the bucket first. */
  readonly path: string;
  /** Who signed it; `null` where nobody did. */
  readonly accessKeyId: string | null;
  /** Name of the queue that a call of SQS is about, once its body was read. */
  readonly queue: string | null;
  /** Of the answer; `null` until there is one. */
  readonly status: number | null;
}
