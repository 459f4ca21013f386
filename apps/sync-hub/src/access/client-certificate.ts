import { createHash, type X509Certificate } from 'node:crypto';
import { subjectAltNames } from '@hms-sync/adapter-sdk/host';
import { type Grants, ofPublisher } from './grants.ts';
import { Lifetime } from './lifetime.ts';
import { type Listed, relist } from './listed.ts';
import type { Role } from './permissions.ts';
import type { Principal } from './principal.ts';

/** Whose certificate gives which role: by one name among its subject alternative names, as it is written there. */
export interface CertificateRule extends Grants {
  /** A SPIFFE ID, such as `spiffe://clinic.example/hms-api`. */
  readonly spiffe?: string | undefined;
  /** A DNS name. */
  readonly dns?: string | undefined;
  readonly role: Role;
}

/** A client certificate that was verified. */
export interface ClientCertificate {
  /** SHA-256 of the certificate in base64url, as `x5t#S256` of RFC 8705 has it. */
  readonly thumbprint: string;
  /** Undefined when no rule names it. */
  readonly principal: Principal | undefined;
}

/** A rule, which counts as long as those before it are the same: the first that fits decides. */
interface PlacedRule {
  readonly rule: CertificateRule;
  readonly before: readonly CertificateRule[];
}

type ToPrincipal = (certificate: X509Certificate) => Principal;

/**
 * Who a client certificate is of, by the rules of the configuration. The common name counts for nothing, and neither does
 * a wildcard: only the name that a rule has, letter by letter.
 */
export class ClientCertificates {
  #listed: readonly Listed<PlacedRule, ToPrincipal>[] = [];
  /** Each is read once for its connection, by the rules that are in force. */
  #ofConnection = new WeakMap<object, ClientCertificate | 'none'>();

  constructor(rules: readonly CertificateRule[]) {
    this.replace(rules);
  }

  /** Puts the rules of the file as it is now in place of those before: the streams of one that is gone end. */
  replace(rules: readonly CertificateRule[]): void {
    const placed = rules.map((rule, index) => ({ rule, before: rules.slice(0, index) }));
    this.#listed = relist(this.#listed, placed, ({ rule }, inForce) => (certificate) => {
      return toPrincipal(rule, certificate, inForce);
    });
    this.#ofConnection = new WeakMap();
  }

  /** The certificate of a connection, which was verified. @param shown what the connection has shown */
  of(connection: object, shown: () => X509Certificate | undefined): ClientCertificate | undefined {
    let known = this.#ofConnection.get(connection);
    if (known === undefined) {
      const certificate = shown();
      known = certificate === undefined ? 'none' : this.#read(certificate);
      this.#ofConnection.set(connection, known);
    }
    return known === 'none' ? undefined : known;
  }

  #read(certificate: X509Certificate): ClientCertificate {
    const names = new Set(subjectAltNames(certificate.subjectAltName));
    const found = this.#listed.find(({ entry: { rule } }) => {
      return names.has(rule.spiffe === undefined ? `DNS:${rule.dns}` : `URI:${rule.spiffe}`);
    });
    return {
      thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
      principal: found?.made(certificate),
    };
  }
}

function toPrincipal(
  { spiffe, dns, role, ...grants }: CertificateRule,
  certificate: X509Certificate,
  inForce: Lifetime,
): Principal {
  const name = spiffe ?? dns ?? '';
  const expiresAtMs = certificate.validToDate.getTime();
  const lifetime = new Lifetime(inForce);
  lifetime.endAfter(expiresAtMs - Date.now());
  return Object.freeze({
    ...{ kind: 'certificate', name, role, grants: ofPublisher(role, name, grants) },
    ...{ credential: certificate.serialNumber, expiresAtMs, lifetime },
  });
}
