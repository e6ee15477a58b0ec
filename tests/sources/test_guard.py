"""Nothing but the storage is asked, and it cannot hold anybody up: against real local servers."""

import itertools
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from api import Api
from hosts import EMPTY, answering, host, listing

from chalicelib.aws import foreign
from chalicelib.aws.foreign import Keys, Store
from chalicelib.errors import SourceFault
from chalicelib.sources.addresses import may_be_contacted

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI", "a-token-of-a-session")

MakeSource = Callable[..., dict[str, Any]]


def look(
    endpoint_url: str,
    *,
    private: bool = True,
    seconds: float = 5,
    most: int = 10_000,
    keys: Keys | None = None,
) -> list[str]:
    """The keys that an endpoint lists."""
    pages = foreign.pages(
        Store("moths", None, endpoint_url, keys),
        "",
        after=None,
        most=most,
        end=time.monotonic() + seconds,
        allowed=lambda address: may_be_contacted(address, private=private),
    )
    return [each.key for page in pages for each in page]


def refusal(endpoint_url: str, **told: Any) -> str:
    with pytest.raises(SourceFault) as fault:
        look(endpoint_url, **told)
    return fault.value.code


def test_a_listing_goes_on_to_the_end() -> None:
    def answer(handler: Any) -> None:
        more = "continuation-token" not in handler.path
        answering(listing("a.jpg") if not more else listing("", "0/", following="x"))(handler)

    with host(answer) as there:
        assert look(there.url) == ["", "0/", "a.jpg"]
        assert len(there.asked) == 2


