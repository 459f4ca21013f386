/** One way in which an adapter can be bad, and what becomes of it. */
export interface BadAdapter {
  /** Also the name of its file in fixtures/packages/adapter-hostile, but for the wrong manifest. */
  readonly name: string;
  /**
   * When it is bad. `harm`: with an event of the type Harm, each time until that is settled. `once`: until its operator
   * sees it, so that a proof need not wait three times for a slow harm. `start`: from the hub's start on, until it is
   * fixed and the hub started again.
   */
  readonly when: 'harm' | 'once' | 'start';
  /** What its operator sees: its state and reason in health, the last error, its log, or a dead letter. */
  readonly sees: RegExp;
  /** What becomes of the Harm events. */
  readonly harm: 'delivered' | 'dead letter';
  /** How much longer the p99 of the others may be meanwhile. Absent: as much as taking a whole core makes it. */
  readonly p99RatioMax?: number;
  /** Changes to hmsSync in its package.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

/** Low, so that a leak ends soon. */
const smallMemory = { limits: { memoryMb: 160 } };

/** Reading what an adapter writes costs a bounded share, whatever it writes. */
const FLOOD_RATIO_MAX = 1.5;
const FLOODED = /more than 100 lines within a second/;

/** Every bad adapter that there is a fixture of. */
export const badAdapters: readonly BadAdapter[] = [
  { name: 'throws-at-import', when: 'start', sees: /FAILED .*no licence file/, harm: 'delivered' },
  { name: 'never-starts', when: 'start', sees: /FAILED .*did not finish importing within/, harm: 'delivered' },
  {
    ...{ name: 'wrong-manifest', when: 'start', sees: /INCOMPATIBLE .*protocol/, harm: 'delivered' },
    manifest: { entry: './exits', protocols: [99] },
  },
  { name: 'exits', when: 'harm', sees: /exited with code 0/, harm: 'dead letter' },
  { name: 'uncaught-later', when: 'harm', sees: /threw TypeError outside of an attempt/, harm: 'delivered' },
  { name: 'endless-loop', when: 'once', sees: /no sign of life for 5 s/, harm: 'delivered' },
  { name: 'blocks-for-seconds', when: 'once', sees: /TIMED_OUT/, harm: 'delivered' },
  { name: 'heap-leak', when: 'harm', sees: /limits\.memoryMb/, harm: 'dead letter', manifest: smallMemory },
  { name: 'buffer-leak', when: 'harm', sees: /limits\.memoryMb/, harm: 'dead letter', manifest: smallMemory },
  { name: 'native-abort', when: 'harm', sees: /ended by SIGABRT/, harm: 'dead letter' },
  { name: 'throws-null', when: 'harm', sees: /UNKNOWN_ERROR .*threw null/, harm: 'dead letter' },
  { name: 'throws-undefined', when: 'harm', sees: /UNKNOWN_ERROR .*threw undefined/, harm: 'dead letter' },
  { name: 'throws-promise', when: 'harm', sees: /UNKNOWN_ERROR .*threw a promise/, harm: 'dead letter' },
  { name: 'throws-10-mb', when: 'harm', sees: /UNKNOWN_ERROR .*threw Error/, harm: 'dead letter' },
  { name: 'never-settles', when: 'once', sees: /did not stop within 30 s/, harm: 'delivered' },
  { name: 'settles-twice', when: 'harm', sees: /READY/, harm: 'delivered' },
  { name: 'settles-late', when: 'once', sees: /TIMED_OUT/, harm: 'delivered' },
  { name: 'ignores-abort', when: 'once', sees: /TIMED_OUT/, harm: 'delivered' },
  { name: 'too-few-outcomes', when: 'harm', sees: /CONTRACT_VIOLATION .*returned \d+ outcomes/, harm: 'dead letter' },
  { name: 'too-many-outcomes', when: 'harm', sees: /CONTRACT_VIOLATION .*returned \d+ outcomes/, harm: 'dead letter' },
  { name: 'floods-stdout', when: 'harm', sees: FLOODED, harm: 'delivered', p99RatioMax: FLOOD_RATIO_MAX },
  {
    name: 'floods-log',
    when: 'harm',
    sees: /more than \d+ (lines|records) within/,
    harm: 'delivered',
    p99RatioMax: FLOOD_RATIO_MAX,
  },
  { name: 'floods-bytes', when: 'harm', sees: FLOODED, harm: 'delivered', p99RatioMax: FLOOD_RATIO_MAX },
  { name: 'closes-its-socket', when: 'harm', sees: /broke its connection to the hub/, harm: 'dead letter' },
  { name: 'forks-children', when: 'harm', sees: /exited with code 0/, harm: 'dead letter' },
  { name: 'prints-a-secret', when: 'harm', sees: /\[redacted\] was refused/, harm: 'dead letter' },
];
