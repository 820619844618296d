/** A request to the protocol server. */
export interface ProtocolCall {
  /** The name of the AWS operation: `SendMessage`, `PutObject`, `HeadObject`, … */
  readonly operation: string;
  readonly method: string;
  /** The path with its query, beginning with the bucket. */
  readonly path: string;
  /** The access key that signed the request; null if it is not signed. */
  readonly accessKeyId: string | null;
  /** The name of the queue of an SQS call; null before its body is read. */
  readonly queue: string | null;
  /** The status of the response; null before there is one. */
  readonly status: number | null;
}
