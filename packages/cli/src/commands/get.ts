import { fileNameOfUrl, originParameter } from '@cloud-mirror/client';
import { Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { mirrorOption, mirrorUrl, seconds } from '../command-options.ts';
import { fileSink, streamSink } from '../download/artifact-sink.ts';
import type { ArtifactSink } from '../download/artifact-sink.ts';
import { download } from '../download/download.ts';
import type { Downloaded } from '../download/download.ts';
import { sha256Hex } from '../download/expected-digest.ts';
import { byteSize, printable } from '../terminal-output.ts';

interface GetOptions {
  readonly service: string;
  readonly region: string;
  readonly mirror?: string;
  readonly output?: string;
  readonly wait?: number;
  readonly idleTimeout: number;
  readonly sha256?: string;
  readonly progress: boolean;
}

const DEFAULT_IDLE_SECONDS = 60;

/** `get`: downloads an artifact through the mirror. The file is complete and verified, or it is not created. */
export function getCommand(context: CommandContext): Command {
  return new Command('get')
    .description('downloads an artifact through the mirror, and prints where it came from')
    .argument('<origin>', 'the origin URL')
    .requiredOption('--service <name>', 'service, such as s3')
    .requiredOption('--region <name>', 'region, such as us-west-1')
    .addOption(mirrorOption())
    .option('-o, --output <file>', "file to write, - for standard output (default: the URL's file name)")
    .option(
      '--wait <seconds>',
      'how long the mirror may wait for a copy before it redirects to the origin',
      seconds(0),
    )
    .option(
      '--idle-timeout <seconds>',
      'give up if nothing arrives for this long',
      seconds(1),
      DEFAULT_IDLE_SECONDS,
    )
    .option('--sha256 <hex>', 'the expected SHA-256; overrides the digest that the mirror states', digest)
    .option('--no-progress', 'show no progress bar')
    .action((origin: string, options: GetOptions) => get(origin, options, context));
}

async function get(origin: string, options: GetOptions, context: CommandContext): Promise<void> {
  const mirror = mirrorUrl(options.mirror, context);
  const file = options.output ?? ownName(origin);
  const toStdout = options.output === '-';
  const sink = toStdout ? streamSink(context.stdout) : await fileSink(file);
  const downloaded = await keepingOnlySuccess(sink, () =>
    download(
      {
        origin,
        mirror,
        service: options.service,
        region: options.region,
        waitSeconds: options.wait,
        idleSeconds: options.idleTimeout,
        sha256: options.sha256 ?? null,
        progress: options.progress,
      },
      sink,
      context,
    ),
  );
  context.stderr.write(`${toStdout ? 'standard output' : file}: ${summary(downloaded, options)}\n`);
}

/** Discards the file after any failure or interruption, so that it is either complete and verified or absent. */
async function keepingOnlySuccess(sink: ArtifactSink, work: () => Promise<Downloaded>): Promise<Downloaded> {
  try {
    const downloaded = await work();
    await sink.keep();
    return downloaded;
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

function summary({ answer, sizeBytes, sha256, verifiedBy }: Downloaded, options: GetOptions): string {
  const from =
    answer.source === 'copy'
      ? `the copy in ${options.service}/${options.region} (${answer.why})`
      : `the origin, not a copy (${printable(answer.why)})`;
  const verdict =
    verifiedBy === null ? 'not verified: no digest is known' : `verified (stated by ${verifiedBy})`;
  return `${byteSize(sizeBytes)} from ${from}; sha256 ${sha256}, ${verdict}`;
}

function ownName(origin: string): string {
  // Throws if `origin` is not a valid origin URL.
  originParameter(origin);
  const name = fileNameOfUrl(origin);
  if (name === null) throw new UsageError('the URL does not end with a file name; give one as -o FILE');
  return name;
}

function digest(text: string): string {
  const hex = sha256Hex(text);
  if (hex === null) throw new InvalidArgumentError('Give 64 hexadecimal digits.');
  return hex;
}
