/**
 * Security headers that allow only scripts and styles of this site. Libraries that add styles use the nonce of the
 * page; a style cannot read or send anything.
 *
 * @param nonce of this response; empty if it is not a page
 */
export function securityHeaders(nonce: string): Readonly<Record<string, string>> {
  const styles = nonce === "" ? "'self'" : `'self' 'nonce-${nonce}'`;
  const policy = [
    ...["default-src 'none'", "script-src 'self'", `style-src ${styles}`, "img-src 'self' data:", "font-src 'self'"],
    ...["connect-src 'self'", "manifest-src 'self'", "worker-src 'self'", "form-action 'self'"],
    ...["base-uri 'none'", "frame-ancestors 'none'", "object-src 'none'"],
  ].join("; ");
  return {
    "content-security-policy": policy,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
}
