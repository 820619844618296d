import { request } from 'undici';
import { CommandError } from './command-interface.ts';
import { answerText, jsonObject, networkFailure, openHttpAgent } from './http-client.ts';
import { callService } from './service-call.ts';
import { printable } from './terminal-output.ts';

/** The fleet sends a comment each ten seconds. */
const SILENCE_LIMIT_MS = 35_000;
/** A list of 10,000 instances is smaller. */
const LONGEST_EVENT = 64 * 1024 * 1024;

export interface FleetCall {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: URL;
  readonly token: string | null;
  readonly body: object | null;
  readonly signal: AbortSignal;
}

/** @returns the body of the answer. @throws CommandError unless the status is 2xx */
export async function callFleet({ method, url, token, body, signal }: FleetCall): Promise<string> {
  const answer = await callService({
    method,
    url,
    token,
    signal,
    ...(body !== null && { body: JSON.stringify(body) }),
  });
  if (answer.status >= 200 && answer.status < 300) return answer.text;
  throw new CommandError(refusalText(answer.status, answer.text));
}

function refusalText(status: number, text: string): string {
  const answer = jsonObject(text) ?? {};
  const told = answer['message'] ?? answer['detail'];
  const remedy = status === 401 ? '; set CLOUD_MIRROR_TOKEN or give --token-file' : '';
  return `${status}: ${typeof told === 'string' ? printable(told) : 'no message'}${remedy}`;
}

export interface FleetEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Calls `onEvent` for each event until the signal is aborted. @throws CommandError if the stream ends before */
export async function followEvents(
  url: URL,
  since: string | null,
  signal: AbortSignal,
  onEvent: (event: FleetEvent) => void,
): Promise<void> {
  const agent = openHttpAgent(SILENCE_LIMIT_MS);
  try {
    const { statusCode, body } = await request(url, {
      dispatcher: agent,
      headers: { accept: 'text/event-stream', ...(since === null ? {} : { 'last-event-id': since }) },
      signal,
    });
    if (statusCode !== 200) throw new CommandError(refusalText(statusCode, await answerText(body)));
    body.setEncoding('utf8');
    let rest = '';
    for await (const text of body as AsyncIterable<string>) {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop() ?? '';
      if (rest.length > LONGEST_EVENT) throw new CommandError(`${url.host} sent an event without an end`);
      for (const block of blocks) emit(block, onEvent);
    }
    throw new CommandError(
      `${url.host} ended the stream; run the command again, with --since the last revision`,
    );
  } catch (error) {
    throw error instanceof CommandError ? error : networkFailure(error, url);
  } finally {
    await agent.destroy();
  }
}

function emit(block: string, onEvent: (event: FleetEvent) => void): void {
  const field = (name: string): string | undefined =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  const data = jsonObject(field('data') ?? '');
  const event = field('event');
  if (event !== undefined && data !== null) onEvent({ event, id: field('id') ?? '', data });
}
