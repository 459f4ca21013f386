/**
 * Versions and ranges as npm writes them, as far as the hub must compare them itself: npm finds a version for a range,
 * the hub only asks whether an installed one still fits.
 */
interface Version {
  readonly numbers: readonly [number, number, number];
  /** `rc.1` as ['rc', '1']; empty for a release. */
  readonly before: readonly string[];
}

type Comparator = (version: Version) => boolean;

const FULL = /^v?(\d{1,15})\.(\d{1,15})\.(\d{1,15})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;
const PARTIAL = /^v?(\d+|[xX*])?(?:\.(\d+|[xX*])(?:\.(\d+|[xX*])(?:-([0-9A-Za-z.-]+))?)?)?(?:\+[0-9A-Za-z.-]+)?$/;

/** Below 0: `a` comes before `b`; above 0: after it. @throws RangeError for what is no version */
export function compareVersions(a: string, b: string): number {
  return compare(parseVersion(a), parseVersion(b));
}

/** Whether npm would call this a version. */
export function isVersion(text: string): boolean {
  return FULL.test(text);
}

/** Whether npm would call this a range, and not a tag such as `latest`. */
export function isRange(text: string): boolean {
  return parseRange(text) !== undefined;
}

/** Whether a version fits a range. False for a range that cannot be read. */
export function satisfies(version: string, range: string): boolean {
  const found = FULL.exec(version);
  if (found === null) return false;
  const parsed = parseVersion(version);
  return (parseRange(range) ?? []).some(({ fits, prereleasesOf }) => {
    // As npm: a release candidate is taken only where the range itself names one of the same release.
    const allowed = parsed.before.length === 0 || prereleasesOf.some((numbers) => sameNumbers(numbers, parsed.numbers));
    return allowed && fits.every((fit) => fit(parsed));
  });
}

interface Alternative {
  readonly fits: readonly Comparator[];
  readonly prereleasesOf: readonly Version['numbers'][];
}

function parseRange(text: string): readonly Alternative[] | undefined {
  const alternatives = text.split('||').map((part) => parseAlternative(part.trim()));
  return alternatives.every((alternative) => alternative !== undefined) ? alternatives : undefined;
}

function parseAlternative(text: string): Alternative | undefined {
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text);
  const words =
    hyphen === null ? text.replaceAll(/(>=|<=|[<>=^~])\s+/g, '$1').split(/\s+/) : [`>=${hyphen[1]}`, `<=${hyphen[2]}`];
  const parsed = words.map(parseComparator);
  if (!parsed.every((word) => word !== undefined)) return undefined;
  return {
    fits: parsed.flatMap(({ fits }) => fits),
    prereleasesOf: parsed.flatMap(({ least }) => (least.before.length > 0 ? [least.numbers] : [])),
  };
}

/** One word of a range: `^1.2`, `>=2`, `1.x`. */
function parseComparator(word: string): { readonly fits: readonly Comparator[]; readonly least: Version } | undefined {
  const [, operator = '', rest = ''] = /^(>=|<=|[<>=^~])?(.*)$/.exec(word) ?? [];
  const match = PARTIAL.exec(rest);
  if (match === null) return undefined;
  const given = [match[1], match[2], match[3]].map((digits) =>
    digits === undefined || /[xX*]/.test(digits) ? undefined : Number(digits),
  );
  const known = given.indexOf(undefined) === -1 ? 3 : given.indexOf(undefined);
  const [major = 0, minor = 0, patch = 0] = given.slice(0, known);
  const least: Version = { numbers: [major, minor, patch], before: known === 3 ? (match[4]?.split('.') ?? []) : [] };
  /** The first version past all that the words leave open. */
  const after = bumped(least.numbers, known - 1);
  const atLeast: Comparator = (version) => compare(version, least) >= 0;
  const below =
    (end: Version): Comparator =>
    (version) =>
      compare(version, end) < 0;
  if (known === 0) return { fits: operator === '<' || operator === '>' ? [() => false] : [], least };
  switch (operator) {
    case '>=':
      return { fits: [atLeast], least };
    case '<':
      return { fits: [below(known === 3 ? least : { ...least, before: ['0'] })], least };
    case '>':
      return {
        fits: [known === 3 ? (version) => compare(version, least) > 0 : (version) => compare(version, after) >= 0],
        least,
      };
    case '<=':
      return { fits: [known === 3 ? (version) => compare(version, least) <= 0 : below(after)], least };
    case '^':
      return { fits: [atLeast, below(bumped(least.numbers, firstThatCounts(least.numbers, known)))], least };
    case '~':
      return { fits: [atLeast, below(bumped(least.numbers, Math.min(known - 1, 1)))], least };
    default:
      return { fits: known === 3 ? [(version) => compare(version, least) === 0] : [atLeast, below(after)], least };
  }
}

/** For a caret: the first number that is not zero may not change, or the last one given. */
function firstThatCounts(numbers: Version['numbers'], known: number): number {
  const index = numbers.findIndex((number) => number !== 0);
  return index === -1 ? known - 1 : Math.min(index, known - 1);
}

/** The lowest version, prereleases included, with this place counted up. */
function bumped(numbers: Version['numbers'], place: number): Version {
  const [major, minor, patch] = numbers;
  const up: readonly Version['numbers'][] = [
    [major + 1, 0, 0],
    [major, minor + 1, 0],
    [major, minor, patch + 1],
  ];
  return { numbers: up[place] ?? numbers, before: ['0'] };
}

function parseVersion(text: string): Version {
  const match = FULL.exec(text);
  if (match === null) throw new RangeError(`"${text}" is no version`);
  const [, major, minor, patch, before] = match;
  return { numbers: [Number(major), Number(minor), Number(patch)], before: before?.split('.') ?? [] };
}

function compare(a: Version, b: Version): number {
  for (let place = 0; place < 3; place += 1) {
    const difference = (a.numbers[place] ?? 0) - (b.numbers[place] ?? 0);
    if (difference !== 0) return difference;
  }
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length;
  for (let place = 0; place < Math.max(a.before.length, b.before.length); place += 1) {
    const [mine, theirs] = [a.before[place], b.before[place]];
    if (mine === theirs) continue;
    if (mine === undefined || theirs === undefined) return mine === undefined ? -1 : 1;
    return compareIdentifiers(mine, theirs);
  }
  return 0;
}

/** Numbers come before words. */
function compareIdentifiers(a: string, b: string): number {
  const [isNumber, otherIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && otherIsNumber) return Number(a) - Number(b);
  if (isNumber !== otherIsNumber) return isNumber ? -1 : 1;
  return a < b ? -1 : 1;
}

function sameNumbers(a: Version['numbers'], b: Version['numbers']): boolean {
  return a.every((number, place) => number === b[place]);
}