class TestWhereRequestsGo:
    @pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
    @pytest.mark.parametrize("keys", [None, KEYS])
    def test_redirects_are_not_followed(self, status: int, keys: Keys | None) -> None:
        with host(answering(EMPTY)) as other:
            told = {"Location": f"{other.url}/moths", "x_amz_bucket_region": "eu-west-1"}
            with host(answering(b"", status, **told)) as there:
                assert refusal(there.url, keys=keys) == "EndpointConnectionError"
                assert len(there.asked) == 1
            assert other.asked == []

    @pytest.mark.parametrize(
        "code", ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"]
    )
    def test_nor_is_a_bucket_to_another_region(self, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Region>eu-west-1</Region><Endpoint>x.example</Endpoint></Error>"
        with host(answering(body.encode(), 400, x_amz_bucket_region="eu-west-1")) as there:
            assert refusal(there.url, keys=KEYS) == "EndpointConnectionError"
            assert len(there.asked) == 1

    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
    def test_a_name_that_leads_to_a_private_address_is_not_contacted(self, name: str) -> None:
        with host(answering(EMPTY)) as there:
            url = f"http://{name}:{there.port}"
            assert refusal(url, private=False) == "EndpointConnectionError"
            assert there.asked == []
            assert look(url, private=True) == []

    def test_nor_one_of_whose_addresses_only_one_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with host(answering(EMPTY)) as there:
            answers(monkeypatch, itertools.repeat(["127.0.0.1", "169.254.169.254"]))
            assert refusal(f"http://storage.example:{there.port}") == "EndpointConnectionError"
            assert there.asked == []

    def test_nor_one_that_leads_elsewhere_once_it_was_looked_up(
        self, monkeypatch: pytest.MonkeyPatch, make: MakeSource, api: Api
    ) -> None:
        with host(answering(EMPTY)) as there:
            looked_up = answers(
                monkeypatch, itertools.chain([["52.216.0.1"]], itertools.repeat(["127.0.0.1"]))
            )
            source = make(endpoint_url=f"http://storage.example:{there.port}")  # a public one, so far
            status, told = api.send("POST", f"/storage/{source['id']}/test", {})
            assert (status, told["code"]) == (400, "EndpointConnectionError")
            assert there.asked == []
            assert looked_up == ["storage.example", "storage.example"]

    def test_what_was_checked_is_what_is_contacted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Were the name looked up once more to connect, it would lead nowhere.
        with host(answering(EMPTY)) as there:
            looked_up = answers(
                monkeypatch, itertools.chain([["127.0.0.1"]], itertools.repeat(["192.0.2.1"]))
            )
            assert look(f"http://storage.example:{there.port}") == []
            assert looked_up == ["storage.example"]
            assert f"storage.example:{there.port}" in there.headers[0]

    def test_proxies_of_the_environment_are_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with host(answering(EMPTY)) as proxy, host(answering(EMPTY)) as there:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("http_proxy", proxy.url)
            assert look(there.url) == []
            assert proxy.asked == []

    def test_our_own_credentials_are_neither_looked_for_nor_sent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with host(answering(b"{}")) as metadata, host(answering(EMPTY)) as there:
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{metadata.url}/credentials")
            monkeypatch.setenv("AWS_DEFAULTS_MODE", "auto")
            monkeypatch.delenv("AWS_ACCESS_KEY_ID")
            monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
            assert look(there.url) == []
            assert metadata.asked == []
            assert "Authorization" not in there.headers[0]


class TestWhatComesBack:
    def test_refusals(self) -> None:
        for status, code in ((403, "AccessDenied"), (403, "InvalidAccessKeyId"), (403, ""), (401, "x y")):
            with host(answering(f"<Error><Code>{code}</Code></Error>".encode(), status)) as there:
                assert refusal(there.url, keys=KEYS) == "InvalidCredentials"

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"<a/>", b"\xff" * 9, listing("a")[:-30]])
    @pytest.mark.parametrize("status", [200, 404, 500])
    def test_no_storage_at_all(self, body: bytes, status: int) -> None:
        with host(answering(body, status)) as there:
            assert refusal(there.url) == "EndpointConnectionError"

    def test_a_port_where_nobody_listens(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            assert refusal(f"http://127.0.0.1:{free.getsockname()[1]}") == "EndpointConnectionError"

    def test_a_name_that_nobody_knows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers(monkeypatch, itertools.repeat([]))
        assert refusal("http://storage.example:9") == "EndpointConnectionError"

    def test_more_objects_than_were_asked_for(self) -> None:
        with host(answering(listing(*"abcdefgh", following="x"))) as there:
            assert look(there.url, most=20) == list("abcdefghabcdefghabcd")

    def test_a_list_without_an_end(self) -> None:
        with host(answering(listing(following="x"))) as there:
            assert refusal(there.url, seconds=0.5) == "EndpointConnectionError"

    def test_an_answer_without_an_end(self) -> None:
        def flood(handler: Any) -> None:
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b" " * 65_536)
            except OSError:
                pass

        with host(flood) as there:
            assert refusal(there.url) == "EndpointConnectionError"

    @pytest.mark.parametrize("headers_too", [False, True])
    def test_one_that_comes_drop_by_drop(self, headers_too: bool) -> None:
        def drip(handler: Any) -> None:
            if not headers_too:
                handler.send_response(200)
                handler.end_headers()
            try:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: " if headers_too else b"")
                while True:
                    handler.wfile.write(b"x")
                    time.sleep(0.05)
            except OSError:
                pass

        with host(drip) as there:
            begin = time.monotonic()
            assert refusal(there.url, seconds=0.5) == "EndpointConnectionError"
            assert time.monotonic() - begin < 2


def test_what_is_raised_holds_no_credentials() -> None:
    body = f"<Error><Code>AccessDenied</Code><Message>{KEYS.id} {KEYS.secret}</Message></Error>".encode()
    for status, sent in ((403, body), (301, b""), (200, b"<html>")):
        with host(answering(sent, status)) as there, pytest.raises(SourceFault) as told:
            look(there.url, keys=KEYS)
        fault: BaseException | None = told.value
        while fault is not None:
            told_all = repr(fault) + repr(vars(fault))
            assert not any(secret in told_all for secret in (KEYS.id, KEYS.secret, str(KEYS.token)))
            fault = fault.__cause__ or fault.__context__


def answers(monkeypatch: pytest.MonkeyPatch, found: Any) -> list[str]:
    """Makes names lead to `found`, one list of addresses for each look-up; tells which were looked up."""
    looked_up: list[str] = []
    original = socket.getaddrinfo

    def getaddrinfo(name: str, port: int, *args: Any, **told: Any) -> list[Any]:
        if name != "storage.example":
            return original(name, port, *args, **told)
        looked_up.append(name)
        addresses = next(found)
        if not addresses:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up
