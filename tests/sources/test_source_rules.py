"""What a data source may be, as values."""

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.sources import patterns, rules
from chalicelib.sources.addresses import may_be_contacted
from chalicelib.sources.rules import Skipped, why_skipped


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "169.254.169.254",
            "169.254.170.2",
            "0.0.0.0",  # noqa: S104
            "255.255.255.255",
            "224.0.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "fe80::1%eth0",
            "::",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2130706433",
            "localhost",
            "",
        ],
    )
    def test_some_are_never_contacted(self, address: str) -> None:
        assert not may_be_contacted(address, private=True)
        assert not may_be_contacted(address, private=False)

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd12::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ],
    )
    def test_private_ones_only_where_they_are_allowed(self, address: str) -> None:
        assert may_be_contacted(address, private=True)
        assert not may_be_contacted(address, private=False)

    @pytest.mark.parametrize("address", ["52.216.0.1", "2a05:d018::1", "::ffff:52.216.0.1"])
    def test_public_ones_may_be_contacted(self, address: str) -> None:
        assert may_be_contacted(address, private=False)

    @given(st.ip_addresses())
    def test_whatever_is_contacted_without_leave_is_public_in_every_reading(
        self, address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> None:
        if may_be_contacted(str(address), private=False):
            assert not (address.is_private or address.is_link_local or address.is_loopback) or (
                isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped
            )
            assert may_be_contacted(str(address), private=True)
        if isinstance(address, ipaddress.IPv4Address):
            for private in (True, False):
                alone = may_be_contacted(str(address), private=private)
                assert may_be_contacted(f"::ffff:{address}", private=private) == alone


class TestEndpoints:
    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("https://s3.example.org", "https://s3.example.org"),
            ("HTTP://S3.Example.ORG:9000/", "http://s3.example.org:9000"),
            ("minio:9000", "https://minio:9000"),
            ("http://minio", "http://minio"),
            ("http://[2001:db8::1]:9000", "http://[2001:db8::1]:9000"),
            ("192.0.2.1:9000", "https://192.0.2.1:9000"),
        ],
    )
    def test_are_kept_in_one_form(self, sent: str, kept: str) -> None:
        assert rules.endpoint(sent) == kept
        assert rules.endpoint(kept) == kept

    @pytest.mark.parametrize(
        "sent",
        [
            "",
            "minio",
            "ftp://minio:21",
            "file:///etc/passwd",
            "gopher://minio:70",
            "http://",
            "http://:9000",
            "http://user:pw@minio:9000",
            "http://minio:9000/path",
            "http://minio:9000?x=1",
            "http://minio:9000#x",
            "http://minio:0",
            "http://minio:70000",
            "http://minio:x",
            "http://mi nio",
            "http://minio\\@evil.example",
            "http://minio\r\nHost: evil",
            "http://mïnio",
            "http://127.1:9000",
            "http://0x7f.0.0.1",
            "http://2130706433",
            "http://0177.0.0.1",
            "http://[::1%25eth0]",
            "http://[::1",
            "http://a..b",
            "http://-a.example",
        ],
    )
    def test_anything_else_is_refused(self, sent: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            rules.endpoint(sent)

    @given(st.text(max_size=60))
    def test_what_is_kept_is_a_scheme_a_host_and_a_port(self, sent: str) -> None:
        try:
            kept = rules.endpoint(sent)
        except ValueError:
            return
        host, port = rules.host_of(kept)
        assert rules.endpoint(kept) == kept
        assert host
        assert 1 <= port <= 65535
        assert set(kept) <= set("abcdefghijklmnopqrstuvwxyz0123456789.:-_/[]")


class TestPaths:
    @given(st.text(max_size=40), st.text(max_size=40) | st.none())
    def test_a_place_never_leads_upwards_nor_begins_with_a_slash(
        self, prefix: str, subdir: str | None
    ) -> None:
        try:
            parts = rules.path(prefix), rules.path(subdir or "")
        except ValueError:
            return
        found = rules.place(*parts)
        assert not found.startswith("/")
        assert ".." not in found.split("/")
        assert found == "" or found.endswith("/")
        assert found.startswith(rules.place(parts[0], None))

    @pytest.mark.parametrize(
        ("prefix", "subdir", "found"),
        [("", None, ""), ("a", None, "a/"), ("", "b", "b/"), ("/a/b/", "/c/", "a/b/c/"), ("/", "/", "")],
    )
    def test_prefix_and_subdir_are_joined(self, prefix: str, subdir: str | None, found: str) -> None:
        assert rules.place(prefix, subdir) == found

    @pytest.mark.parametrize("sent", ["..", "a/../b", "../a", "a\x00", "a\nb", "\ud800", "x" * 256])
    def test_what_is_no_path_is_refused(self, sent: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            rules.path(sent)


@pytest.mark.parametrize("name", ["moths", "a.b-c", "x" * 63, "012"])
def test_names_of_buckets(name: str) -> None:
    assert rules.bucket(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "x" * 64,
        "Moths",
        "a/b",
        "a_b",
        "-ab",
        "a..b",
        "10.0.0.1",
        "b\n",
        "arn:aws:s3:us-east-1:123456789012:accesspoint/x",
        "x--usw2-az1--x-s3",
    ],
)
def test_no_names_of_buckets(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rules.bucket(name)


@pytest.mark.parametrize("name", ["", "eu.west", "a/b", "evil.example#", "x" * 33, "-a", "a\n"])
def test_no_regions(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rules.region(name)


def test_public_addresses() -> None:
    assert rules.public_base_url("https://cdn.example.org/moths/") == "https://cdn.example.org/moths"
    assert rules.public_url("https://cdn.example.org/m", "a b/ü#1.jpg") == (
        "https://cdn.example.org/m/a%20b/%C3%BC%231.jpg"
    )
    for sent in ("javascript:alert(1)", "https://x.example/?a=1", "https://u:p@x.example/", "//x.example"):
        with pytest.raises(ValueError, match=r"."):
            rules.public_base_url(sent)


@pytest.mark.parametrize(
    ("key", "size", "why"),
    [
        ("a.jpg", 1, None),
        ("A.JPEG", 1, None),
        ("a.Tiff", 1, None),
        ("", 1, Skipped.NO_NAME),
        ("a/", 0, Skipped.FOLDER),
        ("a.jpg/", 5, Skipped.FOLDER),
        ("notajpg", 1, Skipped.NO_IMAGE),
        ("a.svg", 1, Skipped.NO_IMAGE),
        ("a.jpg", 0, Skipped.EMPTY),
    ],
)
def test_why_an_object_is_left_out(key: str, size: int, why: Skipped | None) -> None:
    assert why_skipped(key, size, None) is why
    assert why_skipped(key, size, lambda _: False) is (why or Skipped.NO_MATCH)


class TestPatterns:
    def test_are_searched_for_in_the_whole_key_and_case_matters(self) -> None:
        found = patterns.compiled(r"night_\d+/.*snapshot")
        assert found("trap/night_12/a-snapshot.jpg")
        assert not found("trap/Night_12/a-snapshot.jpg")
        assert patterns.compiled("ü.")("trap/über.jpg")

    @pytest.mark.parametrize("sent", ["(", "(?=a)b", r"(a)\1", "a{2000}", "\ud800", "a" * 256, "(?<=a)b"])
    def test_what_is_none_or_goes_back_is_refused(self, sent: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            patterns.compiled(sent)

    @pytest.mark.parametrize("sent", ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*a){25}$", "(a?){50}a{50}$"])
    def test_no_pattern_takes_long(self, sent: str) -> None:
        matches, key = patterns.compiled(sent), "a" * 999 + "b"
        begin = time.process_time()
        for _ in range(20):
            assert not matches(key)
        assert time.process_time() - begin < 1.0


class TestCredentials:
    def test_show_nothing_of_themselves(self) -> None:
        key = rules.credentials(None, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG")
        role = rules.credentials("arn:aws:iam::123456789012:role/moths", None, None)
        assert key
        assert role
        assert (key.kind, key.hint, role.kind, role.hint) == ("access_key", "MPLE", "role", None)
        for shown in (repr(key), repr(role)):
            assert not any(secret in shown for secret in ("AKIA", "wJal", "1234", "moths"))

    def test_of_a_short_id_not_even_the_last_signs(self) -> None:
        key = rules.credentials(None, "minio", "minio-secret")
        assert key
        assert key.hint is None

    @pytest.mark.parametrize(
        "sent",
        [
            (None, "AKIAIOSFODNN7EXAMPLE", None),
            (None, None, "wJalrXUtnFEMI"),
            ("arn:aws:iam::123456789012:role/m", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI"),
            ("arn:aws:iam::123456789012:user/m", None, None),
            (None, "AKIA\r\nX-Evil: 1", "wJalrXUtnFEMI"),
            (None, "AKIAIOSFODNN7EXAMPLE", "short"),
        ],
    )
    def test_that_do_not_fit_are_refused_in_words_that_hold_nothing_of_them(
        self, sent: tuple[str | None, str | None, str | None]
    ) -> None:
        with pytest.raises(ValueError, match=r".") as told:
            rules.credentials(*sent)
        assert not any(part and part in str(told.value) for part in sent)
