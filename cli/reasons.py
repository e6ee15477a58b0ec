"""Why a call did not succeed, in words for the person at the terminal."""

import xml.etree.ElementTree as ET
from urllib.parse import urlsplit

import requests

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0


def network_reason(error: requests.RequestException) -> str:
    url = urlsplit(error.request.url or "") if error.request else urlsplit("")
    where = f"{url.scheme}://{url.netloc}" if url.netloc else "the server"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection to {where} within {CONNECT_SECONDS:.0f} s"
    if isinstance(error, requests.Timeout):
        return f"no answer from {where} within {READ_SECONDS:.0f} s"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{where} has no certificate this machine trusts: {error}"
    if isinstance(error, requests.ConnectionError):
        return f"no connection to {where}"
    return str(error)


def api_reason(answer: requests.Response) -> str:
    if answer.is_redirect:
        return f"the server moved to {answer.headers['Location']}: use that address"
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or "detail" not in body:
        return f"{answer.status_code} {answer.reason} from {answer.url}"
    fields = body.get("fields") or {}
    detail = str(body["detail"])
    more = (f"{name}: {why}" for name, why in fields.items() if str(why) not in detail)
    return "; ".join([detail, *more])


def storage_reason(answer: requests.Response) -> str:
    """S3 answers in XML: <Error><Code>…</Code><Message>…</Message></Error>."""
    try:
        error = ET.fromstring(answer.content)  # noqa: S314 - a few elements from the storage we were sent to
    except ET.ParseError:
        return f"the storage refused it: {answer.status_code} {answer.reason}"
    said = ": ".join(filter(None, (error.findtext("Code"), error.findtext("Message"))))
    return f"the storage refused it: {said or answer.status_code}"
