"""What browsers are told to refuse, whatever we send them."""

_PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_REPORT_POLICY = "; ".join(
    (
        "sandbox allow-scripts",
        "default-src 'none'",
        "script-src 'unsafe-inline' 'unsafe-eval' data: blob:",
        "worker-src blob:",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "font-src data:",
        "media-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
"""Of a report: its scripts run in an origin of their own that knows nobody, and reach no network."""

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

PLAIN = {
    **_EVERYWHERE,
    "Content-Security-Policy": _PAGE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""Of the page and of every answer."""

SANDBOXED = {**_EVERYWHERE, "Content-Security-Policy": _REPORT_POLICY, "X-Frame-Options": "SAMEORIGIN"}
"""Of HTML that somebody's task has written."""

STRICT_TRANSPORT = "max-age=31536000"
"""What a browser that came by TLS is told: never to come without it."""
