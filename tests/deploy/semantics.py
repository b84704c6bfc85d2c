"""What no schema sees of the objects of one release: whether they fit each other. `faults` gives a list of sentences."""

import re

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def faults(documents):
    found = []

    def unless(good, sentence):
        if not good:
            found.append(sentence)

    names = set()
    for document in documents:
        name = (document["kind"], document["metadata"]["name"])
        unless(name not in names, f"{name} is there twice")
        names.add(name)
        unless(re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name[1]), f"{name} is no name")
        unless(document["kind"] != "Service" or len(name[1]) <= 63, f"{name} is too long for a Service")
        for key, value in (document["metadata"].get("labels") or {}).items():
            unless(re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?", str(value)), f"{name}: label {key}={value}")
    of = lambda kind: [document for document in documents if document["kind"] == kind]
    for workload in of("StatefulSet"):
        _workload(workload, of, unless)
    for pod in of("StatefulSet") + of("Pod"):
        _restricted(pod["spec"].get("template", pod)["spec"], unless)
    return found


def _workload(workload, of, unless):
    spec, template = workload["spec"], workload["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    unless(selects(spec["selector"]["matchLabels"], labels), "the StatefulSet does not select its own pods")
    unless(set(spec["selector"]["matchLabels"]) <= {"app.kubernetes.io/name", "app.kubernetes.io/instance"}, "a selector can never be changed: name and instance only")
    unless(len(workload["metadata"]["name"]) <= 52, "the StatefulSet's name is too long for controller-revision-hash")
    headless = [service for service in of("Service") if service["metadata"]["name"] == spec["serviceName"]]
    unless(headless and headless[0]["spec"].get("clusterIP") == "None", "serviceName is no headless Service")
    unless(headless and headless[0]["spec"].get("publishNotReadyAddresses"), "peers that are not ready cannot be found")
    claims = spec.get("volumeClaimTemplates", [])
    for claim in claims:
        versioned = {"helm.sh/chart", "app.kubernetes.io/version"} & set(claim["metadata"].get("labels", {}))
        unless(not versioned, f"volumeClaimTemplates carry {versioned}: no upgrade would pass")
    volumes = {volume["name"] for volume in pod.get("volumes", [])} | {claim["metadata"]["name"] for claim in claims}
    ports = {}
    for container in pod["containers"]:
        for mount in container.get("volumeMounts", []):
            unless(mount["name"] in volumes, f"mount {mount['name']} has no volume")
        for port in container.get("ports", []):
            unless(re.fullmatch(r"[a-z0-9-]{1,15}", port["name"]), f"port name {port['name']}")
            unless(port["name"] not in ports and port["containerPort"] not in ports.values(), f"port {port} is there twice")
            ports[port["name"]] = port["containerPort"]
        for probe in PROBES:
            asked = container.get(probe, {}).get("httpGet", {})
            unless(asked.get("port") in ports, f"{probe} asks no port of the container")
        unless(not container["image"].endswith(":latest"), "the image is whatever was newest")
        unless("cpu" not in container["resources"].get("limits", {}), "a limit of CPU makes a node miss its timers")
    for constraint in pod.get("topologySpreadConstraints", []):
        unless(selects(constraint["labelSelector"]["matchLabels"], labels), "a spread constraint counts other pods")
    for service in of("Service"):
        selector = {k: v for k, v in service["spec"]["selector"].items() if k != "statefulset.kubernetes.io/pod-name"}
        unless(selects(selector, labels), f"Service {service['metadata']['name']} selects nothing")
        for port in service["spec"]["ports"]:
            unless(port["targetPort"] in ports, f"Service {service['metadata']['name']}: no port {port['targetPort']}")
    for budget in of("PodDisruptionBudget"):
        unless(selects(budget["spec"]["selector"]["matchLabels"], labels), "the disruption budget counts nothing")
    for scaler in of("HorizontalPodAutoscaler"):
        unless(scaler["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"], "the scaler scales nothing")
        unless("replicas" not in spec, "replicas would undo what the scaler does, at each upgrade")
    for policy in of("NetworkPolicy"):
        unless(selects(policy["spec"]["podSelector"]["matchLabels"], labels), "the network policy protects nothing")
        allowed = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        unless(allowed == set(ports), f"the network policy lets {allowed} in, and the pod listens on {set(ports)}")
    for monitor in of("PodMonitor"):
        unless(selects(monitor["spec"]["selector"]["matchLabels"], labels), "the PodMonitor finds nothing")
    for monitor in of("ServiceMonitor"):
        found = [s for s in of("Service") if selects(monitor["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
        unless(len(found) == 1, f"the ServiceMonitor finds {len(found)} Services: each node would be scraped so often")


def _restricted(pod, unless):
    """Pod Security Standards: restricted."""
    context = pod.get("securityContext", {})
    unless(context.get("runAsNonRoot") and context.get("runAsUser"), "a pod may run as root")
    unless(context.get("seccompProfile", {}).get("type") == "RuntimeDefault", "a pod has no seccomp profile")
    unless(pod.get("automountServiceAccountToken") is False, "a pod gets a token of the API server")
    unless(pod.get("enableServiceLinks") is False, "a pod gets variables of Services, which could be taken for ours")
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        unless(own.get("readOnlyRootFilesystem") and own.get("allowPrivilegeEscalation") is False, "a container may write to its image or gain rights")
        unless("ALL" in own.get("capabilities", {}).get("drop", []), "a container keeps capabilities")
        unless(container.get("resources", {}).get("limits", {}).get("memory"), "a container has no limit of memory")
