import type { ProtocolServer } from '@cloud-mirror/testing/protocol-server';

/** Sends and counts the messages of one queue without the mirror's code. */
export class QueueMessages {
  readonly #server: ProtocolServer;
  readonly #name: string;

  constructor(server: ProtocolServer, name: string) {
    this.#server = server;
    this.#name = name;
  }

  async send(body: string, delaySeconds = 0): Promise<void> {
    await this.#call('SendMessage', { MessageBody: body, DelaySeconds: delaySeconds });
  }

  /** Number of waiting, delayed and in-flight messages together. */
  async count(): Promise<number> {
    const answer = await this.#call('GetQueueAttributes', { AttributeNames: ['All'] });
    const attributes = answer['Attributes'] as Readonly<Record<string, string>>;
    return ['', 'Delayed', 'NotVisible'].reduce(
      (sum, kind) => sum + Number(attributes[`ApproximateNumberOfMessages${kind}`] ?? 0),
      0,
    );
  }

  /** Receives the next messages and hides them for `hiddenSeconds`. @returns their bodies */
  async peek(hiddenSeconds = 0): Promise<readonly string[]> {
    const answer = await this.#call('ReceiveMessage', {
      MaxNumberOfMessages: 10,
      VisibilityTimeout: hiddenSeconds,
    });
    return ((answer['Messages'] ?? []) as readonly { Body: string }[]).map(({ Body }) => Body);
  }

  async delete(): Promise<void> {
    await this.#call('DeleteQueue', {});
  }

  async #call(action: string, fields: object): Promise<Readonly<Record<string, unknown>>> {
    const QueueUrl = `${this.#server.endpoint}/000000000000/${this.#name}`;
    const answer = await fetch(this.#server.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
        // The server reads the region from this header.
        authorization: `AWS4-HMAC-SHA256 Credential=test/20250101/${this.#server.region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify({ QueueUrl, ...fields }),
      signal: AbortSignal.timeout(10_000),
    });
    const body = (await answer.json()) as Readonly<Record<string, unknown>>;
    if (!answer.ok) throw new Error(`${action} of ${this.#name}: ${JSON.stringify(body)}`);
    return body;
  }
}
