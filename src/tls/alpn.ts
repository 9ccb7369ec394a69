/** The name of fxfer's protocol in a TLS handshake (ALPN). @module */
export const ALPN = "fxfer/2";
