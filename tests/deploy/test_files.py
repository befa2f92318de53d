"""The files of deploy/ say what the program knows: its commands, its settings, and few open ports.

There is no container engine in these tests. What they cannot show is that an image can be built.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from autodialer.ops.cli import cli
from tests.cli.test_docs import commands_of

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
COMPOSE: Final = ("compose.yaml", "compose.node.yaml")
MANIFESTS: Final = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
TEXTS: Final = sorted(p for p in DEPLOY.rglob("*") if p.is_file())
SETTINGS: Final = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
COMMANDS: Final = {name.removeprefix("autodialer ") for name, _ in commands_of(cli, "autodialer")}
# What the files ask whoever fills them in, beside settings of the program.
ASKED: Final = {"AUTODIALER_PRIVATE_ADDRESS", "AUTODIALER_RECORDINGS_FOLDER"}
# Others than ours that a host's network is lent to.
ON_THE_HOST: Final = {"web", "node"}
GIVEN: Final = {
    "AUTODIALER_PUBLIC_URL": "https://dialer.example",
    "AUTODIALER_TRUNK_HOST": "sip.example",
    "AUTODIALER_SIP_ADDRESS": "192.0.2.1",
    "AUTODIALER_NODE": "north",
    "AUTODIALER_PRIVATE_ADDRESS": "10.0.0.1",
    "AUTODIALER_RECORDINGS_FOLDER": "/srv/recordings",
}


def services() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for file in COMPOSE:
        for name, service in yaml.safe_load((DEPLOY / file).read_text())["services"].items():
            yield file, name, service


def pods() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in MANIFESTS:
        for document in yaml.safe_load_all(file.read_text()):
            if "template" in document.get("spec", {}):
                yield f"{file.name} {document['kind']}", document["spec"]["template"]["spec"]


def containers() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, pod in pods():
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield f"{name} {container['name']}", container


def command_in(words: Sequence[str]) -> str:
    """The longest beginning of the words that is a command of ours."""
    spelled = [" ".join(words[:count]) for count in range(len(words), 0, -1)]
    return next((each for each in spelled if each in COMMANDS), "")


def test_there_are_files_to_look_at() -> None:
    assert len(list(services())) == 7
    assert len(list(containers())) == 5


def test_each_command_is_one_of_the_program() -> None:
    for file, name, service in services():
        if service["image"].startswith("autodialer") and "entrypoint" not in service:
            assert command_in(service["command"]), (file, name)
    for name, container in containers():
        assert command_in(container["args"]), name


@pytest.mark.parametrize("script", ["drain.sh", "first-run.sh"])
def test_each_script_uses_commands_that_exist(script: str) -> None:
    text = (DEPLOY / script).read_text()
    for line in re.findall(r"^.*\bautodialer ([a-z][^|\n]*)", text, re.MULTILINE):
        assert command_in(line.split()), line
    assert subprocess.run(["sh", "-n", str(DEPLOY / script)], check=False).returncode == 0


@pytest.mark.parametrize("file", TEXTS, ids=lambda path: str(path.name))
def test_each_setting_is_in_the_reference(file: Path) -> None:
    named = set(re.findall(r"AUTODIALER_[A-Z_]+", file.read_text()))
    unknown = {name for name in named - ASKED if f"| `{name}` |" not in SETTINGS}
    assert not unknown


def test_nothing_is_published_but_pages_sip_and_rtp() -> None:
    """S-19: no port is mapped, and who has the machine's network listens on few addresses."""
    for file, name, service in services():
        assert "ports" not in service, (file, name)
        if service.get("network_mode") == "host":
            assert name in ON_THE_HOST, (file, name)
    for name, pod in pods():
        assert not pod.get("hostNetwork") or name == "node.yaml StatefulSet"
    kinds = [d for f in MANIFESTS for d in yaml.safe_load_all(f.read_text())]
    doors = [d for d in kinds if d["kind"] in {"Service", "Ingress"}]
    assert [d["metadata"]["name"] for d in doors] == ["autodialer-web"]
    assert doors[0]["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_postgresql_has_no_network_on_one_machine() -> None:
    (postgres,) = (s for file, n, s in services() if (file, n) == ("compose.yaml", "postgres"))
    assert postgres["network_mode"] == "none"
    assert "-clisten_addresses=" in postgres["command"]
    assert "trust" not in str(postgres)


def test_on_several_machines_postgresql_listens_in_the_private_network_only() -> None:
    over = yaml.safe_load((DEPLOY / "compose.several.yaml").read_text())
    listens = [w for w in over["services"]["postgres"]["command"] if "listen_addresses" in w]
    assert len(listens) == 1
    assert listens[0].startswith("-clisten_addresses=${AUTODIALER_PRIVATE_ADDRESS:?")


def test_nobody_is_root_and_nothing_can_be_written_but_volumes() -> None:
    for file, name, service in services():
        assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", service["user"]), (file, name)
        assert service["read_only"] is True, (file, name)
        assert service["cap_drop"] == ["ALL"], (file, name)
        assert service["security_opt"] == ["no-new-privileges:true"], (file, name)
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
    for name, container in containers():
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] is True, name
        assert confined["allowPrivilegeEscalation"] is False, name
        assert confined["capabilities"] == {"drop": ["ALL"]}, name
    last = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in last


