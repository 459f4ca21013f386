import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ExitCode, Failure } from '../failure.ts';

/** A package on disk that somebody works on, with what its `verify.json` tells about its system. */
export interface DevAdapter {
  /** Absolute. */
  readonly folder: string;
  readonly packageName: string;
  readonly version: string;
  /** Names it in acks and health. */
  readonly id: string;
  /** A configuration in which `{{url}}` and `{{secret}}` are to be filled in; undefined: it takes none. */
  readonly config: unknown;
  /** Events that its system takes, at least one, to be filled in. */
  readonly samples: readonly Sample[];
  /** What its system answers when all is well. */
  readonly answer: Answer;
}

/** An event that the system takes. */
export interface Sample {
  readonly type: string;
  /** A text is sent as it is, anything else as JSON. */
  readonly data: unknown;
  readonly dataContentType?: string;
  readonly attributes?: Record<string, string>;
}

/** What the stand-in answers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const wellAnswered: Answer = { status: 200, body: { status: 'ok' } };
const usualSample: Sample = { type: 'ProcessUpdated', data: { processId: '{{key}}', change: '{{payload}}' } };

/**
 * Reads package.json and verify.json. What the two may hold in all is looked at by the hub and by the testing kit; here
 * is looked at what is used here.
 *
 * @throws Failure that names the file and says what to write
 */
export async function readDevAdapter(place: string): Promise<DevAdapter> {
  const folder = resolve(place);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new Failure(`--adapter: ${folder} is no folder`, ExitCode.usage);
  }
  const packageFile = join(folder, 'package.json');
  const packageJson = await readJson(
    packageFile,
    'name the folder of an adapter by --adapter, or make one: npm create @hms-sync/adapter lab',
  );
  const { id } = recordOf(packageJson.hmsSync);
  if (typeof id !== 'string' || typeof packageJson.name !== 'string') {
    const what = typeof packageJson.name === 'string' ? 'hmsSync.id' : 'name';
    throw new Failure(`${packageFile}: ${what} is missing: this package is no HMS-Sync adapter`, ExitCode.usage);
  }
  const kitFile = join(folder, 'verify.json');
  const kit = await readJson(kitFile, 'write {"config": {"baseUrl": "{{url}}"}}, or what your adapter takes');
  return {
    folder,
    packageName: packageJson.name,
    version: String(packageJson.version),
    id,
    config: kit.config,
    samples: samplesOf(kit.events, kitFile),
    answer: answerOf(kit.answer, kitFile),
  };
}

async function readJson(file: string, advice: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return recordOf(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why = code === 'ENOENT' ? 'there is no such file' : error instanceof Error ? error.message : String(error);
    throw new Failure(`${file}: ${why}; ${advice}`, ExitCode.usage, { cause: error });
  }
}

function samplesOf(events: unknown, file: string): readonly Sample[] {
  if (events === undefined) return [usualSample];
  if (Array.isArray(events) && events.length > 0 && events.every(isSample)) return events;
  throw new Failure(`${file}: events must be a list such as [{"type": "ProcessUpdated", "data": {}}]`, ExitCode.usage);
}

function isSample(event: unknown): event is Sample {
  return typeof recordOf(event).type === 'string';
}

function answerOf(answer: unknown, file: string): Answer {
  if (answer === undefined) return wellAnswered;
  if (isAnswer(answer)) return answer;
  throw new Failure(`${file}: answer.status must be an HTTP status`, ExitCode.usage);
}

function isAnswer(answer: unknown): answer is Answer {
  return typeof recordOf(answer).status === 'number';
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
