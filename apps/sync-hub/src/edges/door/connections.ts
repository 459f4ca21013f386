import { isIPv6 } from 'node:net';

/** How many connections may be open at a time. */
export interface ConnectionBounds {
  readonly inAll: number;
  /** From one address, so that no one caller takes the place of all. */
  readonly perAddress: number;
}

const BOUNDS: ConnectionBounds = { inAll: 1_024, perAddress: 128 };
/** For the journal, the pipes and sockets of adapters, and npm; of a small limit, half. */
const FILES_LEFT = 256;

/**
 * The bounds of this process: what was asked for, and never so much that connections take the files that the hub needs
 * itself.
 *
 * @param openFilesMax how many files, sockets among them, the process may have open
 */
export function connectionBounds(
  { inAll = BOUNDS.inAll, perAddress = BOUNDS.perAddress }: Partial<ConnectionBounds> = {},
  openFilesMax: number = ownOpenFilesMax(),
): ConnectionBounds {
  const possible = openFilesMax - Math.min(FILES_LEFT, Math.ceil(openFilesMax / 2));
  return { inAll: Math.min(inAll, possible), perAddress };
}

/** Counts open connections, in all and of each address. */
export class Connections {
  readonly #bounds: ConnectionBounds;
  readonly #ofAddress = new Map<string, number>();
  #count = 0;

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
  }

  /** One more. Returns what is called once it is closed; undefined when there are as many as may be. */
  open(address: string): (() => void) | undefined {
    const owner = ownerOf(address);
    const ofOwner = this.#ofAddress.get(owner) ?? 0;
    if (this.#count >= this.#bounds.inAll || ofOwner >= this.#bounds.perAddress) return undefined;
    this.#count += 1;
    this.#ofAddress.set(owner, ofOwner + 1);
    return () => {
      this.#count -= 1;
      const left = (this.#ofAddress.get(owner) ?? 0) - 1;
      if (left > 0) this.#ofAddress.set(owner, left);
      else this.#ofAddress.delete(owner);
    };
  }
}

/** Who has an IPv6 address has all of its first 64 bits; an IPv4 address is the same in either notation. */
function ownerOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!isIPv6(address)) return address;
  const [left = '', right] = address.split('%', 1)[0]?.split('::') ?? [];
  const leading = left.split(':').filter((group) => group !== '');
  const trailing = (right ?? '').split(':').filter((group) => group !== '');
  const zeros = right === undefined ? 0 : Math.max(0, 8 - leading.length - trailing.length);
  return [...leading, ...Array.from({ length: zeros }, () => '0'), ...trailing].slice(0, 4).join(':');
}

/** By Node's report, which has it on every system but Windows. */
function ownOpenFilesMax(): number {
  // The network's part looks names up, which may take as long as a resolver that is down.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const limit = Number(userLimits?.open_files?.soft);
  return Number.isFinite(limit) ? limit : Number.MAX_SAFE_INTEGER;
}