def test_what_a_manifest_refers_to_is_there() -> None:
    labels = {}
    for name, pod in pods():
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, name
            doors = {port["name"] for port in container.get("ports", ())}
            doors |= {each["value"] for each in container.get("env", ()) if "PORT" in each["name"]}
            for probe in ("livenessProbe", "readinessProbe"):
                if probe in container:
                    assert str(container[probe]["httpGet"]["port"]) in doors, (name, probe)
    for file in MANIFESTS:
        for document in yaml.safe_load_all(file.read_text()):
            if "selector" not in document.get("spec", {}):
                continue
            selector = document["spec"]["selector"]
            if "template" in document["spec"]:
                labels[file.name] = document["spec"]["template"]["metadata"]["labels"]
            assert selector.get("matchLabels", selector) == labels[file.name], document["kind"]


def test_what_the_image_copies_is_there_and_sent_to_the_engine() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    sent = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    for words in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in words.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(Path(source).match(each) or source.startswith(each) for each in sent), source
    assert all(os.access(script, os.X_OK) for script in DEPLOY.glob("*.sh"))


def test_everything_that_stays_says_how_it_does() -> None:
    for file, name, service in services():
        assert "healthcheck" in service or service["restart"] == "no", (file, name)
    for name, container in containers():
        if container["name"] not in {"migrate", "undrain"}:
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez", name
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz", name


def test_images_are_pinned_and_come_from_where_the_engine_looks_itself() -> None:
    base = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    used = {str(service["image"]) for *_, service in services()}
    for image in (*base, *used, *(container["image"] for _, container in containers())):
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?", image), image


def test_secrets_stand_in_files_never_in_an_environment() -> None:
    for file in TEXTS:
        assert not re.search(r"(SECRET_KEY|DATABASE_URL|PASSWORD): ", file.read_text()), file


def test_secrets_are_made_once(tmp_path: Path) -> None:
    script = (DEPLOY / "first-run.sh").read_text().replace("/secrets", str(tmp_path))
    read = [_run_script(script, tmp_path) for _ in range(2)]
    assert read[0] == read[1]
    assert set(read[0]) == {"secret-key", "database-password", "database-url"}
    assert read[0]["database-password"] in read[0]["database-url"]
    assert read[0]["database-password"] != read[0]["secret-key"]
    assert all(len(read[0][name]) >= 32 for name in ("secret-key", "database-password"))
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"secret-key": 0o600, "database-password": 0o640, "database-url": 0o600}


def _run_script(script: str, folder: Path) -> Mapping[str, str]:
    subprocess.run(["sh", "-c", script], check=True)
    return {file.name: file.read_text() for file in folder.iterdir()}


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here")
    return found


@pytest.mark.parametrize(
    "files", [["compose.yaml"], ["compose.yaml", "compose.several.yaml"], ["compose.node.yaml"]]
)
def test_compose_itself_accepts_the_files(files: list[str]) -> None:
    words = [word for file in files for word in ("-f", str(DEPLOY / file))]
    checked = subprocess.run(
        [_tool("docker-compose"), *words, "config", "--quiet"],
        env={**os.environ, **GIVEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: str(path.name))
def test_the_schema_of_kubernetes_accepts_the_manifests(manifest: Path) -> None:
    words = [_tool("kubernetes-validate"), "--strict", str(manifest)]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    words = [_tool("hadolint"), str(DEPLOY / "Dockerfile")]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
