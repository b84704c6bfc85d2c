"""The image: built twice from the same binary, and run as a container. Long: `tests/deploy/run --long`."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import cast


@unittest.skipUnless(os.environ.get("SMSC_DEPLOY_LONG"), "tests/deploy/run --long builds the image")
class TheImage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.buildah = cast.program("buildah")
        if os.geteuid() != 0:
            cast.skip("buildah --isolation chroot needs root here")
        cls.storage = tempfile.TemporaryDirectory(prefix="smsc-image-", ignore_cleanup_errors=True)
        folder = cls.storage.name
        # Storage of its own, which needs no privilege and leaves nothing.
        pathlib.Path(folder, "storage.conf").write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
        cls.environment = {**os.environ, "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf"}
        cls.run_([cast.ROOT / "deploy/build-image", "localhost/smsc:one"])

    @classmethod
    def tearDownClass(cls):
        cls.run_([cls.buildah, "rm", "--all"])
        cls.run_([cls.buildah, "rmi", "--all", "--force"])
        cls.storage.cleanup()

    @classmethod
    def run_(cls, command, **options):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=cls.environment, **options)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def container(self):
        return self.run_([self.buildah, "from", "--pull-never", "localhost/smsc:one"])

    def test_is_the_same_when_it_is_built_again(self):
        identity = lambda tag: self.run_([self.buildah, "inspect", "--type=image", "--format={{.FromImageID}}", tag])
        self.run_([cast.ROOT / "deploy/build-image", "localhost/smsc:two"])
        self.assertEqual(identity("localhost/smsc:one"), identity("localhost/smsc:two"))

    def test_is_small_runs_as_nobody_special_and_says_what_it_is(self):
        config = lambda field: self.run_([self.buildah, "inspect", "--type=image", "--format={{" + field + "}}", "localhost/smsc:one"])
        self.assertEqual(config(".OCIv1.Config.User"), "10001:10001")
        self.assertEqual(config(".OCIv1.Config.StopSignal"), "SIGTERM")
        self.assertIn("smsc", config(".OCIv1.Config.Labels"))
        folder = self.run_([self.buildah, "mount", self.container()])
        size = sum(file.stat().st_size for file in pathlib.Path(folder).rglob("*") if file.is_file())
        self.assertLess(size, 30 << 20)

    def test_a_message_passes_through_a_container_with_names_from_its_hosts_file(self):
        name = self.container()
        smpp, web = cast.free_port(), cast.free_port()
        with tempfile.TemporaryDirectory() as folder, cast.operator() as port:
            pathlib.Path(folder, "smsc.toml").write_text(f"""
node = {{ data_dir = "/var/lib/smsc" }}
listener = [{{ address = "127.0.0.1:{smpp}" }}]
http = {{ address = "127.0.0.1:{web}" }}
account = [{{ system_id = "demo", password = "demo" }}]
operator = [{{ name = "north", addresses = ["localhost:{port}"], system_id = "smsc", password = "x" }}]
route = [{{ prefix = "", operators = [{{ name = "north" }}] }}]
drain = {{ lb_delay = "0s" }}
store = {{ disk_free_min = "1MiB" }}
""")
            os.chmod(folder, 0o755)
            run = [self.buildah, "run", "--isolation=chroot", f"--volume={folder}:/etc/smsc:ro", name, "--", "/smsc"]
            self.run_([*run, "check", "/etc/smsc/smsc.toml"])
            with cast.process(*run, "run", "--config", "/etc/smsc/smsc.toml", env=self.environment, start_new_session=True) as child:
                try:
                    cast.until("the node is ready", lambda: (cast.get(web, "/readyz") or (0,))[0] == 200)
                    send = [*run, "send", "--to=46701234567", f"--smsc=127.0.0.1:{smpp}"]
                    self.assertIn("DELIVRD", self.run_(send, timeout=60))
                finally:
                    # buildah passes no signal on to what it runs.
                    os.killpg(child.pid, 15)
                    child.wait(timeout=cast.PATIENCE)
