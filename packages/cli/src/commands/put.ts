import { Readable } from 'node:stream';
import { Command } from 'commander';
import type { CommandContext } from '../command-interface.ts';
import { operatorToken, tokenFileOption } from '../command-options.ts';
import { openHttpAgent } from '../http-client.ts';
import { byteSize } from '../terminal-output.ts';
import { RoutedObject, routedUrl } from '../upload/routed-object.ts';
import { uploadFile, type Uploaded, type UploadOptions } from '../upload/upload-file.ts';
import { uploadStream } from '../upload/upload-stream.ts';

interface PutOptions {
  readonly tokenFile?: string;
  readonly type?: string;
  readonly progress: boolean;
}

/** A store may take long to put the parts of a large object together. */
const IDLE_LIMIT_MS = 600_000;

/** `put`: uploads a file, or standard input, through a router. */
export function putCommand(context: CommandContext): Command {
  return new Command('put')
    .description('uploads a file to a path of a router; large files in parts, which a second call resumes')
    .argument('<file>', 'the file, or - for standard input')
    .argument('<url>', 'its address at the router: http://localhost:9000/some/path')
    .option('--type <media type>', 'Content-Type of the object')
    .addOption(tokenFileOption())
    .option('--no-progress', 'show no progress bar')
    .action((file: string, url: string, options: PutOptions) => put(file, url, options, context));
}

/** `rm`: removes an object through a router. Succeeds if there is none. */
export function rmCommand(context: CommandContext): Command {
  return new Command('rm')
    .description('removes the object at a path of a router')
    .argument('<url>', 'its address at the router: http://localhost:9000/some/path')
    .addOption(tokenFileOption())
    .action(async (url: string, options: Pick<PutOptions, 'tokenFile'>) => {
      await withObject(url, options, context, async (object) => object.send({ method: 'DELETE' }));
      context.stderr.write(`${url}: removed\n`);
    });
}

async function put(
  file: string,
  address: string,
  options: PutOptions,
  context: CommandContext,
): Promise<void> {
  const headers = options.type === undefined ? {} : { 'content-type': options.type };
  const stored = await withObject(address, options, context, async (object, url) => {
    const upload: UploadOptions = { url, headers, progress: options.progress };
    return file === '-'
      ? uploadStream((context.stdin ?? Readable.from([])) as AsyncIterable<Buffer>, object, upload, context)
      : uploadFile(file, object, upload, context);
  });
  context.stderr.write(`${file === '-' ? 'standard input' : file}: ${summary(stored, address)}\n`);
}

function summary({ sizeBytes, etag, sha256 }: Uploaded, address: string): string {
  return `${byteSize(sizeBytes)} stored at ${address}; sha256 ${sha256}${etag === null ? '' : `, etag ${etag}`}`;
}

async function withObject<T>(
  address: string,
  { tokenFile }: Pick<PutOptions, 'tokenFile'>,
  context: CommandContext,
  work: (object: RoutedObject, url: URL) => Promise<T>,
): Promise<T> {
  const url = routedUrl(address);
  const { env, signal } = context;
  const hasToken = tokenFile !== undefined || (env['CLOUD_MIRROR_TOKEN'] ?? '') !== '';
  const token = hasToken ? await operatorToken(tokenFile, context) : null;
  const dispatcher = openHttpAgent(IDLE_LIMIT_MS);
  try {
    return await work(new RoutedObject({ url, token, dispatcher, signal }), url);
  } finally {
    await dispatcher.destroy();
  }
}
