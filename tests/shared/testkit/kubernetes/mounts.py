"""Secrets as a kubelet mounts them: links into a folder that is exchanged when the Secret changes."""

from pathlib import Path
from uuid import uuid4

from testkit.kubernetes.store import Document

Secrets = dict[tuple[str, str], Document]


class Mounts:
    """The volumes of a pod's first container that are Secrets, as folders below `folder`."""

    def __init__(self, pod: Document, secrets: Secrets, folder: Path) -> None:
        self._secrets = secrets
        self._namespace = pod["metadata"]["namespace"]
        volumes = {one["name"]: one["secret"] for one in pod["spec"].get("volumes", ()) if "secret" in one}
        mounts = pod["spec"]["containers"][0].get("volumeMounts", ())
        self._volumes = {
            one["mountPath"]: (volumes[one["name"]], folder / one["name"])
            for one in mounts
            if one["name"] in volumes
        }

    @property
    def places(self) -> dict[str, str]:
        """Where each lies on this machine, by its path in the container."""
        return {path: str(place) for path, (_, place) in self._volumes.items()}

    def write(self) -> None:
        """Have the Secrets there as they are now."""
        for volume, place in self._volumes.values():
            data = self._secrets[self._namespace, volume["secretName"]]["stringData"]
            files = place / f"..{uuid4().hex}"
            files.mkdir(parents=True)
            for item in volume["items"]:
                (files / item["path"]).write_text(data[item["key"]])
                link = place / item["path"]
                if not link.is_symlink():
                    link.symlink_to(Path("..data") / item["path"])
            _exchange(place / "..data", files.name)


def _exchange(link: Path, target: str) -> None:
    half = link.with_name(f"..half{uuid4().hex}")
    half.symlink_to(target)
    half.replace(link)
