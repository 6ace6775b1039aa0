"""The package as others get it: a wheel, and an editable install, in a fresh environment where it was not before.

This is the slow one: it builds each kind, and installs all dependencies once; pip's ordinary settings say from where.
Nothing is written into the source tree.
"""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mailrelay

ROOT = Path(__file__).parent.parent
UNWANTED = shutil.ignore_patterns(
    ".*", "var", "build", "dist", "*.egg-info", "__pycache__", "_trial_temp*", "dropin.cache"
)

#: Names in which the parts of several distributions lie, and our own.
SHARED = {"benchmarks", "mailrelay", "tests", "twisted", "zope"}


def run(*command: str | Path, folder: Path) -> str:
    """What a command prints, in a folder where nothing of ours lies; it must succeed."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "MAILRELAY"))
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("tree") / "mailrelay", ignore=UNWANTED))


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from the copy."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, tree, folder=folder)
    (built,) = folder.glob("mailrelay-*.whl")
    return built


class Environment:
    """A fresh virtual environment, and an empty folder to work from."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "venv" / "bin"
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        run(sys.executable, "-m", "venv", folder / "venv", folder=self.elsewhere)

    def run(self, program: str, *arguments: str | Path) -> str:
        return run(self.bin / program, *arguments, folder=self.elsewhere)

    def pip(self, *arguments: str | Path) -> None:
        self.run("python", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """What is installed first brings the dependencies."""
    folder = tmp_path_factory.mktemp("fresh")
    yield Environment(folder)
    shutil.rmtree(folder)


@pytest.fixture
def environment(fresh: Environment) -> Iterator[Environment]:
    """Where the package is not, before and after."""
    yield fresh
    fresh.pip("uninstall", "--yes", "mailrelay")
    assert " mailrelay " not in fresh.run("twistd", "--help")


def check(environment: Environment) -> None:
    """The installed package is whole, seen from a folder where its sources are not."""
    assert " mailrelay " in environment.run("twistd", "--help")
    assert "--sandbox" in environment.run("twistd", "mailrelay", "--help")
    assert "check-config" in environment.run("mailrelay", "--help")
    version = environment.run("python", "-c", "import importlib.metadata as m; print(m.version('mailrelay'))")
    assert version.strip() == mailrelay.__version__
    listed = environment.run("mailrelay", "dialect", "list")
    for dialect in ("standard", "emailmassivo"):
        assert dialect in listed


def test_wheel(environment: Environment, wheel: Path) -> None:
    """Installed as a wheel with its dependencies: twistd lists it, its commands work, its dialects are inside."""
    environment.pip("install", wheel)
    check(environment)


def test_editable(environment: Environment, tree: Path) -> None:
    """Installed from its sources for work on them: the same, and a change of the sources is seen."""
    environment.pip("install", "--editable", tree)
    check(environment)
    where = environment.run("python", "-c", "import mailrelay; print(mailrelay.__file__)")
    assert Path(where.strip()).is_relative_to(tree)


def test_every_file_is_in_the_wheel(wheel: Path, tree: Path) -> None:
    """Whatever lies in the package's folders, code and data, is in the wheel; tests and tools are not."""
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    here = {
        str(path.relative_to(tree))
        for folder in ("mailrelay", "twisted")
        for path in (tree / folder).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".cache")
    }
    assert inside == here


def test_every_library_is_required() -> None:
    """What the package imports, setup.cfg requires, and nothing more; what the tests import stands in their extra."""
    required = listed("options", "install_requires")
    imported = libraries("mailrelay")
    # pydantic brings its core; SQLAlchemy and Twisted import the others, or they lie in a shared name
    assert imported - {"pydantic-core"} <= required, imported - required
    assert required - imported <= {"psycopg", "service-identity", "twisted", "zope-interface"}, required - imported
    extra = listed("options.extras_require", "test")
    assert libraries("tests") - {"pydantic-core"} <= required | extra, libraries("tests") - required - extra


def listed(section: str, option: str) -> set[str]:
    """The distributions that setup.cfg lists under an option."""
    lines = setup()[section][option].splitlines()
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}


def libraries(folder: str) -> set[str]:
    """The distributions whose modules are imported by the files of a folder."""
    imported = {
        name.split(".")[0]
        for path in (ROOT / folder).rglob("*.py")
        for name in imports(path)
        if not path.with_name(f"{name}.py").exists()  # a program that runs in its own folder
    }
    owners = importlib.metadata.packages_distributions()
    foreign = imported - sys.stdlib_module_names - SHARED
    return {canonicalize_name(owner) for name in foreign for owner in owners.get(name, [name])}


def imports(path: Path) -> Iterator[str]:
    """The modules of others that a file imports, at its head or later."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_is_listed() -> None:
    """setup.cfg lists each package, and the plugin's folder, which must not be a package."""
    listed = setup()["options"]["packages"].split()
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "mailrelay").rglob("__init__.py")}
    assert listed == sorted(listed)
    assert set(listed) == found | {"twisted.plugins"}
    assert not list((ROOT / "twisted").rglob("__init__.py"))
