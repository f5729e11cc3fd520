"""Examples that nothing here can run are at least held against what they speak of: files, settings, ports."""

import pathlib
import re
import unittest

import template
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent
ROOT = DEPLOY.parent
COMPOSE = DEPLOY / "local" / "compose.yml"
KUBERNETES = DEPLOY / "kubernetes.yaml"
SETTING = re.compile(r'"(BACKFLEET_[A-Z0-9_]+)"')
WORKER_PORT = 9464


def known_settings():
    """Every environment variable that the programs read."""
    sources = [*ROOT.glob("worker/src/**/*.rs"), *ROOT.glob("coordinator/src/**/*.rs")]
    return {name for source in sources for name in SETTING.findall(source.read_text(encoding="utf-8"))}


def ours(names):
    return {name for name in names if name.startswith("BACKFLEET_")}


class Settings(unittest.TestCase):
    def test_the_programs_have_settings(self):
        self.assertIn("BACKFLEET_QUEUE", known_settings())

    def test_compose_sets_what_the_programs_read(self):
        services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        for name, service in services.items():
            self.assertLessEqual(ours(service.get("environment", {})), known_settings(), name)

    def test_kubernetes_sets_what_the_programs_read(self):
        names = {one["name"] for one in kubernetes("Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]}
        self.assertLessEqual(ours(names), known_settings())

    def test_the_template_sets_what_the_programs_read(self):
        for task in ("WorkerTaskDefinition", "CoordinatorTaskDefinition"):
            containers = template.load()["Resources"][task]["Properties"]["ContainerDefinitions"]
            names = {one["Name"] for container in containers for one in container["Environment"]}
            self.assertLessEqual(ours(names), known_settings(), task)


class Compose(unittest.TestCase):
    def test_files_that_are_mounted_are_there(self):
        described = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
        for name, service in described["services"].items():
            for volume in service.get("volumes", []):
                host = volume.split(":")[0]
                if host.startswith("."):
                    self.assertTrue((COMPOSE.parent / host).exists(), f"{name}: {host}")
                else:
                    self.assertIn(host, described["volumes"], name)

    def test_whoever_is_waited_for_is_a_service(self):
        services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        for name, service in services.items():
            self.assertLessEqual(set(service.get("depends_on", {})), set(services), name)


class Kubernetes(unittest.TestCase):
    def test_a_worker_is_asked_where_it_answers(self):
        (worker,) = kubernetes("Deployment")["spec"]["template"]["spec"]["containers"]
        self.assertEqual([port["containerPort"] for port in worker["ports"]], [WORKER_PORT])
        addresses = [one["value"] for one in worker["env"] if one["name"] == "BACKFLEET_METRICS_ADDR"]
        self.assertEqual(addresses, [f"0.0.0.0:{WORKER_PORT}"])

    def test_what_is_scaled_is_what_is_deployed(self):
        scaled = kubernetes("ScaledObject")["spec"]
        self.assertEqual(scaled["scaleTargetRef"]["name"], kubernetes("Deployment")["metadata"]["name"])
        self.assertTrue(all(trigger["type"] == "aws-sqs-queue" for trigger in scaled["triggers"]))


class PublicCi(unittest.TestCase):
    def test_it_runs_what_every_change_has_to_pass(self):
        workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
        commands = [step.get("run", "") for step in workflow["jobs"]["check"]["steps"]]
        self.assertTrue(any(command.endswith(".ci/run") for command in commands), commands)


def kubernetes(kind):
    documents = yaml.safe_load_all(KUBERNETES.read_text(encoding="utf-8"))
    (found,) = [one for one in documents if one["kind"] == kind]
    return found


if __name__ == "__main__":
    unittest.main()
