/**
 * The error codes of Node, undici and this package for failed connections, and a sentence for each. The original messages
 * are not used: they may contain header values or bytes of the response.
 */
const SENTENCES: Readonly<Record<string, string>> = {
  ABORTED: 'the attempt was aborted before the response arrived',
  CERT_HAS_EXPIRED: 'the certificate of the external system has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the certificate of the external system is self-signed; let Node trust it with NODE_EXTRA_CA_CERTS',
  EADDRNOTAVAIL: 'no local port was free for a connection',
  EAI_AGAIN: 'the name server did not answer',
  ECONNABORTED: 'the connection was aborted',
  ECONNREFUSED: 'nothing listens at the address',
  ECONNRESET: 'the connection was closed before the response was complete',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'the host name is unknown',
  EPIPE: 'the connection was closed while the request was being sent',
  EPROTO: 'the TLS handshake failed',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the external system is for another host name',
  ERR_PROXY_TUNNEL: 'the proxy could not connect',
  ETIMEDOUT: 'the connection timed out',
  HTTP_PARSE_ERROR: 'the response is not HTTP',
  HPE_HEADER_OVERFLOW: 'the headers of the response are too large',
  POOL_CLOSED: 'the connection pool is closed',
  SELF_SIGNED_CERT_IN_CHAIN:
    'the certificate chain of the external system is self-signed; let Node trust it with NODE_EXTRA_CA_CERTS',
  TIMEOUT: 'the request timed out',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the issuer of the certificate is unknown; let Node trust it with NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the certificate cannot be verified; let Node trust its issuer with NODE_EXTRA_CA_CERTS',
  UND_ERR_BODY_TIMEOUT: 'the response stalled',
  UND_ERR_CLOSED: 'the connection pool is closed',
  UND_ERR_CONNECT_TIMEOUT: 'the connection was not established in time',
  UND_ERR_DESTROYED: 'the connection pool is closed',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the response are too large',
  UND_ERR_HEADERS_TIMEOUT: 'no response arrived in time',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the response did not have the length in its content-length header',
  UND_ERR_SOCKET: 'the connection was closed before the response was complete',
};

/** A sentence for a code; undefined when the code is not about a connection. */
export function connectionFailure(code: string): string | undefined {
  // The HTTP parser has many codes, all beginning with HPE_.
  if (Object.hasOwn(SENTENCES, code)) return SENTENCES[code];
  return code.startsWith('HPE_') ? SENTENCES.HTTP_PARSE_ERROR : undefined;
}
