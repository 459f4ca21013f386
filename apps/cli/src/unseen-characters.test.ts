import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { AckSchema, DeliveryState, HeldBy } from '@hms-sync/proto/hms/sync/v1/ack';
import {
  AdminService,
  JobState,
  ListedDeliverySchema,
  TailEventsResponseSchema,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import {
  AdapterHealthSchema,
  AdapterState,
  BreakerSchema,
  BreakerState,
  HealthSchema,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { DeliverySchema, GetEventResponseSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterEach, describe, expect, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { type FakeHub, type FakeHubPlan, startFakeHub } from '../test/fake-hub.ts';
import { filledMessage } from '../test/hostile-messages.ts';
import { readableLogLine } from './demo/log-line.ts';
import { run } from './program.ts';

const HOSTILE = 'a\u0000\u001b[2J\u007f\u009b31m\u061c\u200b\u202e\u2028\u2029\u2066\ufeff\u{e0041}\r\n\tb';
const HARMLESS = 'a b';
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const states = Object.values(DeliveryState).filter((state) => typeof state === 'number');

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

/** A hub that says this text wherever the contract has room for one. */
function planOf(text: string): FakeHubPlan {
  const ack = (state: DeliveryState) =>
    create(AckSchema, { ...filledMessage(AckSchema, text), state, heldBy: HeldBy.KEY });
  const health = filledMessage(HealthSchema, text);
  health.adapters = [AdapterState.READY, AdapterState.FAILED].flatMap((state) =>
    [BreakerState.CLOSED, BreakerState.OPEN].map((breakerState) => {
      const breaker = Object.assign(filledMessage(BreakerSchema, text), { state: breakerState });
      return Object.assign(filledMessage(AdapterHealthSchema, text), { state, breaker });
    }),
  );
  const event = filledMessage(GetEventResponseSchema, text);
  event.deliveries = states.map((state) => Object.assign(filledMessage(DeliverySchema, text), { latest: ack(state) }));
  const listed = states.map((state) =>
    Object.assign(filledMessage(ListedDeliverySchema, text), { latest: ack(state) }),
  );
  const unary = Object.fromEntries(
    Object.values(AdminService.method)
      .filter(({ methodKind }) => methodKind === 'unary')
      .map(({ localName, output }) => [localName, () => filledMessage(output, text)]),
  );
  const job = (state: JobState) => ({ id: text, reason: text, state, matched: 2n, sent: 1n, skippedStale: 1n });
  return {
    acks: {},
    health: {
      getHealth: () => ({ health }),
      async *watchHealth() {
        yield { health };
      },
    },
    sync: {
      getEvent: () => event,
      async *publish() {
        yield { result: { case: 'accepted', value: { eventId: text, adapters: [text], cursor: text } } };
        for (const state of states) yield { result: { case: 'ack', value: ack(state) } };
      },
      async *watchAcks() {
        yield { acks: states.map(ack), cursor: text };
      },
    },
    admin: {
      ...unary,
      listDeliveries: () => ({ deliveries: listed }),
      getJob: () => ({ job: job(JobState.DONE) }),
      async *watchJob() {
        yield { job: job(JobState.RUNNING) };
        yield { job: job(JobState.CANCELLED) };
      },
      async *tailEvents() {
        const accepted = filledMessage(SyncEventSchema, text);
        yield create(TailEventsResponseSchema, { happening: { case: 'accepted', value: accepted } });
        for (const state of states)
          yield create(TailEventsResponseSchema, { happening: { case: 'ack', value: ack(state) } });
      },
    },
  };
}

/** A hub that refuses whatever is asked with this text. */
function refusingPlanOf(text: string): FakeHubPlan {
  const refuse = () => {
    throw new ConnectError(text, Code.InvalidArgument, undefined, [
      { desc: ErrorInfoSchema, value: { reason: text, domain: text, metadata: { [text]: text } } },
      { desc: BadRequestSchema, value: { fieldViolations: [{ field: text, description: `${text}!` }] } },
    ]);
  };
  // biome-ignore lint/correctness/useYield: it refuses before its first message
  const refuseStream = async function* () {
    refuse();
  };
  const unary = Object.fromEntries(
    Object.values(AdminService.method).map(({ localName, methodKind }) => [
      localName,
      methodKind === 'unary' ? refuse : refuseStream,
    ]),
  );
  return {
    health: { getHealth: refuse, watchHealth: refuseStream },
    sync: { getEvent: refuse, publish: refuseStream, watchAcks: refuseStream },
    admin: unary,
  };
}

/** In a command line: the text that the hub is full of. */
const TEXT = 'TEXT';
/** They print several things, and have no --json. */
const PRINTS_LINES = /^(event (publish|watch|tail)|job watch|health --watch)/;

const commandLines = [
  ['event', 'publish', '--type', 'T'],
  ['event', 'show', 'e-1'],
  ['event', 'watch', 'e-1'],
  ['event', 'tail'],
  ['health'],
  ['health', '--watch'],
  ['health', '--check'],
  ['delivery', 'list'],
  ['delivery', 'list', '--group-by', 'key'],
  ['delivery', 'replay', '--adapter', 'a', '--reason', 'r'],
  ['delivery', 'replay', '--adapter', 'a', '--reason', 'r', '--detach'],
  ['delivery', 'replay', '--adapter', 'a', '--dry-run'],
  ['delivery', 'discard', '--adapter', 'a', '--reason', 'r'],
  ['job', 'show', 'j'],
  ['job', 'watch', 'j'],
  ['job', 'cancel', 'j'],
  ['adapter', 'list'],
  ['adapter', 'show', TEXT],
  ['adapter', 'pause', 'a', '--reason', 'r'],
  ['adapter', 'resume', 'a', '--reason', 'r'],
  ['adapter', 'probe', 'a'],
  ['adapter', 'restart', 'a'],
  ['adapter', 'retry', 'a'],
  ['adapter', 'add', 'a'],
  ['adapter', 'upgrade', 'a', '1.0.0'],
  ['adapter', 'rollback', 'a', '--reason', 'r'],
  ['adapter', 'remove', 'a', '--reason', 'r'],
  ['journal', 'backup', 'copy.db'],
];

const commands: [string, string[]][] = commandLines.map((words) => [words.join(' '), words]);

async function printed(plan: FakeHubPlan, args: readonly string[], { isTTY = false } = {}) {
  fake = await startFakeHub(plan);
  const terminal = captureTerminal({ isTTY, answer: true });
  await run([...args, '--address', fake.address], terminal);
  await fake.close();
  return terminal;
}

const lineCount = (text: string) => text.split('\n').length;
/** Without what the command itself paints. */
const withoutOwnStyles = (text: string) =>
  ['[2J', '[H', ...[1, 2, 22, 31, 32, 33, 39].map((code) => `[${code}m`), '\n'].reduce(
    (rest, style) => rest.replaceAll(style === '\n' ? style : `\u001b${style}`, ''),
    text,
  );

describe.each([
  ['answers', planOf],
  ['refuses', refusingPlanOf],
])('to a hub that %s with hostile text', (_, planFor) => {
  const printedWith = (text: string, words: readonly string[], options = {}) =>
    printed(
      planFor(text),
      words.map((word) => (word === TEXT ? text : word)),
      options,
    );

  test.each(commands)('%s prints no invisible characters', async (_, given) => {
    const [hostile, harmless] = [await printedWith(HOSTILE, given), await printedWith(HARMLESS, given)];
    for (const stream of ['stdout', 'stderr'] as const) {
      expect(hostile[stream]().replaceAll('\n', '')).not.toMatch(UNSEEN);
      expect(lineCount(hostile[stream]())).toBe(lineCount(harmless[stream]()));
    }
    const painted = await printedWith(HOSTILE, given, { isTTY: true });
    expect(withoutOwnStyles(painted.stdout() + painted.stderr())).not.toMatch(UNSEEN);
  });

  test.each(commands)('%s prints JSON that parses to the values of the hub', async (_, words) => {
    const given = [...words, PRINTS_LINES.test(words.join(' ')) ? '--jsonl' : '--json'];
    const [hostile, harmless] = [await printedWith(HOSTILE, given), await printedWith(HARMLESS, given)];
    expect(hostile.stdout().replaceAll('\n', '')).not.toMatch(UNSEEN);
    const expected = harmless
      .stdout()
      .replaceAll(HARMLESS, JSON.stringify(HOSTILE).slice(1, -1))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(hostile.jsonLines()).toEqual(expected);
    expect(hostile.stderr().replaceAll('\n', '')).not.toMatch(UNSEEN);
  });
});

test('a log line is printed without invisible characters', () => {
  expect(readableLogLine(JSON.stringify({ level: 50, msg: HOSTILE, [HOSTILE]: HOSTILE }))).not.toMatch(UNSEEN);
  expect(readableLogLine(HOSTILE)).not.toMatch(UNSEEN);
});
