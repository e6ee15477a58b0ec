"""Data sources through the API's front door, on real engines."""

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from api import AUTHORISED, Api
from hosts import answering, host, listing
from world import a_deployment, a_project

from chalicelib.aws import secrets
from chalicelib.aws.table import Row
from chalicelib.errors import Conflict, StorageFault
from chalicelib.projects.rules import Project
from chalicelib.sources import keeping, service, store, testing
from chalicelib.sources.listing import Budget
from chalicelib.sources.rules import AccessKey
from localstack.embedded.engines import Engine

BUCKET = "somebody-elses-bucket"
KEY = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCY"}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/moths"}

MakeSource = Callable[..., dict[str, Any]]


def parameters(ssm: Any) -> dict[str, str]:
    names = [each["Name"] for each in ssm.describe_parameters()["Parameters"]]
    return {name: ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] for name in names}


class TestMaking:
    def test_what_is_made_can_be_found_listed_and_changed(
        self, api: Api, make: MakeSource, project: Project
    ) -> None:
        made = make(prefix="/trap/1/", region="eu-central-1", public_base_url="https://cdn.example.org/")
        assert (made["prefix"], made["uri"]) == ("trap/1", f"s3://{BUCKET}/trap/1/")
        assert (made["credentials"], made["external_id"]) == ("none", project.id)
        assert api.get(f"/storage/{made['id']}", **AUTHORISED) == (200, made)
        page = api.get(f"/storage?project_id={project.id}", **AUTHORISED)[1]
        assert (page["count"], page["results"]) == (1, [made])
        status, changed = api.send("PATCH", f"/storage/{made['id']}", {"name": "Theirs", "prefix": ""})
        assert (status, changed["name"], changed["uri"]) == (200, "Theirs", f"s3://{BUCKET}/")
        assert changed["region"] == "eu-central-1"

    def test_lists_come_in_pages_by_name(self, api: Api, make: MakeSource, project: Project) -> None:
        for name in ("c", "a", "B"):
            make(name=name)
        seen, path = [], f"/storage?project_id={project.id}&limit=2"
        while path:
            page = api.get(path, **AUTHORISED)[1]
            seen += [each["name"] for each in page["results"]]
            path = page["next"] and page["next"].removeprefix("http://nightjar.test/api/v2")
        assert seen == ["a", "B", "c"]

    def test_all_of_it_needs_a_token(self, api: Api, make: MakeSource, project: Project) -> None:
        path = f"/storage/{make()['id']}"
        nobody = {"Content-Type": "application/json"}
        assert api.get(path)[0] == api.get(f"/storage?project_id={project.id}")[0] == 401
        for method, where in (
            ("PATCH", path),
            ("DELETE", path),
            ("POST", f"{path}/test"),
            ("POST", "/storage"),
        ):
            assert api.send(method, where, {}, nobody)[0] == 401

    @pytest.mark.parametrize(
        ("told", "field"),
        [
            ({"bucket": "No"}, "bucket"),
            ({"prefix": "a/../b"}, "prefix"),
            ({"region": "x y"}, "region"),
            ({"endpoint_url": "file:///etc/passwd"}, "endpoint_url"),
            ({"endpoint_url": "http://169.254.169.254"}, "endpoint_url"),
            ({"endpoint_url": "http://127.0.0.1:9000"}, "endpoint_url"),
            ({"endpoint_url": "localhost:9000"}, "endpoint_url"),
            ({"endpoint_url": "http://[::1]:9000"}, "endpoint_url"),
            ({"endpoint_url": "https://storage.example:443", **ROLE}, "endpoint_url"),
            ({"public_base_url": "javascript:1"}, "public_base_url"),
            ({"access_key": KEY["access_key"]}, "body"),
            ({**KEY, **ROLE}, "body"),
            ({"secretkey": KEY["secret_key"]}, "secretkey"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, api: Api, project: Project, ssm: Any, told: dict[str, Any], field: str
    ) -> None:
        body = {"project_id": project.id, "name": "x", "bucket": BUCKET, **told}
        status, answer = api.send("POST", "/storage", body)
        assert (status, list(answer["fields"])) == (400, [field])
        assert not any(secret in str(answer) for secret in (*KEY.values(), *ROLE.values()))
        assert api.get(f"/storage?project_id={project.id}", **AUTHORISED)[1]["count"] == 0
        assert parameters(ssm) == {}

    def test_where_private_endpoints_are_allowed_metadata_is_not(
        self, private: None, api: Api, make: MakeSource, project: Project
    ) -> None:
        assert make(endpoint_url="localhost:9000")["endpoint_url"] == "https://localhost:9000"
        body = {"project_id": project.id, "name": "x", "bucket": BUCKET}
        for refused in ("http://169.254.169.254", "http://[fd00:ec2::254]", "http://0.0.0.0:80"):
            assert api.send("POST", "/storage", {**body, "endpoint_url": refused})[0] == 400

    def test_one_that_is_not_there(self, api: Api, table: str) -> None:
        for where in ("baaaaaaaaaa", "x", "paaaaaaaaaa"):
            assert api.get(f"/storage/{where}", **AUTHORISED)[0] == 404
            assert api.send("DELETE", f"/storage/{where}", {})[0] == 404
            assert api.send("POST", f"/storage/{where}/test", {})[0] == 404


class TestCredentials:
    def test_lie_in_the_store_of_secrets_and_nowhere_else(
        self, api: Api, make: MakeSource, project: Project, ssm: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        for name in ("botocore", "urllib3", "nightjar"):
            caplog.set_level("DEBUG", logger=name)
        made = make(**KEY)
        path = f"/storage/{made['id']}"
        told = [made, api.get(path, **AUTHORISED), api.send("POST", f"{path}/test", {})]
        told += [api.get(f"/storage?project_id={project.id}", **AUTHORISED), api.send("PATCH", path, KEY)]
        assert (made["credentials"], made["access_key_last_four"]) == ("access_key", "MPLE")
        kept = [dict(row.to_dynamodb_dict()) for row in Row.scan()]
        records = [str((record.msg, record.args, record.exc_text)) for record in caplog.records]
        assert any("botocore" in record.name for record in caplog.records)  # the log was on
        assert list(parameters(ssm)) == [f"/nightjar/sources/{made['id']}"]
        for secret in KEY.values():
            assert secret in parameters(ssm)[f"/nightjar/sources/{made['id']}"]
            assert secret not in str(told)
            assert secret not in str(kept)
            assert not [record for record in records if secret in record]
        described = ssm.describe_parameters()["Parameters"]
        assert [each["Type"] for each in described] == ["SecureString"]

    def test_nor_does_a_role_show_nor_what_it_gives(
        self, api: Api, make: MakeSource, ssm: Any, foreign: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        foreign.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"x")
        caplog.set_level("DEBUG")
        caplog.set_level("DEBUG", logger="botocore")
        made = make(**ROLE)
        status, told = api.send("POST", f"/storage/{made['id']}/test", {})
        assert (status, told["first_file_found"]) == (200, f"s3://{BUCKET}/a.jpg")
        assert (made["credentials"], made["access_key_last_four"]) == ("role", None)
        everything = str((made, told, [dict(row.to_dynamodb_dict()) for row in Row.scan()]))
        everything += "".join(str((record.msg, record.args)) for record in caplog.records)
        assert ROLE["role_arn"] not in everything
        assert "SessionToken" not in everything
        assert "AssumeRole" not in everything

    def test_are_replaced_and_removed(self, api: Api, make: MakeSource, ssm: Any) -> None:
        made = make(**KEY)
        path, name = f"/storage/{made['id']}", f"/nightjar/sources/{made['id']}"
        changed = api.send("PATCH", path, {"name": "x"})[1]
        assert changed["access_key_last_four"] == "MPLE"
        changed = api.send("PATCH", path, {"access_key": "AKIAIOSFODNN7OTHERONE", "secret_key": "x" * 20})[1]
        assert changed["access_key_last_four"] == "RONE"
        assert "x" * 20 in parameters(ssm)[name]
        changed = api.send("PATCH", path, ROLE)[1]
        assert (changed["credentials"], changed["access_key_last_four"]) == ("role", None)
        assert KEY["access_key"] not in parameters(ssm)[name]
        changed = api.send("PATCH", path, {"role_arn": None})[1]
        assert (changed["credentials"], parameters(ssm)) == ("none", {})

    def test_a_role_and_an_endpoint_do_not_come_together_by_a_change(
        self, api: Api, make: MakeSource
    ) -> None:
        path = f"/storage/{make(**ROLE)['id']}"
        status, told = api.send("PATCH", path, {"endpoint_url": "https://storage.example"})
        assert (status, list(told["fields"])) == (400, ["endpoint_url"])
        status, changed = api.send("PATCH", path, {"endpoint_url": "https://storage.example", **KEY})
        assert (status, changed["credentials"]) == (200, "access_key")

    def test_that_are_gone_are_told_as_such(self, api: Api, make: MakeSource, ssm: Any) -> None:
        made = make(**KEY)
        ssm.delete_parameter(Name=f"/nightjar/sources/{made['id']}")
        status, told = api.send("POST", f"/storage/{made['id']}/test", {})
        assert (status, told["code"]) == (400, "InvalidCredentials")

    def test_that_could_not_be_kept_are_told_without_them(
        self, api: Api, project: Project, ssm: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = boto3.client("ssm", endpoint_url="http://127.0.0.1:1", region_name="us-east-1")
        monkeypatch.setattr(secrets, "_client", lambda: client)
        with pytest.raises(StorageFault) as told:
            secrets.keep("/nightjar/sources/x", KEY["secret_key"])
        fault: BaseException | None = told.value
        while fault is not None:
            assert KEY["secret_key"] not in repr(fault)
            fault = fault.__cause__ or fault.__context__
        body = {"project_id": project.id, "name": "x", "bucket": BUCKET, **KEY}
        assert api.send("POST", "/storage", body)[0] == 503
        [left] = api.get(f"/storage?project_id={project.id}", **AUTHORISED)[1]["results"]
        assert left["credentials"] == "access_key"  # it says that there may be some

    def test_of_a_source_deleted_meanwhile_do_not_stay(
        self, make: MakeSource, ssm: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = service.find(make(**KEY)["id"])
        body = {"access_key": "AKIAIOSFODNN7OTHERONE", "secret_key": "x" * 20}
        client = secrets._client()

        def delete_first(**_: Any) -> None:
            client.meta.events.unregister("before-call.ssm.PutParameter", delete_first)
            service.remove(service.find(source.id))

        client.meta.events.register("before-call.ssm.PutParameter", delete_first)
        anew = AccessKey(body["access_key"], body["secret_key"])
        with pytest.raises(Conflict):
            service.change_credentials(source, anew, source.updated_at, source.updated_at, private=False)
        assert parameters(ssm) == {}
        assert store.get(source.id) is None


class TestDeleting:
    def test_takes_the_credentials_along(self, api: Api, make: MakeSource, ssm: Any) -> None:
        made = make(**KEY)
        assert api.send("DELETE", f"/storage/{made['id']}", {}) == (204, None)
        assert parameters(ssm) == {}
        assert api.get(f"/storage/{made['id']}", **AUTHORISED)[0] == 404

    def test_is_refused_while_deployments_use_it(
        self, api: Api, make: MakeSource, project: Project, ssm: Any
    ) -> None:
        made = make(**KEY)
        body = {"project_id": project.id, "name": "Edge", "data_source": made["id"]}
        one = api.send("POST", "/deployments", body)[1]
        other = a_deployment(project)
        assert api.send("PATCH", f"/deployments/{other.id}", {"data_source": made["id"]})[0] == 200
        assert api.get(f"/storage/{made['id']}", **AUTHORISED)[1]["deployments_count"] == 2
        status, told = api.send("DELETE", f"/storage/{made['id']}", {})
        assert (status, told["detail"][:2]) == (409, "2 ")
        assert len(parameters(ssm)) == 1
        for each in (one["id"], other.id):
            api.send("PATCH", f"/deployments/{each}", {"data_source": None})
        assert api.send("DELETE", f"/storage/{made['id']}", {})[0] == 204

    def test_that_died_half_way_is_ended_by_deleting_again(
        self, api: Api, make: MakeSource, project: Project, ssm: Any
    ) -> None:
        made = make(**KEY)
        assert store.leave(made["id"])
        body = {"project_id": project.id, "name": "Edge", "data_source": made["id"]}
        assert api.send("POST", "/deployments", body)[0] == 409
        assert api.send("PATCH", f"/storage/{made['id']}", {"name": "x"})[0] == 409
        assert len(api.get(f"/storage?project_id={project.id}", **AUTHORISED)[1]["results"]) == 1
        assert api.send("DELETE", f"/storage/{made['id']}", {})[0] == 204
        assert parameters(ssm) == {}


class TestDeployments:
    def test_say_where_their_photographs_come_from(
        self, api: Api, make: MakeSource, project: Project
    ) -> None:
        source, other = make(), make(name="Another")
        told = {"data_source": source["id"], "data_source_subdir": "trap/1", "data_source_regex": r"\d+"}
        deployment = a_deployment(project)
        path = f"/deployments/{deployment.id}"
        assert api.get(path)[1]["data_source_connected"] is False
        status, changed = api.send("PATCH", path, told)
        assert (status, {**changed, **told}, changed["data_source_connected"]) == (200, changed, True)
        shown = api.get(path)[1]
        assert shown["data_source_connected"] is True
        assert {shown[name] for name in told} == {None}  # it tells where the photographs lie
        changed = api.send("PATCH", path, {"name": "Clearing"})[1]
        assert {**changed, **told} == changed
        changed = api.send("PATCH", path, {"data_source": other["id"], "name": "Edge"})[1]
        assert (changed["data_source"], changed["name"]) == (other["id"], "Edge")
        counts = [api.get(f"/storage/{each['id']}", **AUTHORISED)[1] for each in (source, other)]
        assert [each["deployments_count"] for each in counts] == [0, 1]
        status, changed = api.send("PATCH", path, dict.fromkeys(told))
        assert (status, changed["data_source_connected"], changed["data_source_subdir"]) == (200, False, None)

    @pytest.mark.parametrize(
        ("told", "field"),
        [
            ({"data_source": "baaaaaaaaaa"}, "data_source"),
            ({"data_source": "x"}, "data_source"),
            ({"data_source_subdir": "a/../b"}, "data_source_subdir"),
            ({"data_source_regex": "("}, "data_source_regex"),
            ({"data_source_regex": r"(a)\1"}, "data_source_regex"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, api: Api, project: Project, told: dict[str, Any], field: str
    ) -> None:
        path = f"/deployments/{a_deployment(project).id}"
        status, answer = api.send("PATCH", path, told)
        assert (status, list(answer["fields"])) == (400, [field])
        status, answer = api.send("POST", "/deployments", {"project_id": project.id, "name": "x", **told})
        assert (status, list(answer["fields"])) == (400, [field])

    def test_cannot_use_what_is_another_projects(self, api: Api, make: MakeSource) -> None:
        deployment = a_deployment(a_project())
        there, gone = ({"data_source": each} for each in (make()["id"], "baaaaaaaaaa"))
        path = f"/deployments/{deployment.id}"
        assert api.send("PATCH", path, there) == api.send("PATCH", path, gone)
        assert api.get(path)[1]["data_source_connected"] is False


class TestTrying:
    def put(self, foreign: Any, *keys: str, body: bytes = b"x") -> None:
        for key in keys:
            foreign.put_object(Bucket=BUCKET, Key=key, Body=body)

    def test_stops_at_the_first_photograph(self, api: Api, make: MakeSource, foreign: Any) -> None:
        self.put(foreign, "trap/apple_1.jpg", *[f"trap/b{number}.jpg" for number in range(5)])
        status, told = api.send("POST", f"/storage/{make(prefix='trap', **KEY)['id']}/test", {})
        assert status == 200
        assert 0 < told.pop("latency") <= told.pop("total_time") < 20
        assert told == {
            "connection_successful": True,
            "prefix_exists": True,
            "error_code": None,
            "error_message": None,
            "files_checked": 1,
            "first_file_found": f"s3://{BUCKET}/trap/apple_1.jpg",
            "full_uri": f"s3://{BUCKET}/trap/",
        }

    def test_gives_the_public_address_where_there_is_one(
        self, api: Api, make: MakeSource, foreign: Any
    ) -> None:
        self.put(foreign, "ä b.jpg")
        source = make(public_base_url="https://cdn.example.org/moths")
        told = api.send("POST", f"/storage/{source['id']}/test", {})[1]
        assert told["first_file_found"] == "https://cdn.example.org/moths/%C3%A4%20b.jpg"

    def test_looks_into_the_subdir(self, api: Api, make: MakeSource, foreign: Any) -> None:
        self.put(foreign, "trap/sub/a.jpg", "trap/subway/b.jpg")
        path = f"/storage/{make(prefix='trap')['id']}/test"
        told = api.send("POST", path, {"subdir": "/sub/"})[1]
        assert (told["files_checked"], told["full_uri"]) == (1, f"s3://{BUCKET}/trap/sub/")
        told = api.send("POST", path, {"subdir": "other"})[1]
        assert (told["prefix_exists"], told["files_checked"], told["first_file_found"]) == (False, 0, None)
        assert (told["connection_successful"], told["error_code"]) == (True, "NoFilesFound")

    def test_tells_how_many_did_not_match(self, api: Api, make: MakeSource, foreign: Any) -> None:
        self.put(foreign, *[f"apple_{number}.jpg" for number in range(5)])
        path = f"/storage/{make()['id']}/test"
        told = api.send("POST", path, {"regex_filter": "quack_"})[1]
        assert (told["files_checked"], told["error_code"]) == (5, "NoMatchingFilesFound")
        told = api.send("POST", path, {"regex_filter": "_3"})[1]
        assert (told["files_checked"], told["first_file_found"]) == (4, f"s3://{BUCKET}/apple_3.jpg")

    def test_is_not_stopped_by_folders_and_what_is_no_photograph(
        self, api: Api, make: MakeSource, foreign: Any
    ) -> None:
        self.put(foreign, "trap/", "trap/a/", body=b"")
        self.put(foreign, "trap/0.txt", "trap/notajpg")
        self.put(foreign, "trap/1.jpg", body=b"")
        path = f"/storage/{make(prefix='trap')['id']}/test"
        told = api.send("POST", path, {})[1]
        assert (told["prefix_exists"], told["files_checked"], told["error_code"]) == (True, 3, "NoFilesFound")
        self.put(foreign, "trap/2.JPG")
        told = api.send("POST", path, {})[1]
        assert (told["files_checked"], told["first_file_found"]) == (3, f"s3://{BUCKET}/trap/2.JPG")

    def test_is_not_stopped_by_a_key_of_no_length(self, private: None, api: Api, make: MakeSource) -> None:
        with host(answering(listing("", "folder/", "a.jpg"))) as there:
            told = api.send("POST", f"/storage/{make(endpoint_url=there.url)['id']}/test", {})[1]
        assert (told["files_checked"], told["first_file_found"]) == (1, f"s3://{BUCKET}/a.jpg")

    def test_ends_in_time_whatever_the_pattern_and_the_keys(
        self, private: None, api: Api, make: MakeSource, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(testing, "BUDGET", Budget(seconds=1, objects=10_000))
        keys = [f"{number:04}{'a' * 990}b.jpg" for number in range(1000)]
        with host(answering(listing(*keys, following="x"))) as there:
            path = f"/storage/{make(endpoint_url=there.url)['id']}/test"
            begin = time.monotonic()
            status, told = api.send("POST", path, {"regex_filter": "[^b]{900}b.{1,80}$"})
            assert time.monotonic() - begin < 3
        assert (status, told["code"]) == (400, "EndpointConnectionError") or told["files_checked"] < 10_000

    def test_a_bucket_that_is_not_there(self, api: Api, make: MakeSource) -> None:
        status, told = api.send("POST", f"/storage/{make(bucket='nobodys-bucket')['id']}/test", {})
        assert (status, told["code"]) == (400, "NoSuchBucket")
        assert set(told) == {"detail", "code"}

    def test_by_an_endpoint_of_its_own(
        self, private: None, api: Api, make: MakeSource, foreign: Any, moto_server: Engine
    ) -> None:
        self.put(foreign, "a.jpg")
        source = make(endpoint_url=moto_server.url, region="garage", **KEY)
        status, told = api.send("POST", f"/storage/{source['id']}/test", {})
        assert (status, told["first_file_found"]) == (200, f"s3://{BUCKET}/a.jpg")

    @pytest.mark.parametrize("body", [{"subdir": "../x"}, {"regex_filter": "("}, {"regexp": "x"}])
    def test_what_does_not_fit_is_refused(self, api: Api, make: MakeSource, body: dict[str, str]) -> None:
        status, told = api.send("POST", f"/storage/{make()['id']}/test", body)
        assert (status, list(told["fields"])) == (400, list(body))


def test_a_role_is_taken_on_for_the_project_alone(
    table: str, make: MakeSource, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    original = boto3.client

    def client(name: str, **told: Any) -> Any:
        made = original(name, **told)
        made.meta.events.register("before-call.sts", lambda params, **_: asked.append(params["body"]))
        return made

    monkeypatch.setattr(boto3, "client", client)
    keys = keeping.keys_of(service.find(make(**ROLE)["id"]))
    assert keys
    assert keys.token
    assert [(each["ExternalId"], each["DurationSeconds"]) for each in asked] == [(project.id, 900)]
    assert keys.secret not in repr(keys)
