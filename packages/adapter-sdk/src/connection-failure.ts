/**
 * The codes with which Node, its fetch, undici and this package say that a connection did not do its work, and a sentence for each.
 * The sentences are ours: the errors' own messages may hold header values or bytes from the wire.
 */
const SENTENCES: Readonly<Record<string, string>> = {
  ABORTED: 'the attempt was aborted before the answer came',
  CERT_HAS_EXPIRED: 'the certificate of the external system has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the certificate of the external system is self-signed; let Node trust it with NODE_EXTRA_CA_CERTS',
  EADDRNOTAVAIL: 'no local address was free for a connection',
  EAI_AGAIN: 'the name server did not answer',
  ECONNABORTED: 'the connection was aborted',
  ECONNREFUSED: 'nothing listens at the address',
  ECONNRESET: 'the connection was closed before the answer was complete',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'the host name is unknown',
  EPIPE: 'the connection was closed while the request was being sent',
  EPROTO: 'the TLS handshake failed',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the external system is for another host name',
  ERR_PROXY_TUNNEL: 'the proxy leads to no connection',
  ETIMEDOUT: 'the connection timed out',
  HTTP_PARSE_ERROR: 'what was answered is not HTTP',
  HPE_HEADER_OVERFLOW: 'the headers of the answer are too large',
  POOL_CLOSED: 'the connection pool is closed',
  SELF_SIGNED_CERT_IN_CHAIN:
    'the certificate chain of the external system is self-signed; let Node trust it with NODE_EXTRA_CA_CERTS',
  TIMEOUT: 'it took too long',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the issuer of the certificate is unknown; let Node trust it with NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the certificate cannot be verified; let Node trust its issuer with NODE_EXTRA_CA_CERTS',
  UND_ERR_BODY_TIMEOUT: 'the answer stalled half-way',
  UND_ERR_CLOSED: 'the connection pool is closed',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  UND_ERR_DESTROYED: 'the connection pool is closed',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too large',
  UND_ERR_HEADERS_TIMEOUT: 'no answer came in time',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer was shorter or longer than it said',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
};

/** What a code means, or undefined when it is not about a connection. */
export function connectionFailure(code: string): string | undefined {
  // The HTTP parser has a code of its own for each way to be wrong.
  if (Object.hasOwn(SENTENCES, code)) return SENTENCES[code];
  return code.startsWith('HPE_') ? SENTENCES.HTTP_PARSE_ERROR : undefined;
}
