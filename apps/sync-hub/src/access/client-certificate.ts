import { createHash, type X509Certificate } from 'node:crypto';
import { subjectAltNames } from '@hms-sync/adapter-sdk/host';
import { type Grants, ofPublisher } from './grants.ts';
import { Lifetime } from './lifetime.ts';
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

/**
 * Reads client certificates by the rules of the configuration. The common name counts for nothing, and neither does a
 * wildcard: only the name that a rule has, letter by letter.
 */
export function createCertificateReader(
  rules: readonly CertificateRule[],
): (certificate: X509Certificate) => ClientCertificate {
  return (certificate) => {
    const names = new Set(subjectAltNames(certificate.subjectAltName));
    const rule = rules.find(({ spiffe, dns }) => names.has(spiffe === undefined ? `DNS:${dns}` : `URI:${spiffe}`));
    return {
      thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
      principal: rule && toPrincipal(rule, certificate),
    };
  };
}

function toPrincipal({ spiffe, dns, role, ...grants }: CertificateRule, certificate: X509Certificate): Principal {
  const name = spiffe ?? dns ?? '';
  const expiresAtMs = certificate.validToDate.getTime();
  const lifetime = new Lifetime();
  lifetime.endAfter(expiresAtMs - Date.now());
  return Object.freeze({
    ...{ kind: 'certificate', name, role, grants: ofPublisher(role, name, grants) },
    ...{ credential: certificate.serialNumber, expiresAtMs, lifetime },
  });
}
