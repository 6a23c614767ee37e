"""Says who asked and who answers."""
import os


def application(environ, start_response):
    headers = [
        ("Content-Type", "text/plain"),
        ("Content-Length", "3"),
        ("X-Changeover-Id", environ.get("HTTP_X_CHANGEOVER_ID", "")),
        ("X-Changeover-Pid", str(os.getpid())),
    ]
    start_response("200 OK", headers)
    return [b"ok\n"]
