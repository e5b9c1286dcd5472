"""Google's application default credentials: a token that is fetched again whenever it has run out."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

from joryu.errors import InputError, MissingExtraError
from joryu.remote.transport import library

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_USUAL: Final = Path(".config") / "gcloud" / "application_default_credentials.json"


def find_login(environment: Mapping[str, str]) -> GoogleLogin | None:
    """The credentials that Google's own tools would use; ``None`` where no file holds any.

    Raises:
        MissingExtraError: there is a file, and google-auth is not installed.
        InputError: the file cannot be used.
    """
    named = environment.get(_FILE)
    usual = Path(environment.get("HOME", "/nonexistent")) / _USUAL
    if not named and not usual.is_file():
        return None
    try:
        auth = importlib.import_module("google.auth")
    except ImportError as error:
        raise MissingExtraError("google-auth", "api", "signing in with application default credentials") from error
    try:
        found, _ = auth.load_credentials_from_file(named or str(usual), scopes=[_SCOPE])
    except Exception as error:  # noqa: BLE001 - the library's own kinds, and whatever a broken file makes of it
        raise InputError(
            "the application default credentials cannot be used",
            expected=f"a file that {_FILE} names",
            received=type(error).__name__,
            hint="try gcloud auth application-default login",
        ) from None  # fmt: skip - its text may quote the file, which is secret
    return GoogleLogin(found)


@final
class GoogleLogin:
    """Signs requests with a token of google-auth's credentials; it never shows the token."""

    def __init__(self, credentials: Any) -> None:
        self._credentials, self._lock = credentials, threading.Lock()

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            if not self._credentials.valid:
                try:
                    self._credentials.refresh(_fetch)
                except Exception as error:  # noqa: BLE001 - as above
                    raise InputError(
                        "Google gives no token for the application default credentials",
                        received=type(error).__name__,
                        hint="try gcloud auth application-default login",
                    ) from None
        told = {"Authorization": f"Bearer {self._credentials.token}"}
        project = getattr(self._credentials, "quota_project_id", None)
        return told | ({"x-goog-user-project": str(project)} if project else {})

    def redact(self, text: str) -> str:
        token = self._credentials.token
        return text.replace(token, "[key]") if token else text

    def __repr__(self) -> str:
        return "GoogleLogin([key])"


class _Response:
    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status, self.headers, self.data = status, headers, data


def _fetch(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None,
    timeout: float | None = None, **_: Any,
) -> _Response:  # fmt: skip
    """google-auth's own idea of a transport, by ours, so that no second HTTP library is needed."""
    came = library().request(method, url, content=body, headers=dict(headers or {}), timeout=timeout or 60.0)
    return _Response(came.status_code, dict(came.headers), came.content)
