"""The manifests of deploy/ against KubeRay's own schemas, and what a cluster's policy asks for."""

import gzip
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tamis.work.fingerprints import library_version

Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def strict(schema: Any) -> Any:
    """A schema of Kubernetes as JSON schema: fields that it does not name are mistakes."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: {name: strict(one) for name, one in value.items()}
        if key == "properties"
        else strict(value)
        for key, value in schema.items()
        if key != "default"
    }
    if found.pop("x-kubernetes-int-or-string", False):
        found.pop("anyOf", None)
        found["type"] = ["integer", "string"]
    is_open = found.pop("x-kubernetes-preserve-unknown-fields", False)
    if "properties" in found and not is_open:
        found.setdefault("additionalProperties", False)
    return found


@pytest.fixture(scope="session")
def rayjob_schema(shared_data: Path) -> Document:
    path = shared_data / "kuberay" / "ray.io_rayjobs.yaml.gz"
    if not path.is_file():
        pytest.skip("../shared/data/kuberay is absent: KubeRay's schemas are not here")
    (crd,) = yaml.safe_load_all(gzip.decompress(path.read_bytes()))
    (version,) = [v for v in crd["spec"]["versions"] if v["name"] == "v1"]
    schema: Document = strict(version["schema"]["openAPIV3Schema"])
    # Kubernetes' own part of every object, which a schema of a resource leaves open.
    named = {"name": {"type": "string"}, "generateName": {"type": "string"}}
    of_objects = {"labels": {"type": "object"}, "annotations": {"type": "object"}}
    schema["properties"]["metadata"] = {
        "type": "object",
        "properties": named | of_objects,
        "additionalProperties": False,
    }
    return schema


@pytest.fixture
def rayjob(deploy: Path) -> Document:
    (found,) = documents(deploy / "kuberay" / "rayjob.yaml")
    return found


@pytest.mark.shared
def test_the_rayjob_is_what_kuberay_takes(
    rayjob: Document, rayjob_schema: Document
) -> None:
    jsonschema.validate(rayjob, rayjob_schema, jsonschema.Draft202012Validator)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param(["spec", "entryPoint"], "x", id="another spelling"),
        pytest.param(["spec", "backoffLimit"], "3", id="a text for a number"),
        pytest.param(
            ["spec", "rayClusterSpec", "workerGroupSpecs", 0, "minReplica"],
            1,
            id="deep within",
        ),
        pytest.param(
            ["spec", "rayClusterSpec", "headGroupSpec", "template", "spec", "user"],
            1,
            id="within a pod",
        ),
    ],
)
def test_the_schema_finds_a_mistake(
    place: list[Any], value: Any, rayjob: Document, rayjob_schema: Document
) -> None:
    wrong: Any = deepcopy(rayjob)
    *above, name = place
    at = wrong
    for key in above:
        at = at[key]
    at[name] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, rayjob_schema, jsonschema.Draft202012Validator)


def test_the_rayjob_has_the_ray_that_is_locked(rayjob: Document) -> None:
    assert rayjob["spec"]["rayClusterSpec"]["rayVersion"] == library_version("ray")


def test_the_job_runs_a_command_that_there_is(
    rayjob: Document, understood: Callable[[str], list[str]]
) -> None:
    words = understood(rayjob["spec"]["entrypoint"])
    assert words[0] == "run"
    mounts = {"/recipe"}
    assert Path(words[1]).parent.as_posix() in mounts


def pods(document: Any) -> Iterator[Document]:
    """Every pod's spec below a document."""
    if isinstance(document, dict):
        if "containers" in document:
            yield document
        for value in document.values():
            yield from pods(value)
    elif isinstance(document, list):
        for value in document:
            yield from pods(value)


@pytest.mark.parametrize("name", ["kuberay/rayjob.yaml", "kubernetes/cronjob.yaml"])
def test_no_container_is_root_or_writes_its_own_files(name: str, deploy: Path) -> None:
    """What the policy `restricted` of Kubernetes' pod security asks for, and more."""
    found = [pod for document in documents(deploy / name) for pod in pods(document)]
    assert found
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        volumes = {volume["name"] for volume in pod.get("volumes", ())}
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            mounts = {mount["name"] for mount in container.get("volumeMounts", ())}
            assert mounts <= volumes


def test_two_ticks_never_run_at_once_and_none_is_fired_late(deploy: Path) -> None:
    (cron,) = [
        d
        for d in documents(deploy / "kubernetes" / "cronjob.yaml")
        if d["kind"] == "CronJob"
    ]
    spec = cron["spec"]
    assert cron["apiVersion"] == "batch/v1"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert 0 < spec["startingDeadlineSeconds"] <= 86_400
    assert spec["successfulJobsHistoryLimit"] <= 5
    assert spec["failedJobsHistoryLimit"] <= 5
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0


def test_a_second_job_of_the_schedule_is_refused_by_its_name(
    deploy: Path, rayjob: Document
) -> None:
    """`create` of a name that is there fails; a generated name would start a second run."""
    assert set(rayjob["metadata"]) == {"name"}
    found = documents(deploy / "kubernetes" / "cronjob.yaml")
    (pod,) = [pod for document in found for pod in pods(document)]
    (container,) = pod["containers"]
    assert container["args"] == ["create", "--filename=/rayjob/rayjob.yaml"]
    (role,) = [d for d in found if d["kind"] == "Role"]
    (rule,) = role["rules"]
    assert (rule["apiGroups"], rule["resources"]) == (["ray.io"], ["rayjobs"])
    assert set(rule["verbs"]) == {"create", "get"}
    (account,) = [d for d in found if d["kind"] == "ServiceAccount"]
    assert pod["serviceAccountName"] == account["metadata"]["name"]


def test_a_job_that_ended_makes_room_for_the_next(rayjob: Document) -> None:
    spec = rayjob["spec"]
    assert "shutdownAfterJobFinishes" not in spec  # KubeRay refuses both
    rules = spec["deletionStrategy"]["deletionRules"]
    assert {rule["policy"] for rule in rules} == {"DeleteSelf"}
    ends = [next(iter(rule["condition"].items())) for rule in rules]
    assert ends == [
        ("jobStatus", "SUCCEEDED"),
        ("jobStatus", "FAILED"),
        ("jobDeploymentStatus", "Failed"),
    ]
