"""The pod that the chart asks for, put together on this machine: its files where they are mounted, its environment, its
command, in namespaces of its own so that nothing of the machine is touched. Needs root."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

import yaml

import cast
import helm

POD = "smsc-0"
# Whatever a user's own Secret holds: a password, a token, a certificate.
SECRET = "change-me-change-me-change-me"


class Pod:
    """The files and the environment of one pod; `folder` is its root."""

    def __init__(self, documents, folder):
        self.folder = pathlib.Path(folder)
        self.documents = documents
        self.spec = helm.one(documents, "StatefulSet")["spec"]["template"]["spec"]
        self.container = self.spec["containers"][0]
        self.mounts = {mount["name"]: mount["mountPath"] for mount in self.container["volumeMounts"]}
        for volume in self.spec["volumes"]:
            self._fill(volume)
        pathlib.Path(self.folder, "var/lib/smsc").mkdir(parents=True, exist_ok=True)

    def environment(self):
        """As kubelet makes it: $(POD_NAME) stands for the pod's name."""
        found = {}
        for variable in self.container["env"]:
            value = POD if "valueFrom" in variable else variable["value"]
            found[variable["name"]] = value.replace("$(POD_NAME)", POD)
        return found

    def command(self, *arguments):
        """A command of smsc inside the pod: its /etc/smsc and /var/lib/smsc, a network of its own, a user that is not root."""
        user = self.spec["securityContext"]["runAsUser"]
        script = (
            f"mount --bind {self.folder}/etc/smsc /etc/smsc &&"
            f" mount --bind {self.folder}/var/lib/smsc /var/lib/smsc && ip link set lo up"
            f' && exec setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs --bounding-set=-all "$@"'
        )
        return ["unshare", "--mount", "--net", "sh", "-c", script, "pod", cast.smsc(), *arguments]

    def port(self, name):
        return next(port["containerPort"] for port in self.container["ports"] if port["name"] == name)

    def _fill(self, volume):
        """Writes what kubelet would mount."""
        to = self.mounts[volume["name"]]
        if "configMap" in volume:
            self._write(to, self._data("ConfigMap", volume["configMap"]["name"]))
        elif "secret" in volume:
            source = volume["secret"]
            self._write(to, self._data("Secret", source["secretName"], source.get("items")))
        elif "projected" in volume:
            for source in (source["secret"] for source in volume["projected"]["sources"]):
                self._write(to, self._data("Secret", source["name"], source.get("items"), source.get("optional")))

    def _data(self, kind, name, items=None, optional=False):
        """What the object holds; one that the user brings is made up."""
        rendered = [d for d in self.documents if (d["kind"], d["metadata"]["name"]) == (kind, name)]
        if rendered:
            held = {**(rendered[0].get("data") or {}), **(rendered[0].get("stringData") or {})}
        elif optional:
            return {}
        elif "certificate" in name or name.endswith("-tls"):
            held = cast.certificate()
        elif name == "smsc-db-ca":
            held = {"ca.crt": cast.certificate()["ca.crt"]}
        elif name == "operator-authorities":
            held = {"north.crt": cast.certificate()["ca.crt"]}
        else:
            held = {item["key"]: SECRET for item in items or []} or self._passwords()
        return {item["path"]: held[item["key"]] for item in items} if items else held

    def _passwords(self):
        """Every password that the configuration wants to find in a file."""
        config = yaml.safe_load(helm.configuration(self.documents))
        peers = config.get("account", []) + config.get("operator", [])
        return {pathlib.Path(peer["password_file"]).name: SECRET for peer in peers if "password_file" in peer}

    def _write(self, to, files):
        folder = self.folder / to.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)


@contextlib.contextmanager
def pod(documents):
    """A pod of those objects."""
    if os.geteuid() != 0:
        cast.skip("a pod's mounts and network need root")
    if subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True).returncode != 0:
        cast.skip("this machine allows no mounts and networks of one's own (unshare)")
    mounted_at = [path for path in (pathlib.Path("/etc/smsc"), pathlib.Path("/var/lib/smsc")) if not path.exists()]
    with tempfile.TemporaryDirectory(prefix="smsc-pod-") as folder:
        made = Pod(documents, folder)
        subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)
        # A mount needs a folder to lie on, which is taken away again.
        for path in mounted_at:
            path.mkdir()
        try:
            yield made
        finally:
            for path in mounted_at:
                path.rmdir()
