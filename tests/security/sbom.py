"""The list of parts (SBOM): what the run-time lock installs here, as CycloneDX 1.6 with hashes and licences.

    .venv/bin/python -m tests.security.sbom FILE

A licence is what the installed package says of itself, so run it where the packages are installed.
"""

import sys
from importlib.metadata import distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.security.locks import Locked, read_lock


def licence_of(name: str) -> str:
    """Return what a package says of its licence: the expression, or else what the classifiers say."""
    found = distribution(name).metadata
    classifiers = [text for text in found.get_all("Classifier", []) if text.startswith("License ::")]
    said = [text for key in ("License-Expression", "License") for text in found.get_all(key, [])]
    return said[0] if found.get_all("License-Expression") else " ".join(classifiers) or "".join(said)


def make_sbom(locked: list[Locked]) -> str:
    """Return the list of those that are for this Python and system."""
    parts = {one.name: _part(one) for one in locked if one.is_for_here}
    product = Component(name="holo", type=ComponentType.APPLICATION, bom_ref="holo")
    bom = Bom(components=parts.values())
    bom.metadata.component = product
    bom.register_dependency(product, parts.values())
    for name, part in parts.items():
        bom.register_dependency(part, [parts[each] for each in _needs(name) if each in parts])
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _part(one: Locked) -> Component:
    url = PackageURL("pypi", name=one.name, version=one.version)
    return Component(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=str(url),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in one.hashes],
        licenses=[LicenseFactory().make_from_string(licence_of(one.name))],
    )


def _needs(name: str) -> set[str]:
    """Return what a package needs, with and without extras: what of it is locked is what is needed here."""
    return {canonicalize_name(Requirement(text).name) for text in distribution(name).requires or ()}


def main() -> int:
    """Write the list into the file that is named."""
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    locked = read_lock()
    path.write_text(make_sbom(locked), encoding="utf-8")
    print(f"{path}: {sum(one.is_for_here for one in locked)} parts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
