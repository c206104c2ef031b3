"""The bill of materials of a release, in CycloneDX 1.6: the packages that each file contains, needs, or is built from.

The text is reproducible: the serial number comes from the files, and the time from SOURCE_DATE_EPOCH. Debian packages
of the toolbox have no version, because it depends on when the image is built.
"""

import hashlib
import re
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from debugcapture import __version__
from tools.archive import source_date
from tools.vendored import LOCK, ROOT

TOOLBOX = ROOT / "deploy" / "toolbox"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "kubernetes-debug-capture")
_LICENSES = LicenseFactory()


def bill_of_materials(paths: Sequence[Path], carrying: Path) -> str:
    """Return the bill of materials of the files in ``paths``. The file ``carrying`` contains its packages."""
    product = _own("kubernetes-debug-capture", ComponentType.APPLICATION)
    bom = Bom(serial_number=_serial_number(paths), metadata=BomMetaData(component=product, timestamp=_timestamp()))
    files = [_file(file) for file in paths]
    locked, carried = list(_iterate_locked()), list(_iterate_carried(carrying))
    for file, path in zip(files, paths, strict=True):
        _register(bom, file, carried if path == carrying else locked if path.suffix in (".zip", ".whl") else [])
    toolbox = _own("debug-capture-toolbox", ComponentType.CONTAINER)
    _register(bom, toolbox, list(_toolbox(bom)))
    bom.register_dependency(product, [*files, toolbox])
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text + "\n"


def _register(bom: Bom, product: Component, needs: Sequence[Component]) -> None:
    """Add a component and its parts, unless they exist already."""
    for component in (product, *needs):
        if not any(existing.bom_ref.value == component.bom_ref.value for existing in bom.components):
            bom.components.add(component)
    bom.register_dependency(product, needs)


def _iterate_carried(zipped: Path) -> Iterator[Component]:
    """Yield the packages in the zip, with name, version and license from their metadata."""
    with zipfile.ZipFile(zipped) as archive:
        for name in archive.namelist():
            if re.fullmatch(r"[^/]+/contents/lib/[^/]+\.dist-info/METADATA", name):
                about = HeaderParser().parsestr(archive.read(name).decode())
                license_text = about["License-Expression"] or about["License"] or ""
                yield _python(about["Name"], about["Version"], license_text)


def _iterate_locked() -> Iterator[Component]:
    """Yield the packages that pip installs for the slim zip and the wheel."""
    for line in re.findall(r"(?m)^[\w.-]+==.+$", LOCK.read_text(encoding="utf-8")):
        requirement = Requirement(line.partition("\\")[0])
        yield _python(requirement.name, str(requirement.specifier).removeprefix("=="), "")


def _toolbox(bom: Bom) -> Iterator[Component]:
    """Yield the tools of the toolbox image, and register the modules that this project's tools are built from."""
    for line in (TOOLBOX / "tools.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        source, package, _ = line.split()
        if source == "go":
            tool = _own(package, ComponentType.APPLICATION)
            _register(bom, tool, list(_modules(TOOLBOX / package / "go.mod")))
            yield tool
        else:
            name, _, version = re.sub(r"==|@", " ", package).partition(" ")
            kind, space = {"debian": ("deb", "debian"), "pip": ("pypi", ""), "cargo": ("cargo", "")}[source]
            yield _library(PackageURL(kind, space or None, name, version or None))


def _modules(go_mod: Path) -> Iterator[Component]:
    for name, version in re.findall(r"(?m)^(?:require)?\s+(\S+) (v\S+)", go_mod.read_text(encoding="utf-8")):
        space, _, last = name.rpartition("/")
        yield _library(PackageURL("golang", space, last, version))


def _python(name: str, version: str, license_text: str) -> Component:
    return _library(PackageURL("pypi", None, canonicalize_name(name), version), license_text)


def _library(purl: PackageURL, license_text: str = "") -> Component:
    """Return a third-party package. Its license is included only if SPDX lists it."""
    license_ = _LICENSES.make_from_string(license_text) if license_text else None
    is_known = license_ and (isinstance(license_, LicenseExpression) or license_.id)
    name = f"{purl.namespace}/{purl.name}" if purl.type == "golang" else purl.name
    return Component(
        name=name,
        version=purl.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[license_] if license_ and is_known else [],
    )


def _own(name: str, kind: ComponentType) -> Component:
    license_ = _LICENSES.make_with_expression("Apache-2.0")
    return Component(name=name, version=__version__, type=kind, bom_ref=name, licenses=[license_])


def _file(path: Path) -> Component:
    checksum = HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(path.read_bytes()).hexdigest())
    return Component(name=path.name, type=ComponentType.FILE, bom_ref=path.name, hashes=[checksum])


def _serial_number(files: Iterable[Path]) -> uuid.UUID:
    sums = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return uuid.uuid5(_NAMESPACE, " ".join(sums))


def _timestamp() -> datetime:
    return datetime.fromtimestamp(source_date(), timezone.utc)
